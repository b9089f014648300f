import type { ClientRequest } from 'node:http';
import { reportFailure } from '../notice.ts';

/** `_storeHeader` of Node 20: makes a request's header block, from an object of Node's own, an array, or pairs. */
type StoreHeader = (this: ClientRequest, firstLine: string, headers: unknown) => void;

interface HeaderWriter {
  _storeHeader: StoreHeader;
}

/**
 * Node 20 has no channel for a new client request. Every one of them, made with `http` or `https`, from an ES module
 * or not, passes through `_storeHeader` of its prototype once, before its first byte is sent: there, `begin` is called
 * and the headers it returns are sent along. Node 20 takes no changes any more, so its inside will stay.
 *
 * @returns takes the patch off again.
 */
export function patchHeaderWriting(
  prototype: ClientRequest,
  begin: (request: ClientRequest) => [name: string, value: string][],
): () => void {
  const writer = prototype as unknown as HeaderWriter;
  const original = writer._storeHeader;
  const patched: StoreHeader = function (firstLine, headers) {
    let written = headers;
    try {
      written = addHeaders(this, headers, begin(this));
    } catch (error) {
      reportFailure('http client', error);
    }
    original.call(this, firstLine, written);
  };
  writer._storeHeader = patched;
  return () => {
    if (writer._storeHeader === patched) Reflect.deleteProperty(writer, '_storeHeader');
  };
}

function addHeaders(request: ClientRequest, headers: unknown, additions: [string, string][]): unknown {
  if (additions.length === 0) return headers;
  if (Array.isArray(headers)) {
    const added = new Set(additions.map(([name]) => name));
    if (Array.isArray(headers[0])) {
      return [...headers.filter(([name]) => !added.has(String(name).toLowerCase())), ...additions];
    }
    const kept = headers.flatMap((name: unknown, index) =>
      index % 2 === 0 && !added.has(String(name).toLowerCase()) ? [name, headers[index + 1] as unknown] : [],
    );
    return [...kept, ...additions.flat(1)];
  }
  // Without a single header there is no object yet that setHeader could add to.
  if (headers === null || headers === undefined) return Object.fromEntries(additions);
  for (const [name, value] of additions) request.setHeader(name, value);
  return headers;
}

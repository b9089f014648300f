import type { ClientRequest } from 'node:http';
import { reportFailure } from '../notice.ts';
import { addToHeader } from './outgoing-headers.ts';

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

function addHeaders(request: ClientRequest, headers: unknown, ours: [string, string][]): unknown {
  if (ours.length === 0) return headers;
  if (Array.isArray(headers)) return addToArray(headers, ours);
  // Without a single header there is no object yet that setHeader could add to.
  if (headers === null || headers === undefined) return Object.fromEntries(ours);
  setHeaders(request, ours);
  return headers;
}

/** @param headers pairs, or names and values in turn; what comes back is of the same form. */
function addToArray(headers: unknown[], ours: [string, string][]): unknown[] {
  const pairs = Array.isArray(headers[0])
    ? (headers as [unknown, unknown][])
    : headers.flatMap((name, index): [unknown, unknown][] => (index % 2 === 0 ? [[name, headers[index + 1]]] : []));
  const added = new Set(ours.map(([name]) => name));
  const kept = pairs.filter(([name]) => !added.has(String(name).toLowerCase()));
  const own = (name: string): string[] =>
    pairs.filter(([key]) => String(key).toLowerCase() === name).flatMap(([, value]) => [value].flat().map(String));
  const all = [...kept, ...ours.map(([name, value]): [string, string] => [name, addToHeader(name, own(name), value)])];
  return Array.isArray(headers[0]) ? all : all.flat(1);
}

/** Sets headers on a request whose headers are not written yet. */
export function setHeaders(request: ClientRequest, headers: readonly [name: string, value: string][]): void {
  for (const [name, value] of headers) {
    const own = name === 'baggage' ? request.getHeader(name) : undefined;
    request.setHeader(name, own === undefined ? value : addToHeader(name, [own].flat().map(String), value));
  }
}

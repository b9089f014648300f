import type { IncomingMessage, ServerResponse } from 'node:http';
import type { SpanIdentity } from '../api/span-identity.ts';
import { http } from '../builtin-modules.ts';
import { reportFailure } from '../notice.ts';
import { traceparentOf } from '../propagate/trace-context-propagator.ts';
import { rawHeader } from './incoming-headers.ts';

const announcedSpan = Symbol('clew.announcedSpan');

interface AnnouncingResponse extends ServerResponse {
  [announcedSpan]?: SpanIdentity;
}

/** `_storeHeader`: makes a response's head from the status line and the headers, once, before its first byte is sent. */
type StoreHeader = (this: AnnouncingResponse, statusLine: string, headers: unknown) => void;

/** Marks a response: its head will tell which trace the request became. */
export function announceSpan(response: ServerResponse, span: SpanIdentity): void {
  (response as AnnouncingResponse)[announcedSpan] = span;
}

/**
 * Makes marked responses tell the caller their trace: `Server-Timing: trace;desc=00-…`, which a browser's page can read,
 * and `traceresponse`, its older form. What the app puts into Server-Timing stays: repeated lines of a list header are
 * one list. For a request from another origin (it has an `Origin` header) both are named in
 * Access-Control-Expose-Headers.
 *
 * Every response passes through `_storeHeader` of the prototype, however its headers were given. Our lines go behind
 * the status line: through `setHeader` they would cost three times as much, more than the whole span. Should a future
 * Node have no such method, responses stay as they are.
 *
 * @returns takes the patch off again.
 */
export function announceSpans(): () => void {
  const prototype = http.ServerResponse.prototype as unknown as { _storeHeader?: StoreHeader };
  const original = prototype._storeHeader;
  if (typeof original !== 'function') return () => {};
  const announcing: StoreHeader = function (statusLine, headers) {
    const span = this[announcedSpan];
    let lines = statusLine;
    if (span !== undefined) {
      try {
        if (!namesTrace(headers)) lines += linesFor(this, span);
      } catch (error) {
        reportFailure('response headers', error);
      }
    }
    original.call(this, lines, headers);
  };
  prototype._storeHeader = announcing;
  return () => {
    if (prototype._storeHeader === announcing) prototype._storeHeader = original;
  };
}

/**
 * Whether the app tells the trace itself: a proxy passes on the headers of the server that it asked, and of two such
 * headers none would count.
 *
 * @param headers as Node gives them: an object, `[name, value, …]`, pairs, or nothing.
 */
function namesTrace(headers: unknown): boolean {
  if (Array.isArray(headers)) {
    return headers.some((item, index) => isTraceresponse(Array.isArray(item) ? item[0] : index % 2 === 0 ? item : ''));
  }
  for (const name in headers as Record<string, unknown> | undefined) if (isTraceresponse(name)) return true;
  return false;
}

function isTraceresponse(name: unknown): boolean {
  return typeof name === 'string' && name.length === 13 && name.toLowerCase() === 'traceresponse';
}

function linesFor(response: ServerResponse, span: SpanIdentity): string {
  const id = traceparentOf(span);
  const lines = `Server-Timing: trace;desc=${id}\r\ntraceresponse: ${id}\r\n`;
  // A response that the app made itself, without a request, has none to look at.
  const request = response.req as IncomingMessage | undefined;
  if (request === undefined || rawHeader(request, 'origin') === undefined) return lines;
  return `${lines}Access-Control-Expose-Headers: Server-Timing, traceresponse\r\n`;
}

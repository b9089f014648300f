import type { OutgoingHttpHeader, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { SpanIdentity } from '../api/span-identity.ts';
import { reportFailure } from '../notice.ts';
import { traceparentOf } from '../propagate/trace-context-propagator.ts';
import { rawHeader } from './incoming-headers.ts';

const announcedSpan = Symbol('clew.announcedSpan');

interface AnnouncingResponse extends ServerResponse {
  [announcedSpan]?: SpanIdentity;
}

/**
 * Tells the caller which trace its request became: `Server-Timing: trace;desc=00-…`, which a browser's page can read,
 * and `traceresponse`, its older form. What the app puts into Server-Timing stays. For a request from another origin
 * (it has an `Origin` header) both are named in Access-Control-Expose-Headers.
 *
 * The headers are added when the app's are complete, in `writeHead`, which Node calls itself when the app does not.
 */
export function announceSpan(response: ServerResponse, span: SpanIdentity): void {
  const announcing = response as AnnouncingResponse;
  announcing[announcedSpan] = span;
  announcing.writeHead = writeHeadAnnouncing;
}

type HeadersArgument = OutgoingHttpHeaders | OutgoingHttpHeader[] | undefined;

/** `ServerResponse.writeHead`; its overloads in one. */
type WriteHead = (
  this: ServerResponse,
  statusCode: number,
  ...rest: (string | HeadersArgument)[]
) => AnnouncingResponse;

/** One function for all responses, so that announcing costs no closure. */
function writeHeadAnnouncing(
  this: AnnouncingResponse,
  statusCode: number,
  reasonOrHeaders?: string | HeadersArgument,
  headers?: HeadersArgument,
): AnnouncingResponse {
  const { writeHead } = Object.getPrototypeOf(this) as { writeHead: WriteHead };
  const hasReason = typeof reasonOrHeaders === 'string';
  let given = hasReason ? headers : (reasonOrHeaders ?? headers);
  try {
    if (!this.headersSent) given = addHeaders(this, given);
  } catch (error) {
    reportFailure('response headers', error);
  }
  return hasReason ? writeHead.call(this, statusCode, reasonOrHeaders, given) : writeHead.call(this, statusCode, given);
}

/** Adds our headers to the response, or to a copy of the headers that the app passed; these win over the response's. */
function addHeaders(response: AnnouncingResponse, given: HeadersArgument): HeadersArgument {
  const id = traceparentOf(response[announcedSpan]!);
  const additions: [name: string, value: string][] = [['Server-Timing', `trace;desc=${id}`]];
  if (rawHeader(response.req, 'origin') !== undefined) {
    additions.push(['Access-Control-Expose-Headers', 'Server-Timing, traceresponse']);
  }
  if (given === undefined || given === null) {
    for (const [name, value] of additions) response.setHeader(name, append(response.getHeader(name), value));
    response.setHeader('traceresponse', id);
    return given;
  }
  if (Array.isArray(given)) return appendToList(response, given, additions, id);
  const merged: OutgoingHttpHeaders = { ...given, traceresponse: id };
  for (const [name, value] of additions) {
    const givenName = Object.keys(given).find((key) => key.toLowerCase() === name.toLowerCase());
    merged[givenName ?? name] = append(givenName === undefined ? response.getHeader(name) : given[givenName], value);
  }
  return merged;
}

/** `writeHead` also takes `[name, value, …]` and `[[name, value], …]`; repeated names in a list are legal. */
function appendToList(
  response: AnnouncingResponse,
  given: OutgoingHttpHeader[],
  additions: readonly [string, string][],
  id: string,
): OutgoingHttpHeader[] {
  const pairs: [string, OutgoingHttpHeader][] = [['traceresponse', id]];
  for (const [name, value] of additions) pairs.push([name, append(response.getHeader(name), value)]);
  const isNested = Array.isArray(given[0]);
  return [...given, ...((isNested ? pairs : pairs.flat(1)) as OutgoingHttpHeader[])];
}

function append(before: OutgoingHttpHeader | undefined, value: string): string | string[] {
  if (before === undefined) return value;
  return Array.isArray(before) ? [...before, value] : [String(before), value];
}

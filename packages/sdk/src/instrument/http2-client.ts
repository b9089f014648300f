import type {
  ClientHttp2Session,
  ClientHttp2Stream,
  ClientSessionRequestOptions,
  IncomingHttpHeaders,
  OutgoingHttpHeaders,
} from 'node:http2';
import { PassThrough } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { AttributeValue } from '@clew/wire';
import { defaultTextMapSetter, SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { contextWithSpan } from '../context/clew-context.ts';
import { activeContext, bindEmitter, isTracingSuppressed } from '../context/context-manager.ts';
import { reportFailure } from '../notice.ts';
import { RecordingSpan } from '../record/recording-span.ts';
import { replaceMethod } from '../replace-method.ts';
import { capturedClientHeaders, flattenHeaders, pushCapturedHeaders, setCapturedHeaders } from './captured-headers.ts';
import { failSpan } from './client-errors.ts';
import { subscribeGuarded } from './guarded-subscribe.ts';
import { httpAttribute, pushMethod, setPeer, spanNameOf } from './http-conventions.ts';
import { callHook } from './http-hooks.ts';
import { whenHttp2Loads } from './http2-loading.ts';
import type { InstrumentOptions } from './instrument-options.ts';
import { addToHeader, outgoingHeaders, withoutBaggage } from './outgoing-headers.ts';
import { pushOutgoingTarget } from './outgoing-target.ts';

type Headers = OutgoingHttpHeaders | readonly string[] | undefined;
type Request = (
  this: ClientHttp2Session,
  headers?: Headers,
  options?: ClientSessionRequestOptions,
) => ClientHttp2Stream;

/** What a request is about, before there is a stream. */
interface Outgoing {
  readonly method: string;
  readonly scheme: string;
  readonly authority: string;
  readonly path: string;
  readonly headers: Headers;
}

const clientSpan = Symbol('clew.clientSpan');
/** On the sockets of fetch and undici. */
const ofUndici = Symbol('clew.ofUndici');

interface UndiciSocket {
  [ofUndici]?: boolean;
}

interface TracedStream extends ClientHttp2Stream {
  [clientSpan]?: RecordingSpan;
}

/**
 * A span for every stream that `session.request` of `node:http2` opens, until it closes, with the conventions of HTTP/1.
 * A stream's headers are written before Node tells of it, so `request` itself is patched, on the prototype of all
 * sessions, once the app has loaded the module. gRPC is left to its own instrumentation, as in the server, and requests of
 * fetch, which may speak HTTP/2, have a span already.
 *
 * @returns stops tracing.
 */
export function traceHttp2Client(options: InstrumentOptions): () => void {
  let restore: (() => void) | undefined;
  const stopWaiting = whenHttp2Loads((http2) => {
    const { prototype, authorityKey } = describeSessions(http2);
    restore = replaceMethod(prototype, 'request', (original) => patchRequest(original, authorityKey, options));
  });
  const stopMarking = subscribeGuarded<{ socket: UndiciSocket }>('undici:client:connected', ({ socket }) => {
    socket[ofUndici] = true;
  });
  return () => {
    stopWaiting();
    stopMarking();
    restore?.();
  };
}

interface SessionPrototype {
  request: Request;
}

/**
 * Node does not export the class of sessions, nor tell for which authority one is: a session that is connected to
 * nothing shows both.
 */
function describeSessions(http2: typeof import('node:http2')): {
  prototype: SessionPrototype;
  authorityKey: symbol | undefined;
} {
  const authority = 'clew.invalid:81';
  const session = http2.connect(`http://${authority}`, { createConnection: () => new PassThrough() });
  session.on('error', () => undefined);
  const values = session as unknown as Record<symbol, unknown>;
  const authorityKey = Object.getOwnPropertySymbols(session).find((key) => values[key] === authority);
  session.destroy();
  return { prototype: Object.getPrototypeOf(session) as SessionPrototype, authorityKey };
}

function patchRequest(original: Request, authorityKey: symbol | undefined, options: InstrumentOptions): Request {
  return function (headers, requestOptions) {
    let traced: Traced | undefined;
    try {
      if (!isOfUndici(this)) traced = begin(readOutgoing(this, headers, authorityKey), options);
    } catch (error) {
      reportFailure('http2 client', error);
    }
    if (traced === undefined) return original.call(this, headers, requestOptions);
    const { span, parent, sent } = traced;
    let stream: TracedStream;
    try {
      stream = original.call(this, sent, requestOptions);
    } catch (error) {
      if (span instanceof RecordingSpan) {
        failSpan(span, error);
        span.end();
      }
      throw error;
    }
    // Its events come from the session, which may belong to another request.
    bindEmitter(stream, parent);
    if (span instanceof RecordingSpan) {
      stream[clientSpan] = span;
      stream.on('response', noteResponse);
      const { responseHook, requestHook } = options.http;
      if (responseHook !== undefined) {
        stream.on('response', () => callHook('http.responseHook', responseHook, span, stream));
      }
      stream.on('close', finishSpan);
      callHook('http.requestHook', requestHook, span, stream);
    }
    return stream;
  };
}

type Traced = {
  readonly span: ReturnType<InstrumentOptions['tracer']['begin']>;
  readonly parent: ReturnType<typeof activeContext>;
  readonly sent: Headers;
};

function begin(outgoing: Outgoing, options: InstrumentOptions): Traced | undefined {
  const { tracer, propagator, mayHaveBaggage, http } = options;
  const parent = activeContext();
  if (isTracingSuppressed(parent)) return undefined;
  const { headers, method, authority, scheme, path } = outgoing;
  if (headerOf(headers, 'content-type')?.startsWith('application/grpc') === true) return undefined;
  const { ignoreOutgoingRequestHook: ignore } = http;
  const asked = { method, url: `${scheme}://${authority}${path}` };
  if (ignore !== undefined && callHook('http.ignoreOutgoingRequestHook', ignore, asked) === true) return undefined;
  const span = tracer.begin(spanNameOf(method), SpanKind.CLIENT, parent, describeOutgoing, outgoing);
  const isTrusted = mayHaveBaggage === undefined || mayHaveBaggage(hostOf(authority));
  const context = contextWithSpan(isTrusted ? parent : withoutBaggage(parent), span);
  if (propagator === undefined) return { span, parent, sent: withHeaders(headers, outgoingHeaders(span, context)) };
  const carrier: Record<string, string> = {};
  propagator.inject(context, carrier, defaultTextMapSetter);
  return { span, parent, sent: withHeaders(headers, Object.entries(carrier)) };
}

function readOutgoing(session: ClientHttp2Session, headers: Headers, authorityKey: symbol | undefined): Outgoing {
  const scheme = headerOf(headers, ':scheme') ?? (isEncrypted(session) ? 'https' : 'http');
  const own = authorityKey === undefined ? '' : (session as unknown as Record<symbol, unknown>)[authorityKey];
  // Node names the port always; a URL does not when it is that of the scheme.
  const authority = String(own ?? '').replace(scheme === 'https' ? /:443$/ : /:80$/, '');
  return {
    method: headerOf(headers, ':method') ?? 'GET',
    scheme,
    // One session may serve several authorities, which the app then names. A Host header comes from a proxy's caller.
    authority: headerOf(headers, ':authority') ?? (authority === '' ? (headerOf(headers, 'host') ?? '') : authority),
    path: headerOf(headers, ':path') ?? '/',
    headers,
  };
}

function isOfUndici(session: ClientHttp2Session): boolean {
  return (session.socket as UndiciSocket)[ofUndici] === true;
}

/** Before it is connected, a session does not know; its socket does. */
function isEncrypted(session: ClientHttp2Session): boolean {
  return session.encrypted ?? (session.socket as Partial<TLSSocket>).encrypted === true;
}

/** Newer versions of Node also take `[name, value, …]`. */
function headerOf(headers: Headers, name: string): string | undefined {
  if (headers === undefined || headers === null) return undefined;
  if (Array.isArray(headers)) {
    const index = headers.findIndex((item, at) => at % 2 === 0 && String(item).toLowerCase() === name);
    return index < 0 ? undefined : String(headers[index + 1]);
  }
  const given = headers as OutgoingHttpHeaders;
  const value = given[name] ?? given[Object.keys(given).find((key) => key.toLowerCase() === name) ?? name];
  return value === undefined ? undefined : String(value);
}

/** The headers with ours; those of the same names, which the app has set, give way. */
function withHeaders(headers: Headers, ours: readonly [name: string, value: string][]): Headers {
  if (ours.length === 0) return headers;
  const added = new Set(ours.map(([name]) => name));
  const additions = ours.map(([name, value]): [string, string] => [
    name,
    addToHeader(name, [headerOf(headers, name) ?? []].flat(), value),
  ]);
  if (Array.isArray(headers)) {
    const kept = headers.filter((_, at) => !added.has(String(headers[at - (at % 2)]).toLowerCase()));
    return [...kept, ...additions.flat()];
  }
  const kept = Object.entries((headers ?? {}) as OutgoingHttpHeaders).filter(([key]) => !added.has(key.toLowerCase()));
  const sent: OutgoingHttpHeaders = Object.fromEntries([...kept, ...additions]);
  // Which headers must not be indexed stands under a symbol.
  for (const key of Object.getOwnPropertySymbols(headers ?? {})) {
    Object.assign(sent, { [key]: (headers as unknown as Record<symbol, unknown>)[key] });
  }
  return sent;
}

function describeOutgoing({ method, scheme, authority, path, headers }: Outgoing): AttributeValue[] {
  const attributes: AttributeValue[] = [];
  pushMethod(attributes, method);
  // CONNECT has no path; its target is the authority that the app gives.
  pushOutgoingTarget(attributes, method, `${scheme}:`, authority, path);
  attributes.push(httpAttribute.protocolVersion, '2');
  const { request: captured } = capturedClientHeaders;
  if (captured.length > 0) {
    const flat = Array.isArray(headers) ? headers.map(String) : flattenHeaders(headers as OutgoingHttpHeaders);
    pushCapturedHeaders(attributes, 'request', captured, flat);
  }
  return attributes;
}

function hostOf(authority: string): string {
  return authority.replace(/:\d*$/, '').replace(/^\[|\]$/g, '');
}

/** One function for all streams, so that a stream costs no closure. */
function noteResponse(this: TracedStream, headers: IncomingHttpHeaders): void {
  const span = this[clientSpan];
  if (span === undefined) return;
  try {
    const status = Number(headers[':status'] ?? 0);
    span.setAttribute(httpAttribute.statusCode, status);
    if (this.session !== undefined && !this.session.destroyed) setPeer(span, this.session.socket);
    const { response: captured } = capturedClientHeaders;
    if (captured.length > 0) setCapturedHeaders(span, 'response', captured, flattenHeaders(headers));
    if (status < 400) return;
    span.setAttribute(httpAttribute.errorType, String(status));
    span.setStatus({ code: SpanStatusCode.ERROR });
  } catch (error) {
    reportFailure('http2 client', error);
  }
}

function finishSpan(this: TracedStream): void {
  const span = this[clientSpan];
  if (span === undefined) return;
  try {
    const error: unknown = this.errored;
    if (error !== null && error !== undefined) failSpan(span, error);
    span.end();
  } catch (error) {
    reportFailure('http2 client', error);
  }
}

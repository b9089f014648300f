import type { Http2Server, IncomingHttpHeaders, OutgoingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { AttributeValue } from '@clew/wire';
import { SpanKind } from '@opentelemetry/api';
import type { SpanIdentity } from '../api/span-identity.ts';
import { contextWithSpan } from '../context/clew-context.ts';
import { bindEmitter, contextStorage, suppressedContext } from '../context/context-manager.ts';
import { reportFailure } from '../notice.ts';
import { traceparentOf } from '../propagate/trace-context-propagator.ts';
import { RecordingSpan } from '../record/recording-span.ts';
import { capturedServerHeaders, flattenHeaders, setCapturedHeaders } from './captured-headers.ts';
import { describeIncoming } from './describe-incoming.ts';
import { subscribeGuarded } from './guarded-subscribe.ts';
import { spanNameOf } from './http-conventions.ts';
import { callHook } from './http-hooks.ts';
import type { HttpServerOptions } from './http-server.ts';
import { contextOfRequest } from './incoming-headers.ts';
import { type RoutedResponse, routeOf } from './route.ts';
import { describeOutcome, type Interruption } from './server-outcome.ts';

const tracedStream = Symbol('clew.tracedStream');
const closedHere = Symbol('clew.closedHere');

interface Traced {
  readonly span: SpanIdentity;
  readonly method: string;
  readonly isFromOtherOrigin: boolean;
}

interface TracedStream extends ServerHttp2Stream, RoutedResponse {
  [tracedStream]?: Traced;
  [closedHere]?: boolean;
  readonly stream?: never;
}

/**
 * A span for every stream that an HTTP/2 server of this process takes, with the conventions of HTTP/1. Node publishes
 * servers that begin to listen; a listener of ours for their streams, in front of the app's, is all that is needed, on
 * every version of Node and without loading `node:http2` where the app does not.
 *
 * gRPC is left to its own instrumentation: a call is no HTTP request, and would have two server spans.
 *
 * @returns stops tracing.
 */
export function traceHttp2Server({ tracer, propagator, responseHeaders, http }: HttpServerOptions): () => void {
  const { requestHook, responseHook, ignoreIncomingRequestHook } = http;
  /** On 'close' of the stream: one function for all, so that a stream costs no closure. */
  function finishSpan(this: TracedStream): void {
    const { span, method } = this[tracedStream] ?? {};
    if (!(span instanceof RecordingSpan)) return;
    try {
      describeResponse(span, method ?? '', this);
      callHook('http.responseHook', responseHook, span, this);
      span.end();
    } catch (error) {
      reportFailure('http2 server', error);
    }
  }
  const begin = (stream: TracedStream, headers: IncomingHttpHeaders, rawHeaders: string[]): void => {
    if (headers['content-type']?.startsWith('application/grpc') === true) return;
    const method = headers[':method'] ?? '';
    const incoming = { method, url: headers[':path'] ?? '', headers };
    if (callHook('http.ignoreIncomingRequestHook', ignoreIncomingRequestHook, incoming) === true) {
      contextStorage.enterWith(suppressedContext);
      bindEmitter(stream, suppressedContext);
      return;
    }
    const parent = contextOfRequest({ headers, rawHeaders }, propagator);
    const arrival: Arrival = { stream, headers, rawHeaders };
    const span = tracer.begin(spanNameOf(method), SpanKind.SERVER, parent, describeStream, arrival);
    const context = contextWithSpan(parent, span);
    contextStorage.enterWith(context);
    bindEmitter(stream, context);
    stream[tracedStream] = { span, method, isFromOtherOrigin: headers.origin !== undefined };
    if (responseHeaders) stream.respond = respondAnnouncing;
    if (span instanceof RecordingSpan) {
      stream.close = closeMarking;
      stream.on('close', finishSpan);
      callHook('http.requestHook', requestHook, span, stream);
    }
  };
  const onStream = (
    stream: TracedStream,
    headers: IncomingHttpHeaders,
    _flags: number,
    rawHeaders: string[] = [],
  ): void => {
    try {
      begin(stream, headers, rawHeaders);
    } catch (error) {
      reportFailure('http2 server', error);
    }
  };
  const servers = new Set<WeakRef<Http2Server>>();
  const stopListening = subscribeGuarded<{ server: Partial<Http2Server> }>(
    'tracing:net.server.listen:asyncStart',
    ({ server }) => {
      // Only servers of HTTP/2 have settings.
      if (typeof server.updateSettings !== 'function') return;
      const http2Server = server as Http2Server;
      if (http2Server.listeners('stream').includes(onStream as never)) return;
      http2Server.prependListener('stream', onStream as never);
      servers.add(new WeakRef(http2Server));
    },
  );
  return () => {
    stopListening();
    for (const server of servers) server.deref()?.removeListener('stream', onStream as never);
  };
}

interface Arrival {
  readonly stream: ServerHttp2Stream;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
}

function describeStream({ stream, headers, rawHeaders }: Arrival): AttributeValue[] {
  const { ':method': method = '', ':path': path = '', ':authority': authority } = headers;
  return describeIncoming(method, path, '2', rawHeaders, stream.session?.socket, authority);
}

function describeResponse(span: RecordingSpan, method: string, stream: TracedStream): void {
  const { sentHeaders, aborted, rstCode } = stream;
  const status = Number(sentHeaders?.[':status']);
  const hasAnswered = !Number.isNaN(status);
  const isFinished = hasAnswered && !aborted && rstCode === 0;
  const interruption = isFinished ? undefined : interruptionOf(stream);
  describeOutcome(span, method, routeOf(stream), hasAnswered ? status : undefined, interruption);
  const { response: captured } = capturedServerHeaders;
  if (captured.length > 0) setCapturedHeaders(span, 'response', captured, flattenHeaders(sentHeaders));
}

/** What a client resets has a code that is not ours; a stream that this server destroys has none, or an error. */
function interruptionOf({ errored, rstCode, [closedHere]: isClosedHere }: TracedStream): Interruption {
  const { code } = (errored ?? {}) as { code?: unknown };
  const isReset = code === 'ERR_HTTP2_STREAM_ERROR';
  if (isClosedHere === true) return { error: isReset ? undefined : errored };
  if (rstCode !== 0 && (errored === null || errored === undefined || isReset)) return 'client';
  return { error: errored };
}

type Close = ServerHttp2Stream['close'];

/** Node gives the code of a reset, and not which side sent it. One function for all streams. */
function closeMarking(this: TracedStream, ...args: Parameters<Close>): void {
  this[closedHere] = true;
  (Object.getPrototypeOf(this) as { close: Close }).close.apply(this, args);
}

type Respond = ServerHttp2Stream['respond'];

/** Tells the caller its trace, as HTTP/1's responses do; one function for all streams. */
function respondAnnouncing(this: TracedStream, ...[headers, options]: Parameters<Respond>): void {
  const { respond } = Object.getPrototypeOf(this) as { respond: Respond };
  let sent = headers;
  try {
    const traced = this[tracedStream];
    if (traced !== undefined && !this.headersSent) sent = addHeaders(headers, traced);
  } catch (error) {
    reportFailure('response headers', error);
  }
  respond.call(this, sent, options);
}

function addHeaders(headers: OutgoingHttpHeaders | undefined, traced: Traced): OutgoingHttpHeaders {
  const id = traceparentOf(traced.span);
  const additions = [
    ['server-timing', `trace;desc=${id}`],
    ...(traced.isFromOtherOrigin ? [['access-control-expose-headers', 'Server-Timing, traceresponse']] : []),
  ] as const;
  // Newer versions of Node also take [name, value, …], which the types do not know yet.
  if (Array.isArray(headers)) return [...headers, ...additions.flat(), 'traceresponse', id] as never;
  const merged: OutgoingHttpHeaders = { ...headers, traceresponse: id };
  for (const [name, value] of additions) {
    const given = Object.keys(merged).find((key) => key.toLowerCase() === name) ?? name;
    merged[given] = merged[given] === undefined ? value : [merged[given], value].flat().map(String);
  }
  return merged;
}

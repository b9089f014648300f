import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AttributeValue } from '@clew/wire';
import { type Context, SpanKind, trace } from '@opentelemetry/api';
import { contextWithSpan } from '../context/clew-context.ts';
import { bindEmitter, contextStorage, suppressedContext } from '../context/context-manager.ts';
import { reportFailure } from '../notice.ts';
import { RecordingSpan } from '../record/recording-span.ts';
import { capturedServerHeaders, readHead, setCapturedHeaders } from './captured-headers.ts';
import { describeIncoming } from './describe-incoming.ts';
import { subscribeGuarded } from './guarded-subscribe.ts';
import { spanNameOf } from './http-conventions.ts';
import { callHook } from './http-hooks.ts';
import { contextOfRequest } from './incoming-headers.ts';
import type { InstrumentOptions } from './instrument-options.ts';
import { announceSpan, announceSpans } from './response-headers.ts';
import { type matchedRoute, type RouteSource, routeOf } from './route.ts';
import { describeOutcome, type Interruption } from './server-outcome.ts';

export interface HttpServerOptions extends InstrumentOptions {
  /** Whether responses tell their trace in `Server-Timing` and `traceresponse`. */
  readonly responseHeaders: boolean;
}

const serverSpan = Symbol('clew.serverSpan');
const serverContext = Symbol('clew.serverContext');

interface TracedResponse extends ServerResponse {
  [serverSpan]?: RecordingSpan;
  [serverContext]?: Context;
  [matchedRoute]?: string | RouteSource;
}

/**
 * A span for every request that an HTTP/1 server of this process takes, from Node's own channel, without a patch. It
 * runs until the response is closed, sent or not; its context is that of the request's handlers.
 *
 * @returns stops tracing.
 */
export function traceHttpServer(options: HttpServerOptions): () => void {
  const { tracer, propagator, responseHeaders } = options;
  const { requestHook, responseHook, ignoreIncomingRequestHook } = options.http;
  const bindsEmitters = losesContextInEmitters();
  const stopAnnouncing = responseHeaders ? announceSpans() : undefined;
  const entrances = new ServerEntrances();
  /** On 'close' of the response: one function for all, so that a request costs no closure. */
  function finishSpan(this: TracedResponse): void {
    const span = this[serverSpan];
    if (span === undefined) return;
    try {
      describeResponse(span, this);
      callHook('http.responseHook', responseHook, span, this);
      span.end();
    } catch (error) {
      reportFailure('http server', error);
    }
  }
  const stopRequests = subscribeGuarded<{ request: IncomingMessage; response: TracedResponse; server: Server }>(
    'http.server.request.start',
    ({ request, response, server }) => {
      const isIgnored = callHook('http.ignoreIncomingRequestHook', ignoreIncomingRequestHook, request) === true;
      const parent = contextOfRequest(request, propagator);
      const span = isIgnored
        ? undefined
        : tracer.begin(spanNameOf(request.method ?? ''), SpanKind.SERVER, parent, describeRequest, request);
      const context = span === undefined ? suppressedContext : contextWithSpan(parent, span);
      contextStorage.enterWith(context);
      response[serverContext] = context;
      entrances.add(server);
      if (bindsEmitters) {
        bindEmitter(request, context);
        bindEmitter(response, context);
      }
      if (responseHeaders && span !== undefined) announceSpan(response, span);
      if (span instanceof RecordingSpan) {
        response[serverSpan] = span;
        response.on('close', finishSpan);
        callHook('http.requestHook', requestHook, span, request);
      }
    },
  );
  return () => {
    stopRequests();
    stopAnnouncing?.();
    entrances.remove();
  };
}

/**
 * What wraps a server's `emit`, as Sentry does, may have entered another context after ours: that of the caller, which it
 * has read from the same headers. A listener in front of the app's enters the request's span again, and keeps whatever
 * else that context holds.
 */
class ServerEntrances {
  private readonly known = new WeakSet<Server>();
  private readonly servers = new Set<WeakRef<Server>>();

  add(server: Server): void {
    if (this.known.has(server)) return;
    this.known.add(server);
    this.servers.add(new WeakRef(server));
    server.prependListener('request', enterSpan);
  }

  remove(): void {
    for (const server of this.servers) server.deref()?.removeListener('request', enterSpan);
  }
}

function enterSpan(_request: IncomingMessage, response: TracedResponse): void {
  const context = response[serverContext];
  const active = contextStorage.getStore();
  if (context === undefined || active === context) return;
  const span = trace.getSpan(context);
  if (span === undefined || active === undefined) contextStorage.enterWith(context);
  else if (trace.getSpan(active) !== span) contextStorage.enterWith(trace.setSpan(active, span));
}

/**
 * With AsyncContextFrame, Node's default from 24, what `enterWith` sets does not reach the later events of request and
 * response: `req.on('end')` would run without context.
 */
function losesContextInEmitters(): boolean {
  return (
    Number.parseInt(process.versions.node, 10) >= 24 || process.execArgv.includes('--experimental-async-context-frame')
  );
}

function describeRequest(request: IncomingMessage, span?: RecordingSpan): AttributeValue[] {
  const { method = '', url = '', httpVersion, rawHeaders, socket } = request;
  return describeIncoming(method, url, httpVersion, rawHeaders, socket, undefined, span);
}

function describeResponse(span: RecordingSpan, response: TracedResponse): void {
  const { req, headersSent, statusCode, writableFinished } = response;
  const sentStatus = headersSent ? statusCode : undefined;
  const interruption = writableFinished ? undefined : interruptionOf(response);
  describeOutcome(span, req.method ?? '', routeOf(response, req), sentStatus, interruption);
  const { response: captured } = capturedServerHeaders;
  if (captured.length > 0) setCapturedHeaders(span, 'response', captured, readHead(response));
}

/** When a client goes away, its connection has ended or is broken. Otherwise the server has broken it off. */
function interruptionOf({ errored, req: { socket } }: TracedResponse): Interruption {
  if (errored !== null && errored !== undefined) return { error: errored };
  const { code } = (socket?.errored ?? {}) as { code?: unknown };
  if (socket?.readableEnded !== false || brokenConnection.has(code)) return 'client';
  return { error: socket.errored ?? undefined };
}

const brokenConnection: ReadonlySet<unknown> = new Set(['ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT']);

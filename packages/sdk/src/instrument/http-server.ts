import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AttributeValue } from '@clew/wire';
import { SpanKind } from '@opentelemetry/api';
import { contextWithSpan } from '../context/clew-context.ts';
import { bindEmitter, contextStorage } from '../context/context-manager.ts';
import { reportFailure } from '../notice.ts';
import { RecordingSpan } from '../record/recording-span.ts';
import { capturedServerHeaders, flattenHeaders, setCapturedHeaders } from './captured-headers.ts';
import { describeIncoming } from './describe-incoming.ts';
import { subscribeGuarded } from './guarded-subscribe.ts';
import { spanNameOf } from './http-conventions.ts';
import { contextOfRequest } from './incoming-headers.ts';
import type { InstrumentOptions } from './instrument-options.ts';
import { announceSpan, announceSpans } from './response-headers.ts';
import { type matchedRoute, type RouteSource, routeOf } from './route.ts';
import { describeOutcome } from './server-outcome.ts';

export interface HttpServerOptions extends InstrumentOptions {
  /** Whether responses tell their trace in `Server-Timing` and `traceresponse`. */
  readonly responseHeaders: boolean;
}

const serverSpan = Symbol('clew.serverSpan');

interface TracedResponse extends ServerResponse {
  [serverSpan]?: RecordingSpan;
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
  const bindsEmitters = losesContextInEmitters();
  const stopAnnouncing = responseHeaders ? announceSpans() : undefined;
  const stopRequests = subscribeGuarded<{ request: IncomingMessage; response: TracedResponse }>(
    'http.server.request.start',
    ({ request, response }) => {
      const parent = contextOfRequest(request, propagator);
      const name = spanNameOf(request.method ?? '');
      const span = tracer.begin(name, SpanKind.SERVER, parent, describeRequest, request);
      const context = contextWithSpan(parent, span);
      contextStorage.enterWith(context);
      if (bindsEmitters) {
        bindEmitter(request, context);
        bindEmitter(response, context);
      }
      if (responseHeaders) announceSpan(response, span);
      if (span instanceof RecordingSpan) {
        response[serverSpan] = span;
        response.on('close', finishSpan);
      }
    },
  );
  return () => {
    stopRequests();
    stopAnnouncing?.();
  };
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

/** On 'close' of the response: one function for all, so that a request costs no closure. */
function finishSpan(this: TracedResponse): void {
  const span = this[serverSpan];
  if (span === undefined) return;
  try {
    describeResponse(span, this);
    span.end();
  } catch (error) {
    reportFailure('http server', error);
  }
}

function describeResponse(span: RecordingSpan, response: TracedResponse): void {
  const { req, headersSent, statusCode, writableFinished } = response;
  const sentStatus = headersSent ? statusCode : undefined;
  describeOutcome(span, req.method ?? '', routeOf(response, req), sentStatus, writableFinished);
  const { response: captured } = capturedServerHeaders;
  if (captured.length > 0) setCapturedHeaders(span, 'response', captured, flattenHeaders(response.getHeaders()));
}

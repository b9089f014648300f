import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { AttributeValue, FlatAttributes } from '@clew/wire';
import { type Context, SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { contextWithSpan } from '../context/clew-context.ts';
import { bindEmitter, contextStorage } from '../context/context-manager.ts';
import { reportFailure } from '../notice.ts';
import { attributeOf } from '../record/flat-attributes.ts';
import { RecordingSpan } from '../record/recording-span.ts';
import { pushBaggageAttributes } from './baggage-attributes.ts';
import { subscribeGuarded } from './guarded-subscribe.ts';
import { httpAttribute, pushMethod, pushServer, redactQuery, spanNameOf } from './http-conventions.ts';
import { contextOfRequest, rawHeader } from './incoming-headers.ts';
import type { InstrumentOptions } from './instrument-options.ts';
import { announceSpan } from './response-headers.ts';

export interface HttpServerOptions extends InstrumentOptions {
  /** Whether responses tell their trace in `Server-Timing` and `traceresponse`. */
  readonly responseHeaders: boolean;
}

const serverSpan = Symbol('clew.serverSpan');
const routeOfFramework = Symbol('clew.route');

interface TracedResponse extends ServerResponse {
  [serverSpan]?: RecordingSpan;
  /** From a framework's channel; Express leaves its route on the request. */
  [routeOfFramework]?: string;
}

/**
 * A span for every request that an HTTP/1 server of this process takes, from Node's own channel, without a patch. It
 * runs until the response is closed, sent or not; its context is that of the request's handlers.
 *
 * @returns stops tracing.
 */
export function traceHttpServer(options: HttpServerOptions): () => void {
  const { tracer, propagator, baggageAttributes, responseHeaders } = options;
  const bindsEmitters = losesContextInEmitters();
  const describe = ({ request, context }: Incoming): FlatAttributes => {
    const attributes = describeRequest(request);
    pushBaggageAttributes(attributes, context, baggageAttributes);
    return attributes;
  };

  const stopRequests = subscribeGuarded<{ request: IncomingMessage; response: TracedResponse }>(
    'http.server.request.start',
    ({ request, response }) => {
      const parent = contextOfRequest(request, propagator);
      const name = spanNameOf(request.method ?? '');
      const span = tracer.begin(name, SpanKind.SERVER, parent, describe, { request, context: parent });
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
  const stopFastify = subscribeGuarded<{ reply: { raw: TracedResponse }; route: { url: string } }>(
    'tracing:fastify.request.handler:start',
    ({ reply, route }) => {
      reply.raw[routeOfFramework] = route.url;
    },
  );
  return () => {
    stopRequests();
    stopFastify();
  };
}

interface Incoming {
  readonly request: IncomingMessage;
  readonly context: Context;
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

function describeRequest(request: IncomingMessage): AttributeValue[] {
  const attributes: AttributeValue[] = [];
  const isSecure = (request.socket as Partial<TLSSocket>).encrypted === true;
  pushMethod(attributes, request.method ?? '');
  pushTarget(attributes, request.url ?? '');
  attributes.push(httpAttribute.urlScheme, isSecure ? 'https' : 'http');
  const host = rawHeader(request, 'host');
  if (host !== undefined) pushServer(attributes, host, isSecure);
  const client = clientAddressOf(request);
  if (client !== undefined) attributes.push(httpAttribute.clientAddress, client);
  attributes.push(httpAttribute.protocolVersion, request.httpVersion);
  const userAgent = rawHeader(request, 'user-agent');
  if (userAgent !== undefined) attributes.push(httpAttribute.userAgent, userAgent);
  return attributes;
}

/** The request target: `/path?query`, or the whole URL when the client takes us for a proxy. */
function pushTarget(attributes: AttributeValue[], target: string): void {
  const origin = /^[a-z]+:\/\/[^/?]*/i.exec(target)?.[0] ?? '';
  const mark = target.indexOf('?');
  const path = target.slice(origin.length, mark < 0 ? undefined : mark);
  attributes.push(httpAttribute.urlPath, path === '' ? '/' : path);
  if (mark >= 0 && mark + 1 < target.length) {
    attributes.push(httpAttribute.urlQuery, redactQuery(target.slice(mark + 1)));
  }
}

/** The first address that proxies name, else the peer's. */
function clientAddressOf(request: IncomingMessage): string | undefined {
  const forwarded = rawHeader(request, 'x-forwarded-for');
  if (forwarded === undefined) return request.socket.remoteAddress;
  const comma = forwarded.indexOf(',');
  return (comma < 0 ? forwarded : forwarded.slice(0, comma)).trim();
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
  const route = routeOf(span, response);
  if (route !== undefined) {
    span.setAttribute(httpAttribute.route, route);
    // A name that the app has given stays.
    const method = spanNameOf(response.req.method ?? '');
    if (span.name === method) span.updateName(`${method} ${route}`);
  }
  const { statusCode } = response;
  if (response.headersSent) span.setAttribute(httpAttribute.statusCode, statusCode);
  if (response.headersSent && statusCode >= 500) {
    // The app may have set a type, or a message, that says more.
    if (attributeOf(span.attributes, httpAttribute.errorType) === undefined) {
      span.setAttribute(httpAttribute.errorType, String(statusCode));
    }
    if (span.statusCode !== SpanStatusCode.ERROR) span.setStatus({ code: SpanStatusCode.ERROR });
  } else if (!response.writableFinished) {
    // The client went away before it had its answer. That is no failure of this server, so the status stays unset.
    span.setAttribute(httpAttribute.errorType, 'client_disconnected');
  }
}

/** The route's pattern: from Fastify's channel, from Express's request, or set by the app as `http.route`. */
function routeOf(span: RecordingSpan, response: TracedResponse): string | undefined {
  const fromChannel = response[routeOfFramework];
  if (fromChannel !== undefined) return fromChannel;
  const { route, baseUrl = '' } = response.req as { route?: { path?: unknown }; baseUrl?: string };
  const path = route?.path;
  if (typeof path === 'string' || path instanceof RegExp) {
    const text = String(path);
    return baseUrl !== '' && text === '/' ? baseUrl : baseUrl + text;
  }
  const fromApp = attributeOf(span.attributes, httpAttribute.route);
  return typeof fromApp === 'string' ? fromApp : undefined;
}

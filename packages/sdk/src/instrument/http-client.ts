import type { ClientRequest, IncomingMessage } from 'node:http';
import type { AttributeValue } from '@clew/wire';
import { defaultTextMapSetter, SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { http } from '../builtin-modules.ts';
import { contextWithSpan } from '../context/clew-context.ts';
import { activeContext, isTracingSuppressed } from '../context/context-manager.ts';
import { reportFailure } from '../notice.ts';
import { RecordingSpan } from '../record/recording-span.ts';
import { capturedClientHeaders, flattenHeaders, pushCapturedHeaders, setCapturedHeaders } from './captured-headers.ts';
import { failSpan } from './client-errors.ts';
import { subscribeGuarded } from './guarded-subscribe.ts';
import { httpAttribute, pushMethod, pushServer, redactQuery, setPeer, spanNameOf } from './http-conventions.ts';
import type { InstrumentOptions } from './instrument-options.ts';
import { outgoingHeaders, withoutBaggage } from './outgoing-headers.ts';
import { patchHeaderWriting } from './patch-header-writing.ts';

const clientSpan = Symbol('clew.clientSpan');
const clientResponse = Symbol('clew.clientResponse');

interface TracedRequest extends ClientRequest {
  /** Node sets it, and its types do not know it. */
  readonly socketPath?: string;
  [clientSpan]?: RecordingSpan;
  [clientResponse]?: IncomingMessage;
}

/**
 * A span for every request sent with `node:http` or `node:https`: one an attempt, from the moment it is made until its
 * response is read to the end. The request carries the trace context and baggage on.
 *
 * Node 22 and newer publish a new request on a channel. Node 20 does not; there, the moment when a request's headers
 * are written takes its place, see {@link patchHeaderWriting}.
 *
 * @returns stops tracing.
 */
export function traceHttpClient(options: InstrumentOptions): () => void {
  const { tracer, propagator, mayHaveBaggage } = options;
  /** Starts the span; returns the headers to send, none when the request must not be traced. */
  const begin = (request: TracedRequest): [name: string, value: string][] => {
    const parent = activeContext();
    if (isTracingSuppressed(parent)) return [];
    const span = tracer.begin(spanNameOf(request.method), SpanKind.CLIENT, parent, describeRequest, request);
    if (span instanceof RecordingSpan) {
      request[clientSpan] = span;
      request.on('close', finishSpan);
    }
    const isTrusted = mayHaveBaggage === undefined || mayHaveBaggage(request.host);
    const context = contextWithSpan(isTrusted ? parent : withoutBaggage(parent), span);
    if (propagator === undefined) return outgoingHeaders(span, context);
    const carrier: Record<string, string> = {};
    propagator.inject(context, carrier, defaultTextMapSetter);
    return Object.entries(carrier);
  };

  const stops = [
    publishesNewRequests()
      ? subscribeGuarded<{ request: TracedRequest }>('http.client.request.created', ({ request }) => {
          sendHeaders(request, begin(request));
        })
      : patchHeaderWriting(http.ClientRequest.prototype, begin),
    subscribeGuarded<{ request: TracedRequest; response: IncomingMessage }>(
      'http.client.response.finish',
      ({ request, response }) => noteResponse(request, response),
    ),
    subscribeGuarded<{ request: TracedRequest; error: unknown }>('http.client.request.error', ({ request, error }) => {
      const span = request[clientSpan];
      if (span !== undefined) failSpan(span, error);
    }),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}

function publishesNewRequests(): boolean {
  return Number.parseInt(process.versions.node, 10) >= 22;
}

/** Sets headers on a request that was just made. One whose headers were given as an array has them written already. */
function sendHeaders(request: ClientRequest, headers: readonly [string, string][]): void {
  if (!request.headersSent) {
    for (const [name, value] of headers) request.setHeader(name, value);
    return;
  }
  const written = request as unknown as { _header?: unknown; _headerSent?: boolean };
  if (typeof written._header !== 'string' || written._headerSent === true || !written._header.endsWith('\r\n\r\n'))
    return;
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  written._header = `${written._header.slice(0, -2)}${lines}\r\n`;
}

function describeRequest(request: ClientRequest): AttributeValue[] {
  const attributes: AttributeValue[] = [];
  const { protocol, method, path } = request;
  const hostHeader = request.getHeader('host');
  const host = typeof hostHeader === 'string' ? hostHeader : request.host;
  // A request for a proxy names the whole URL.
  const [, scheme = protocol, credentials, authority = host, target = path] = path.startsWith('/')
    ? []
    : (absoluteForm.exec(path) ?? []);
  const origin = `${scheme}//${credentials === undefined ? '' : 'REDACTED:REDACTED@'}${authority}`;
  pushMethod(attributes, method);
  pushServer(attributes, authority, scheme === 'https:');
  attributes.push(httpAttribute.urlFull, redactQuery(`${origin}${target === '*' ? '' : target}`));
  const { request: captured } = capturedClientHeaders;
  if (captured.length > 0) pushCapturedHeaders(attributes, 'request', captured, flattenHeaders(request.getHeaders()));
  return attributes;
}

const absoluteForm = /^(https?:)\/\/([^/?#]*@)?([^/?#]*)(.*)$/i;

function noteResponse(request: TracedRequest, response: IncomingMessage): void {
  const span = request[clientSpan];
  if (span === undefined) return;
  request[clientResponse] = response;
  const statusCode = response.statusCode ?? 0;
  span.setAttribute(httpAttribute.statusCode, statusCode);
  span.setAttribute(httpAttribute.protocolVersion, response.httpVersion);
  setPeer(span, request.socket, request.socketPath);
  const { response: captured } = capturedClientHeaders;
  if (captured.length > 0) setCapturedHeaders(span, 'response', captured, response.rawHeaders);
  if (statusCode >= 400) {
    span.setAttribute(httpAttribute.errorType, String(statusCode));
    span.setStatus({ code: SpanStatusCode.ERROR });
  }
}

/** On 'close' of the request: the response was read to the end, or there is none. */
function finishSpan(this: TracedRequest): void {
  try {
    const span = this[clientSpan];
    const response = this[clientResponse];
    // The connection broke in the middle of the body. An app that throws the body away leaves no error behind.
    const hasBroken = response !== undefined && !response.complete && response.errored !== null;
    if (span !== undefined && hasBroken) failSpan(span, response.errored);
    span?.end();
  } catch (error) {
    reportFailure('http client', error);
  }
}

import type { ClientRequest, IncomingMessage } from 'node:http';
import type { AttributeValue } from '@clew/wire';
import { defaultTextMapSetter, SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { http } from '../builtin-modules.ts';
import { contextWithSpan } from '../context/clew-context.ts';
import { activeContext, isTracingSuppressed } from '../context/context-manager.ts';
import { reportFailure } from '../notice.ts';
import { RecordingSpan } from '../record/recording-span.ts';
import { replaceMethod } from '../replace-method.ts';
import { capturedClientHeaders, pushCapturedHeaders, readHead, setCapturedHeaders } from './captured-headers.ts';
import { failSpan } from './client-errors.ts';
import { subscribeGuarded } from './guarded-subscribe.ts';
import {
  httpAttribute,
  pushMethod,
  setFlatAttributes,
  setPeer,
  spanNameOf,
  splitAuthority,
} from './http-conventions.ts';
import { callHook } from './http-hooks.ts';
import type { InstrumentOptions } from './instrument-options.ts';
import { addToHeader, outgoingHeaders, withoutBaggage } from './outgoing-headers.ts';
import { pushOutgoingTarget } from './outgoing-target.ts';
import { patchHeaderWriting, setHeaders } from './patch-header-writing.ts';

const clientSpan = Symbol('clew.clientSpan');
const clientResponse = Symbol('clew.clientResponse');
/** Of the options. */
const targetPort = Symbol('clew.targetPort');
/** That the attributes of the span name. */
const describedPort = Symbol('clew.describedPort');

interface TracedRequest extends ClientRequest {
  /** Node sets it, and its types do not know it. */
  readonly socketPath?: string;
  [clientSpan]?: RecordingSpan;
  [clientResponse]?: IncomingMessage;
  [targetPort]?: number;
  [describedPort]?: number;
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
  const { requestHook, responseHook, ignoreOutgoingRequestHook } = options.http;
  /** Starts the span; returns the headers to send, none when the request must not be traced. */
  const begin = (request: TracedRequest): [name: string, value: string][] => {
    const parent = activeContext();
    if (isTracingSuppressed(parent)) return [];
    if (callHook('http.ignoreOutgoingRequestHook', ignoreOutgoingRequestHook, request) === true) return [];
    const span = tracer.begin(spanNameOf(request.method), SpanKind.CLIENT, parent, describeRequest, request);
    if (span instanceof RecordingSpan) {
      request[clientSpan] = span;
      request.on('close', finishSpan);
      callHook('http.requestHook', requestHook, span, request);
    }
    const isTrusted = mayHaveBaggage === undefined || mayHaveBaggage(request.host);
    const context = contextWithSpan(isTrusted ? parent : withoutBaggage(parent), span);
    if (propagator === undefined) return outgoingHeaders(span, context);
    const carrier: Record<string, string> = {};
    propagator.inject(context, carrier, defaultTextMapSetter);
    return Object.entries(carrier);
  };

  const stops = [
    watchTargets(),
    publishesNewRequests()
      ? subscribeGuarded<{ request: TracedRequest }>('http.client.request.created', ({ request }) => {
          sendHeaders(request, begin(request));
        })
      : patchHeaderWriting(http.ClientRequest.prototype, begin),
    subscribeGuarded<{ request: TracedRequest; response: IncomingMessage }>(
      'http.client.response.finish',
      ({ request, response }) => {
        const span = request[clientSpan];
        if (span === undefined) return;
        noteResponse(span, request, response);
        callHook('http.responseHook', responseHook, span, response);
      },
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
    setHeaders(request, headers);
    return;
  }
  const written = request as unknown as WrittenHeaders;
  if (typeof written._header !== 'string' || written._headerSent === true || !written._header.endsWith('\r\n\r\n'))
    return;
  for (const [name, value] of headers) {
    const own: string[] = [];
    const others: string = written._header.replace(
      new RegExp(`^${name}: *(.*)\r\n`, 'gim'),
      (_line: string, text: string) => {
        own.push(text);
        return '';
      },
    );
    written._header = `${others.slice(0, -2)}${name}: ${addToHeader(name, own, value)}\r\n\r\n`;
  }
}

/** Of a request of Node whose headers were given as an array: the whole block, with the line of the request. */
interface WrittenHeaders {
  _header?: string | null;
  readonly _headerSent?: boolean;
}

/**
 * Requests are sent to the port of their options, which Node hands to the agent and keeps nowhere else. The Host header
 * names the port only as long as the app leaves that header to Node.
 */
function watchTargets(): () => void {
  const prototype = http.Agent.prototype as unknown as { addRequest: AddRequest };
  return replaceMethod(prototype, 'addRequest', (original) => {
    return function (this: unknown, request, options, ...rest) {
      try {
        noteTargetPort(request, Number((options as { port?: unknown } | undefined)?.port));
      } catch (error) {
        reportFailure('http client', error);
      }
      original.call(this, request, options, ...rest);
    };
  });
}

type AddRequest = (this: unknown, request: TracedRequest, options: unknown, ...rest: unknown[]) => void;

function noteTargetPort(request: TracedRequest, port: number): void {
  if (!Number.isInteger(port)) return;
  request[targetPort] = port;
  const span = request[clientSpan];
  // Node 20 writes the headers, and with them begins the span, after this.
  if (span === undefined || port === request[describedPort]) return;
  const attributes: AttributeValue[] = [];
  pushTarget(attributes, request);
  setFlatAttributes(span, attributes);
}

function describeRequest(request: TracedRequest): AttributeValue[] {
  const attributes: AttributeValue[] = [];
  pushMethod(attributes, request.method);
  pushTarget(attributes, request);
  const { request: captured } = capturedClientHeaders;
  if (captured.length > 0) pushCapturedHeaders(attributes, 'request', captured, readHead(request));
  return attributes;
}

/** What the request is sent to, whatever its Host header says: a proxy passes on that of its own caller. */
function pushTarget(attributes: AttributeValue[], request: TracedRequest): void {
  const { protocol, method, path, host, socketPath } = request;
  const header = hostHeaderOf(request);
  const defaultPort = protocol === 'https:' ? 443 : 80;
  const named = header === undefined ? undefined : splitAuthority(header);
  const name = host.startsWith('[') ? host.slice(1, -1) : host;
  const isNamed = named !== undefined && (named.name === name || named.name.toLowerCase() === name.toLowerCase());
  const port = request[targetPort] ?? (isNamed ? (named.port ?? defaultPort) : defaultPort);
  request[describedPort] = port;
  // Behind a unix socket there is no other name than that of the header.
  const isAsSent =
    header !== undefined && ((isNamed && (named.port ?? defaultPort) === port) || socketPath !== undefined);
  const bracketed = name.includes(':') ? `[${name}]` : name;
  const authority = isAsSent ? header : port === defaultPort ? bracketed : `${bracketed}:${port}`;
  pushOutgoingTarget(attributes, method, protocol, authority, path);
}

function hostHeaderOf(request: ClientRequest): string | undefined {
  const header = request.getHeader('host');
  if (typeof header === 'string') return header;
  const { _header: written } = request as unknown as WrittenHeaders;
  return typeof written === 'string' ? /^host: *(.*)\r$/im.exec(written)?.[1] : undefined;
}

function noteResponse(span: RecordingSpan, request: TracedRequest, response: IncomingMessage): void {
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

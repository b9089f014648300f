import type { Socket } from 'node:net';
import type { AttributeValue } from '@clew/wire';
import { defaultTextMapSetter, SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { contextWithSpan } from '../context/clew-context.ts';
import { activeContext, isTracingSuppressed } from '../context/context-manager.ts';
import { RecordingSpan } from '../record/recording-span.ts';
import { capturedClientHeaders, pushCapturedHeaders, setCapturedHeaders } from './captured-headers.ts';
import { failSpan } from './client-errors.ts';
import { subscribeGuarded } from './guarded-subscribe.ts';
import { httpAttribute, pushMethod, setPeer, spanNameOf } from './http-conventions.ts';
import { callHook, type FetchRequest, type FetchResponse } from './http-hooks.ts';
import type { InstrumentOptions } from './instrument-options.ts';
import { addToHeader, outgoingHeaders, withoutBaggage } from './outgoing-headers.ts';
import { pushOutgoingTarget } from './outgoing-target.ts';

const clientSpan = Symbol('clew.clientSpan');

/** A request as undici publishes it; the same object on all of its channels. */
interface UndiciRequest extends FetchRequest {
  /** `[name, value, …]`; one string of lines before undici 6. */
  headers: (string | string[])[] | string;
  addHeader(name: string, value: string): void;
  [clientSpan]?: RecordingSpan;
}

/**
 * A span for every request of `fetch` and of the package undici: one an attempt, so one a redirect as well, until its
 * body has been received. From undici's channels, without a patch.
 *
 * @returns stops tracing.
 */
export function traceFetch(options: InstrumentOptions): () => void {
  const { tracer, propagator, mayHaveBaggage } = options;
  const { requestHook, responseHook, ignoreRequestHook } = options.fetch;
  const stops = [
    subscribeGuarded<{ request: UndiciRequest }>('undici:request:create', ({ request }) => {
      const parent = activeContext();
      if (isTracingSuppressed(parent)) return;
      if (callHook('fetch.ignoreRequestHook', ignoreRequestHook, request) === true) return;
      const name = spanNameOf(request.method);
      const span = tracer.begin(name, SpanKind.CLIENT, parent, describeRequest, request);
      if (span instanceof RecordingSpan) {
        request[clientSpan] = span;
        callHook('fetch.requestHook', requestHook, span, request);
      }
      const isTrusted = mayHaveBaggage === undefined || mayHaveBaggage(new URL(request.origin).hostname);
      const context = contextWithSpan(isTrusted ? parent : withoutBaggage(parent), span);
      if (propagator === undefined) {
        for (const [header, value] of outgoingHeaders(span, context)) putHeader(request, header, value);
        return;
      }
      const carrier: Record<string, string> = {};
      propagator.inject(context, carrier, defaultTextMapSetter);
      for (const [header, value] of Object.entries(carrier)) putHeader(request, header, value);
    }),
    subscribeGuarded<{ request: UndiciRequest; socket: Socket & { readonly alpnProtocol?: string | false | null } }>(
      'undici:client:sendHeaders',
      ({ request, socket }) => {
        const span = request[clientSpan];
        if (span === undefined) return;
        setPeer(span, socket);
        span.setAttribute(httpAttribute.protocolVersion, socket.alpnProtocol === 'h2' ? '2' : '1.1');
      },
    ),
    subscribeGuarded<{ request: UndiciRequest; response: FetchResponse }>(
      'undici:request:headers',
      ({ request, response }) => {
        const span = request[clientSpan];
        if (span === undefined) return;
        span.setAttribute(httpAttribute.statusCode, response.statusCode);
        const { response: captured } = capturedClientHeaders;
        if (captured.length > 0) setCapturedHeaders(span, 'response', captured, response.headers.map(String));
        if (response.statusCode >= 400) {
          span.setAttribute(httpAttribute.errorType, String(response.statusCode));
          span.setStatus({ code: SpanStatusCode.ERROR });
        }
        callHook('fetch.responseHook', responseHook, span, { request, response });
      },
    ),
    subscribeGuarded<{ request: UndiciRequest }>('undici:request:trailers', ({ request }) => {
      request[clientSpan]?.end();
    }),
    subscribeGuarded<{ request: UndiciRequest; error: unknown }>('undici:request:error', ({ request, error }) => {
      const span = request[clientSpan];
      if (span === undefined) return;
      failSpan(span, error);
      span.end();
    }),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}

function describeRequest(request: UndiciRequest): AttributeValue[] {
  const attributes: AttributeValue[] = [];
  const origin = String(request.origin).replace(/\/$/, '');
  const slashes = origin.indexOf('//');
  pushMethod(attributes, request.method);
  pushOutgoingTarget(attributes, request.method, origin.slice(0, slashes), origin.slice(slashes + 2), request.path);
  const { request: captured } = capturedClientHeaders;
  if (captured.length > 0 && typeof request.headers !== 'string') {
    pushCapturedHeaders(attributes, 'request', captured, request.headers.map(String));
  }
  return attributes;
}

/** Sets a header. One of that name that the app has set gives way, as two `traceparent` would break the trace. */
function putHeader(request: UndiciRequest, name: string, value: string): void {
  const { headers } = request;
  const own: string[] = [];
  if (typeof headers === 'string') {
    request.headers = headers.replace(new RegExp(`^${name}:(.*)\r\n`, 'gim'), (_line, text: string) => {
      own.push(text.trim());
      return '';
    });
  } else {
    for (let index = headers.length - 2; index >= 0; index -= 2) {
      if (String(headers[index]).toLowerCase() !== name) continue;
      const [, given] = headers.splice(index, 2);
      own.unshift(String(given));
    }
  }
  request.addHeader(name, addToHeader(name, own, value));
}

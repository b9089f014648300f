import { SpanStatusCode } from '@opentelemetry/api';
import { attributeOf } from '../record/flat-attributes.ts';
import type { RecordingSpan } from '../record/recording-span.ts';
import { httpAttribute, spanNameOf } from './http-conventions.ts';

/** Who broke a response off before its end: the client, which went away, or this server, with an error or without. */
export type Interruption = 'client' | { readonly error: unknown };

/**
 * Adds to a server span what is known when its response has closed: route and name, status, what went wrong.
 *
 * @param route as the framework has left it; undefined: what the app has set as `http.route`, if it has.
 * @param statusCode undefined when no answer was sent. @param interruption undefined: the answer was sent to its end.
 */
export function describeOutcome(
  span: RecordingSpan,
  method: string,
  route: string | undefined,
  statusCode: number | undefined,
  interruption: Interruption | undefined,
): void {
  if (route !== undefined) span.setAttribute(httpAttribute.route, route);
  const known = route ?? attributeOf(span.attributes, httpAttribute.route);
  if (typeof known === 'string') {
    // A name that the app has given stays.
    const name = spanNameOf(method);
    if (span.name === name) span.updateName(`${name} ${known}`);
  }
  if (statusCode !== undefined) span.setAttribute(httpAttribute.statusCode, statusCode);
  if (statusCode !== undefined && statusCode >= 500) {
    fail(span, String(statusCode));
  } else if (interruption === 'client') {
    // That is no failure of this server, so the status stays unset.
    span.setAttribute(httpAttribute.errorType, 'client_disconnected');
  } else if (interruption !== undefined) {
    const { name, code, message } = (interruption.error ?? {}) as { name?: unknown; code?: unknown; message?: unknown };
    const type = typeof code === 'string' ? code : (name ?? 'response_aborted');
    fail(span, String(type), message === undefined ? 'The server broke its response off' : String(message));
  }
}

/** The app may have set a type, or a message, that says more. */
function fail(span: RecordingSpan, type: string, message?: string): void {
  if (attributeOf(span.attributes, httpAttribute.errorType) === undefined) {
    span.setAttribute(httpAttribute.errorType, type);
  }
  if (span.statusCode === SpanStatusCode.ERROR) return;
  span.setStatus({ code: SpanStatusCode.ERROR, ...(message !== undefined && { message }) });
}

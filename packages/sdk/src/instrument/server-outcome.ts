import { SpanStatusCode } from '@opentelemetry/api';
import { attributeOf } from '../record/flat-attributes.ts';
import type { RecordingSpan } from '../record/recording-span.ts';
import { httpAttribute, spanNameOf } from './http-conventions.ts';

/**
 * Adds to a server span what is known when its response has closed: route and name, status, what went wrong.
 *
 * @param route as the framework has left it; undefined: what the app has set as `http.route`, if it has.
 * @param statusCode undefined when no answer was sent. @param isFinished whether the answer was sent to its end.
 */
export function describeOutcome(
  span: RecordingSpan,
  method: string,
  route: string | undefined,
  statusCode: number | undefined,
  isFinished: boolean,
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
    // The app may have set a type, or a message, that says more.
    if (attributeOf(span.attributes, httpAttribute.errorType) === undefined) {
      span.setAttribute(httpAttribute.errorType, String(statusCode));
    }
    if (span.statusCode !== SpanStatusCode.ERROR) span.setStatus({ code: SpanStatusCode.ERROR });
  } else if (!isFinished) {
    // The client went away before it had its answer. That is no failure of this server, so the status stays unset.
    span.setAttribute(httpAttribute.errorType, 'client_disconnected');
  }
}

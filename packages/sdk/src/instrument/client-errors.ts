import { SpanStatusCode } from '@opentelemetry/api';
import type { RecordingSpan } from '../record/recording-span.ts';
import { httpAttribute } from './http-conventions.ts';

/** Marks a client span as failed, unless the app itself gave the request up: an intended abort is no error. */
export function failSpan(span: RecordingSpan, error: unknown): void {
  const { name, code, message, cause } = (error ?? {}) as {
    name?: unknown;
    code?: unknown;
    message?: unknown;
    cause?: { name?: unknown };
  };
  // `AbortSignal.timeout` comes as an abort, too, but nobody has intended that one.
  const isTimeout = name === 'TimeoutError' || cause?.name === 'TimeoutError';
  if (name === 'AbortError' && !isTimeout) return;
  // A DOMException has a code that is a number and says nothing.
  const type = isTimeout ? 'TimeoutError' : typeof code === 'string' ? code : name;
  span.setAttribute(httpAttribute.errorType, String(type ?? '_OTHER'));
  span.setStatus({ code: SpanStatusCode.ERROR, message: String(message ?? '') });
}

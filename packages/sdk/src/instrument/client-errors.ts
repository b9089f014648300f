import { SpanStatusCode } from '@opentelemetry/api';
import type { RecordingSpan } from '../record/recording-span.ts';
import { httpAttribute } from './http-conventions.ts';

/** Marks a client span as failed, unless the app itself gave the request up: an intended abort is no error. */
export function failSpan(span: RecordingSpan, error: unknown): void {
  const { name, code, message } = (error ?? {}) as { name?: unknown; code?: unknown; message?: unknown };
  if (name === 'AbortError') return;
  span.setAttribute(httpAttribute.errorType, String(code ?? name ?? '_OTHER'));
  span.setStatus({ code: SpanStatusCode.ERROR, message: String(message ?? '') });
}

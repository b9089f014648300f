import { SpanStatusCode } from '@opentelemetry/api';
import type { RecordingSpan } from '../record/recording-span.ts';

/** Ends a span that the death of the process cuts off. */
export function failSpan(span: RecordingSpan, error: unknown): void {
  const isError = error instanceof Error;
  span.setAttribute('error.type', isError ? error.name : typeof error);
  span.setStatus({
    code: SpanStatusCode.ERROR,
    message: `the process crashed before this ended: ${isError ? error.message : String(error)}`,
  });
  span.end();
}

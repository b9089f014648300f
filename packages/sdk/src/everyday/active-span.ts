import { type Attributes, isSpanContextValid, type SpanContext, trace } from '@opentelemetry/api';

/** Sets attributes on the active span; nothing happens when there is none, or it is not recorded. */
export function setAttributes(attributes: Attributes): void {
  trace.getActiveSpan()?.setAttributes(attributes);
}

/** The id of the trace that this code runs in: 32 hex digits, for logs and answers; undefined outside of any trace. */
export function currentTraceId(): string | undefined {
  return activeContext()?.traceId;
}

/** The id of the active span: 16 hex digits; undefined when there is none. */
export function currentSpanId(): string | undefined {
  return activeContext()?.spanId;
}

function activeContext(): SpanContext | undefined {
  const context = trace.getActiveSpan()?.spanContext();
  return context !== undefined && isSpanContextValid(context) ? context : undefined;
}

import { isSpanContextValid } from '@opentelemetry/api';
import { spanOf } from '../context/clew-context.ts';
import { activeContext } from '../context/context-manager.ts';

/** OpenTelemetry's "Trace Context in non-OTLP Log Formats": lower-case hex, the flags as two digits. */
export interface LogFields {
  readonly trace_id: string;
  readonly span_id: string;
  readonly trace_flags: string;
}

/** The active span as fields of a log line; undefined when there is none. */
export function logFields(): LogFields | undefined {
  const context = spanOf(activeContext())?.spanContext();
  if (context === undefined || !isSpanContextValid(context)) return undefined;
  const { traceId, spanId, traceFlags } = context;
  return { trace_id: traceId, span_id: spanId, trace_flags: traceFlags.toString(16).padStart(2, '0') };
}

import type { TextMapPropagator } from '@opentelemetry/api';
import type { ClewTracer } from '../record/tracer.ts';

/** What every instrumentation is given. */
export interface InstrumentOptions {
  readonly tracer: ClewTracer;
  /** Undefined: W3C trace context and baggage, read and written without the way through getters and setters. */
  readonly propagator: TextMapPropagator | undefined;
  /** Keys of baggage entries that become attributes of server and client spans. */
  readonly baggageAttributes: readonly string[];
}

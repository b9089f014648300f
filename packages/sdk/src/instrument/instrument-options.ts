import type { TextMapPropagator } from '@opentelemetry/api';
import type { ClewTracer } from '../record/tracer.ts';
import type { FetchHooks, HttpHooks } from './http-hooks.ts';

/** What every instrumentation is given. */
export interface InstrumentOptions {
  readonly tracer: ClewTracer;
  /** Undefined: W3C trace context and baggage, read and written without the way through getters and setters. */
  readonly propagator: TextMapPropagator | undefined;
  /** Whether a host may be sent the baggage; undefined when all may. */
  readonly mayHaveBaggage: ((host: string) => boolean) | undefined;
  readonly http: HttpHooks;
  readonly fetch: FetchHooks;
}

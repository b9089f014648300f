import { type Tracer, type TracerProvider, trace } from '@opentelemetry/api';

let provider: TracerProvider | undefined;
let tracer: Tracer | undefined;

/** The tracer of spans that the app makes with our shorthands: scope `app`, of the SDK that runs, whichever it is. */
export function appTracer(): Tracer {
  // The api makes a new provider when an SDK is shut down; a tracer of the old one would be dead.
  const current = trace.getTracerProvider();
  if (tracer === undefined || provider !== current) {
    provider = current;
    tracer = current.getTracer('app');
  }
  return tracer;
}

import { context, propagation, SpanStatusCode, trace } from '@opentelemetry/api';

/** Names the server span after its route, where no router tells the tracer which one matched. */
export function nameRoute(method: string, route: string): void {
  trace.getActiveSpan()?.setAttribute('http.route', route).updateName(`${method} ${route}`);
}

/** Marks the current span as failed by this error. */
export function recordFailure(error: unknown): void {
  const failure = error instanceof Error ? error : new Error(String(error));
  const span = trace.getActiveSpan();
  span?.recordException(failure);
  span?.setAttribute('error.type', failure.name);
  span?.setStatus({ code: SpanStatusCode.ERROR, message: failure.message });
}

/** Who the request is for, as the first service wrote it into the baggage; undefined when the baggage did not come along. */
export function baggageUserId(): string | undefined {
  return propagation.getBaggage(context.active())?.getEntry('user-id')?.value;
}

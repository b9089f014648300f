import { isSpanId, isTraceId, type SpanId, type TraceId } from '../ids.ts';

/**
 * What a caller decided: `defer` leaves it to the receiver, `debug` is a `keep` that goes on as such to whatever the
 * receiver calls.
 */
export type CallerDecision = 'keep' | 'drop' | 'defer' | 'debug';

/** The caller's span, as the headers of Zipkin (B3), Jaeger and X-Ray name it. */
export interface Caller {
  readonly traceId: TraceId;
  readonly spanId: SpanId;
  readonly decision: CallerDecision;
}

/** A caller from hex of full or lesser length, in any case; undefined when one of the ids is none. */
export function callerOf(traceId: string, spanId: string, decision: CallerDecision): Caller | undefined {
  const paddedTraceId = traceId.toLowerCase().padStart(32, '0');
  const paddedSpanId = spanId.toLowerCase().padStart(16, '0');
  if (!isTraceId(paddedTraceId) || !isSpanId(paddedSpanId)) return undefined;
  return { traceId: paddedTraceId, spanId: paddedSpanId, decision };
}

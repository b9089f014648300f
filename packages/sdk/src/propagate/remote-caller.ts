import { type Caller, type CallerDecision, randomFlag, sampledFlag } from '@clew/wire';
import { type Context, createContextKey, isSpanContextValid, type Span, type SpanContext } from '@opentelemetry/api';
import { PassiveSpan } from '../api/passive-span.ts';
import { contextWithSpan, spanOf } from '../context/clew-context.ts';
import { isTracingSuppressed } from '../context/context-manager.ts';
import { DeferredParent } from './deferred-parent.ts';

// B3's and Jaeger's debug flag has no place in a span context, and must reach whatever is called from here.
const debugKey = createContextKey('clew.debug');

/**
 * The context with a caller's span as the parent. When a propagator before has found the same span, its trace state and
 * random flag stay: only W3C's headers carry them.
 */
export function contextOfCaller(context: Context, { traceId, spanId, decision }: Caller): Context {
  const span = decision === 'defer' ? new DeferredParent() : new PassiveSpan();
  const known = spanOf(context)?.spanContext();
  const isSame = known?.traceId === traceId && known.spanId === spanId;
  const sampled = decision === 'keep' || decision === 'debug' ? sampledFlag : 0;
  span.adopt(
    traceId,
    spanId,
    sampled | (isSame ? known.traceFlags & randomFlag : 0),
    isSame ? known.traceState : undefined,
  );
  span.isRemote = true;
  const base =
    isDebugIn(context) === (decision === 'debug') ? context : context.setValue(debugKey, decision === 'debug');
  return contextWithSpan(base, span);
}

/** What a propagator writes: the span of the context with the decision about it; undefined when nothing may be sent. */
export function callerIn(
  context: Context,
): { readonly spanContext: SpanContext; readonly decision: CallerDecision } | undefined {
  const span = spanOf(context);
  const spanContext = span?.spanContext();
  if (spanContext === undefined || !isSpanContextValid(spanContext) || isTracingSuppressed(context)) return undefined;
  return { spanContext, decision: decisionOf(span!, spanContext.traceFlags, context) };
}

function decisionOf(span: Span, traceFlags: number, context: Context): CallerDecision {
  if (isDebugIn(context)) return 'debug';
  if ((traceFlags & sampledFlag) !== 0) return 'keep';
  return span instanceof DeferredParent ? 'defer' : 'drop';
}

function isDebugIn(context: Context): boolean {
  return context.getValue(debugKey) === true;
}

/** The first value of a header that a getter may give as a list. */
export function firstOf(header: string | string[] | undefined): string | undefined {
  const value: unknown = Array.isArray(header) ? header[0] : header;
  return typeof value === 'string' ? value : undefined;
}

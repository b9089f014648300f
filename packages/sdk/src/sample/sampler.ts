import type { Attributes, Context, Link, SamplingDecision, SpanKind, TraceState } from '@opentelemetry/api';
import type { SpanIdentity } from '../api/span-identity.ts';

export interface SamplingResult {
  readonly decision: SamplingDecision;
  /** Added to the span. */
  readonly attributes?: Readonly<Attributes>;
  /** Of the new span, instead of its parent's; an empty one clears it. */
  readonly traceState?: TraceState;
}

/** Decides whether a span is recorded, as OpenTelemetry's specification defines it. Asked before any other work. */
export interface Sampler {
  shouldSample(
    context: Context,
    traceId: string,
    name: string,
    kind: SpanKind,
    attributes: Attributes,
    links: Link[],
  ): SamplingResult;
  toString(): string;
  /** Asked first, when it is there: a span that it refuses costs its ids, and neither attributes nor a string. */
  readonly decide?: DecideSampling | undefined;
  /** Ends what the sampler does in the background. */
  shutdown?(): void | Promise<void>;
}

/**
 * The same decision as `shouldSample`, from what costs nothing: the parent, the words of the trace id, name and kind.
 * Undefined when that is not enough: `shouldSample` is asked then.
 */
export type DecideSampling = (
  parent: SpanIdentity | undefined,
  traceId0: number,
  traceId1: number,
  traceId2: number,
  traceId3: number,
  name: string,
  kind: SpanKind,
) => SamplingDecision | SamplingResult | undefined;

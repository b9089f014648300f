import type { Attributes, Context, Link, SpanKind, TraceState } from '@opentelemetry/api';
import type { SpanIdentity } from '../api/span-identity.ts';

/** What a {@link ComposableSampler} would have done with a span; the decision is the CompositeSampler's. */
export interface SamplingIntent {
  /**
   * How many of 2^56 traces are refused, 0 to 2^56 - 1: the span is kept when the randomness of its trace is no less.
   * Undefined: it is refused in any case.
   */
  readonly threshold: bigint | undefined;
  /** Whether the threshold says for how many spans a kept one stands. Only then it is written as `th`. */
  readonly adjustedCountReliable: boolean;
  /** Makes attributes for the span; called only when it is kept. */
  readonly attributesProvider?: (() => Attributes) | undefined;
  /**
   * Makes the trace state of the span from its parent's, an empty one where there is none. The member `ot` is left to
   * the CompositeSampler: what is done to it here does not count.
   */
  readonly traceStateProvider?: ((parent: TraceState) => TraceState) | undefined;
}

/**
 * A sampler that can be put into others, as OpenTelemetry's specification defines it ("CompositeSampler", in
 * development there). It is not told the trace id: its threshold must not depend on the trace's randomness, or what is
 * counted by thresholds is wrong.
 */
export interface ComposableSampler {
  getSamplingIntent(
    context: Context,
    name: string,
    kind: SpanKind,
    attributes: Attributes,
    links: Link[],
  ): SamplingIntent;
  toString(): string;
  /** Asked first, when it is there: a span that comes to nothing costs its ids, and neither attributes nor a string. */
  readonly intend?: Intend | undefined;
}

/** The same intent as `getSamplingIntent`, from what costs nothing. Undefined when that is not enough. */
export type Intend = (parent: SpanIdentity | undefined, name: string, kind: SpanKind) => SamplingIntent | undefined;

/** Refuses every span. */
export const refusal: SamplingIntent = { threshold: undefined, adjustedCountReliable: false };

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
  /**
   * For samplers that look at nothing but parent and trace id: the same decision from words, without a string or an
   * object. `traceId2` and `traceId3` are the low 64 bits of the trace id.
   */
  readonly decide?: DecideSampling | undefined;
}

export type DecideSampling = (parent: SpanIdentity | undefined, traceId2: number, traceId3: number) => SamplingDecision;

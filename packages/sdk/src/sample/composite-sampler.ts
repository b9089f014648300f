import { Tracestate, writeOtelSubkey } from '@clew/wire';
import {
  type Attributes,
  type Context,
  type Link,
  SamplingDecision,
  type SpanKind,
  type TraceState,
  trace,
} from '@opentelemetry/api';
import { randomWord, wordOfHex } from '../api/random-ids.ts';
import { isUsable } from '../api/span-identity.ts';
import type { ComposableSampler, SamplingIntent } from './composable-sampler.ts';
import { randomnessOf } from './randomness.ts';
import { formatThreshold } from './rejection-threshold.ts';
import type { DecideSampling, Sampler, SamplingResult } from './sampler.ts';

/**
 * Decides as a tree of {@link ComposableSampler}s intends: a span is kept when the randomness of its trace is at or above
 * the threshold. A threshold that cannot be relied on is held against a random number of its own, which is forgotten
 * then: the trace's randomness would make decisions depend on each other that nobody can count afterwards.
 */
export class CompositeSampler implements Sampler {
  readonly decide: DecideSampling;
  private readonly delegate: ComposableSampler;

  constructor(delegate: ComposableSampler) {
    this.delegate = delegate;
    this.decide = (parent, _traceId0, _traceId1, traceId2, traceId3, name, kind) => {
      const intent = this.delegate.intend?.(parent, name, kind);
      return intent === undefined ? undefined : judge(intent, parent?.traceState, traceId2, traceId3);
    };
  }

  shouldSample(
    context: Context,
    traceId: string,
    name: string,
    kind: SpanKind,
    attributes: Attributes,
    links: Link[],
  ): SamplingResult {
    const intent = this.delegate.getSamplingIntent(context, name, kind, attributes, links);
    const parent = trace.getSpanContext(context);
    const state = isUsable(parent) ? parent.traceState : undefined;
    return judge(intent, state, wordOfHex(traceId, 16), wordOfHex(traceId, 24));
  }

  toString(): string {
    return `CompositeSampler{${this.delegate}}`;
  }
}

function judge(
  intent: SamplingIntent,
  state: TraceState | undefined,
  traceId2: number,
  traceId3: number,
): SamplingResult {
  const { threshold, adjustedCountReliable, attributesProvider, traceStateProvider } = intent;
  if (threshold !== undefined && threshold < 0n) {
    throw new RangeError(`the threshold of a sampling intent is ${threshold}; 0 to 2^56 - 1, or undefined, is needed`);
  }
  const member = state?.get('ot');
  const randomness = adjustedCountReliable
    ? randomnessOf(member, traceId2, traceId3)
    : randomnessOf(undefined, randomWord(), randomWord());
  const isKept = threshold !== undefined && randomness >= threshold;
  const decided = writeOtelSubkey(
    member,
    'th',
    isKept && adjustedCountReliable ? formatThreshold(threshold) : undefined,
  );
  const isChanged = traceStateProvider !== undefined || decided !== member;
  return {
    decision: isKept ? SamplingDecision.RECORD_AND_SAMPLED : SamplingDecision.NOT_RECORD,
    ...(isKept && attributesProvider !== undefined && { attributes: attributesProvider() }),
    ...(isChanged && { traceState: withMember(traceStateProvider?.(state ?? empty) ?? state ?? empty, decided) }),
  };
}

function withMember(state: TraceState, member: string | undefined): TraceState {
  return member === undefined ? state.unset('ot') : state.set('ot', member);
}

const empty = new Tracestate([]);

import type { Attributes, Context, Link, SpanKind } from '@opentelemetry/api';
import { type ComposableSampler, refusal, type SamplingIntent } from './composable-sampler.ts';

/** Whether a rule is for a span. As the intent of a sampler, it must not depend on the trace's randomness. */
export type SamplingPredicate = (
  context: Context,
  name: string,
  kind: SpanKind,
  attributes: Attributes,
  links: Link[],
) => boolean;

/** Asks the sampler of the first rule that is for a span; a span that none is for is refused. */
export class ComposableRuleBased implements ComposableSampler {
  private readonly rules: readonly (readonly [predicate: SamplingPredicate, sampler: ComposableSampler])[];

  constructor(rules: readonly (readonly [predicate: SamplingPredicate, sampler: ComposableSampler])[]) {
    this.rules = rules;
  }

  getSamplingIntent(
    context: Context,
    name: string,
    kind: SpanKind,
    attributes: Attributes,
    links: Link[],
  ): SamplingIntent {
    const rule = this.rules.find(([isFor]) => isFor(context, name, kind, attributes, links));
    return rule?.[1].getSamplingIntent(context, name, kind, attributes, links) ?? refusal;
  }

  toString(): string {
    return `ComposableRuleBased{${this.rules.map(([predicate, sampler]) => `${predicate.name || 'rule'}: ${sampler}`).join(', ')}}`;
  }
}

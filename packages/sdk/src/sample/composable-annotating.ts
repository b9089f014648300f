import type { Attributes, Context, Link, SpanKind } from '@opentelemetry/api';
import type { ComposableSampler, Intend, SamplingIntent } from './composable-sampler.ts';

/** Leaves the decision to another sampler, and gives attributes to what that keeps, over those that it gives itself. */
export class ComposableAnnotating implements ComposableSampler {
  readonly intend: Intend;
  private readonly delegate: ComposableSampler;
  private readonly attributes: Attributes;

  constructor(delegate: ComposableSampler, attributes: Attributes) {
    this.delegate = delegate;
    this.attributes = attributes;
    this.intend = (parent, name, kind) => {
      const intent = this.delegate.intend?.(parent, name, kind);
      return intent === undefined ? undefined : this.annotate(intent);
    };
  }

  getSamplingIntent(
    context: Context,
    name: string,
    kind: SpanKind,
    attributes: Attributes,
    links: Link[],
  ): SamplingIntent {
    return this.annotate(this.delegate.getSamplingIntent(context, name, kind, attributes, links));
  }

  toString(): string {
    return `ComposableAnnotating{${this.delegate}}`;
  }

  private annotate(intent: SamplingIntent): SamplingIntent {
    return { ...intent, attributesProvider: () => ({ ...intent.attributesProvider?.(), ...this.attributes }) };
  }
}

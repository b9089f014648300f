import type { Attributes, Context, Link, SpanKind } from '@opentelemetry/api';
import { readText } from '../environment.ts';
import { writeNotice } from '../notice.ts';
import { AlwaysOnSampler } from './always-samplers.ts';
import { stopSampler } from './ask-sampler.ts';
import type { DecideSampling, Sampler, SamplingResult } from './sampler.ts';
import { type CompiledRule, compileRule, type SamplingRule } from './sampling-rule.ts';

export interface RuleBasedOptions {
  readonly rules: readonly SamplingRule[];
  /** For spans that no rule matches. Default: always on. */
  readonly otherwise?: Sampler;
  /** This service, for rules that name one. Default: `OTEL_SERVICE_NAME`. */
  readonly serviceName?: string;
}

/**
 * Asks the sampler of the first rule that a span matches. A rule that cannot be understood is left out, with a warning.
 * Attributes are looked at only when a rule with a condition comes first.
 */
export class RuleBasedSampler implements Sampler {
  readonly decide: DecideSampling;
  private readonly rules: readonly CompiledRule[];
  private readonly otherwise: Sampler;

  constructor(options: RuleBasedOptions) {
    this.otherwise = options.otherwise ?? new AlwaysOnSampler();
    const serviceName = options.serviceName ?? readText('OTEL_SERVICE_NAME');
    this.rules = options.rules.map((rule) => compile(rule, serviceName)).filter((rule) => rule !== undefined);
    const unconditional = this.rules.length === 0 ? this.otherwise : this.rules[0]!.sampler;
    const looksAtAttributes = this.rules[0]?.matches !== undefined;
    this.decide = (parent, traceId0, traceId1, traceId2, traceId3, name, kind) =>
      looksAtAttributes
        ? undefined
        : unconditional.decide?.(parent, traceId0, traceId1, traceId2, traceId3, name, kind);
  }

  shouldSample(
    context: Context,
    traceId: string,
    name: string,
    kind: SpanKind,
    attributes: Attributes,
    links: Link[],
  ): SamplingResult {
    const rule = this.rules.find(({ matches }) => matches === undefined || matches(attributes));
    return (rule?.sampler ?? this.otherwise).shouldSample(context, traceId, name, kind, attributes, links);
  }

  async shutdown(): Promise<void> {
    await stopSampler(this.otherwise);
  }

  toString(): string {
    return `RuleBased{${this.rules.length} rules, otherwise=${this.otherwise}}`;
  }
}

function compile(rule: SamplingRule, serviceName: string | undefined): CompiledRule | undefined {
  try {
    return compileRule(rule, serviceName);
  } catch (error) {
    writeNotice('warn', `the sampling rule ${JSON.stringify(rule)} is left out: ${(error as Error).message}`);
    return undefined;
  }
}

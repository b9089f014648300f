import { SamplingDecision } from '@opentelemetry/api';
import type { DecideSampling, Sampler, SamplingResult } from './sampler.ts';

/** Records every span. */
export class AlwaysOnSampler implements Sampler {
  readonly decide: DecideSampling = () => SamplingDecision.RECORD_AND_SAMPLED;

  shouldSample(): SamplingResult {
    return { decision: SamplingDecision.RECORD_AND_SAMPLED };
  }

  toString(): string {
    return 'AlwaysOnSampler';
  }
}

/** Records no span. */
export class AlwaysOffSampler implements Sampler {
  readonly decide: DecideSampling = () => SamplingDecision.NOT_RECORD;

  shouldSample(): SamplingResult {
    return { decision: SamplingDecision.NOT_RECORD };
  }

  toString(): string {
    return 'AlwaysOffSampler';
  }
}

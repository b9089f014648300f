import { type ComposableSampler, type Intend, refusal, type SamplingIntent } from './composable-sampler.ts';
import { clampRatio } from './ratio.ts';
import { leastRatio, thresholdOfRatio } from './rejection-threshold.ts';

/** Keeps a part of all traces, the same ones as the ProbabilitySampler does with that ratio. */
export class ComposableProbability implements ComposableSampler {
  readonly ratio: number;
  readonly intend: Intend;
  private readonly intent: SamplingIntent;

  /** @param ratio 2^-56 to 1; what is less keeps nothing, what is more everything. */
  constructor(ratio: number) {
    this.ratio = clampRatio(ratio);
    this.intent =
      this.ratio < leastRatio ? refusal : { threshold: thresholdOfRatio(this.ratio), adjustedCountReliable: true };
    this.intend = () => this.intent;
  }

  getSamplingIntent(): SamplingIntent {
    return this.intent;
  }

  toString(): string {
    return `ComposableProbability{${this.ratio}}`;
  }
}

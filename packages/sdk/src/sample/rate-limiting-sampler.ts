import { SamplingDecision } from '@opentelemetry/api';
import type { DecideSampling, Sampler, SamplingResult } from './sampler.ts';
import { TokenBucket } from './token-bucket.ts';

/**
 * Records at most so many spans a second, and a burst of one second's worth. It counts every span that it is asked for;
 * at the root of a ParentBasedSampler it counts traces.
 */
export class RateLimitingSampler implements Sampler {
  readonly decide: DecideSampling;
  private readonly bucket: TokenBucket;

  /** @param ratePerSecond below one too: 0.1 is one in ten seconds. What is no number, or negative, records nothing. */
  constructor(ratePerSecond: number) {
    this.bucket = new TokenBucket(Math.max(0, ratePerSecond || 0), performance.now());
    this.decide = () =>
      this.bucket.take(performance.now()) ? SamplingDecision.RECORD_AND_SAMPLED : SamplingDecision.NOT_RECORD;
  }

  shouldSample(): SamplingResult {
    const isKept = this.bucket.take(performance.now());
    return { decision: isKept ? SamplingDecision.RECORD_AND_SAMPLED : SamplingDecision.NOT_RECORD };
  }

  toString(): string {
    return `RateLimitingSampler{${this.bucket.ratePerSecond}}`;
  }
}

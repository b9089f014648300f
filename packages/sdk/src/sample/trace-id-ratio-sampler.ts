import { type Context, SamplingDecision } from '@opentelemetry/api';
import { wordOfHex } from '../api/random-ids.ts';
import { clampRatio } from './ratio.ts';
import type { DecideSampling, Sampler, SamplingResult } from './sampler.ts';

/**
 * Records a part of all traces, the same ones in every process that uses the same ratio or a higher one.
 *
 * The specification leaves the hash of the trace id open. This is the one of OpenTelemetry's JavaScript SDK: the four
 * words of the id, XORed, are below the ratio of 2^32. So services that have moved and services that have not agree on
 * every trace. Across languages only the probability sampler is consistent.
 */
export class TraceIdRatioBasedSampler implements Sampler {
  readonly ratio: number;
  readonly decide: DecideSampling;
  private readonly bound: number;

  /** @param ratio 0 to 1; what lies outside is taken as the nearer end, what is no number as 0. */
  constructor(ratio = 1) {
    this.ratio = clampRatio(ratio);
    this.bound = this.ratio === 1 ? 2 ** 32 : Math.floor(this.ratio * (2 ** 32 - 1));
    this.decide = (_parent, traceId0, traceId1, traceId2, traceId3) =>
      this.decideFromHash(traceId0 ^ traceId1 ^ traceId2 ^ traceId3);
  }

  shouldSample(_context: Context, traceId: string): SamplingResult {
    const hash = wordOfHex(traceId, 0) ^ wordOfHex(traceId, 8) ^ wordOfHex(traceId, 16) ^ wordOfHex(traceId, 24);
    return { decision: this.decideFromHash(hash) };
  }

  toString(): string {
    return `TraceIdRatioBased{${this.ratio}}`;
  }

  private decideFromHash(hash: number): SamplingDecision {
    return hash >>> 0 < this.bound ? SamplingDecision.RECORD_AND_SAMPLED : SamplingDecision.NOT_RECORD;
  }
}

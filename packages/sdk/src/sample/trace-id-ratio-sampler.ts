import { type Context, SamplingDecision } from '@opentelemetry/api';
import { wordOfHex } from '../api/random-ids.ts';
import type { DecideSampling, Sampler, SamplingResult } from './sampler.ts';

/**
 * Records a part of all traces, the same ones in every process that uses the same ratio or a higher one.
 *
 * As OpenTelemetry's probability sampling defines it: of the trace id the low 56 bits are random (W3C Trace Context
 * level 2); the trace is kept when they are at least `(1 - ratio) * 2^56`.
 */
export class TraceIdRatioBasedSampler implements Sampler {
  readonly ratio: number;
  readonly decide: DecideSampling;

  /** @param ratio 0 to 1; what lies outside is taken as the nearer end, what is no number as 0. */
  constructor(ratio = 1) {
    this.ratio = Number.isNaN(ratio) ? 0 : Math.min(1, Math.max(0, ratio));
    // The threshold in two parts, 24 and 32 bits: 56 bits are more than a double holds.
    const threshold = (1 - this.ratio) * 2 ** 24;
    const high = Math.floor(threshold);
    const low = Math.floor((threshold - high) * 2 ** 32);
    this.decide = (_parent, traceId2, traceId3) => {
      const randomHigh = traceId2 & 0xff_ffff;
      const isKept = randomHigh > high || (randomHigh === high && traceId3 >>> 0 >= low);
      return isKept ? SamplingDecision.RECORD_AND_SAMPLED : SamplingDecision.NOT_RECORD;
    };
  }

  shouldSample(_context: Context, traceId: string): SamplingResult {
    return { decision: this.decide(undefined, wordOfHex(traceId, 16), wordOfHex(traceId, 24)) };
  }

  toString(): string {
    return `TraceIdRatioBased{${this.ratio}}`;
  }
}

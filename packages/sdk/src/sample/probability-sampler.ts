import { parseRandomness, randomFlag, readOtelSubkey, Tracestate, writeOtelSubkey } from '@clew/wire';
import { type Context, SamplingDecision, type TraceState, trace } from '@opentelemetry/api';
import { wordOfHex } from '../api/random-ids.ts';
import { isUsable } from '../api/span-identity.ts';
import { writeNotice } from '../notice.ts';
import { clampRatio } from './ratio.ts';
import { formatThreshold, thresholdOfRatio } from './rejection-threshold.ts';
import type { DecideSampling, Sampler, SamplingResult } from './sampler.ts';

/**
 * Consistent probability sampling, as OpenTelemetry specifies it: a trace is kept when its randomness is at or above the
 * rejection threshold. So every process, in any language, that uses the same probability or a higher one keeps it too.
 *
 * The randomness is the 56 bits of `rv` in the tracestate's `ot`, else the low 56 bits of the trace id. The threshold of
 * what is kept is written as `th`, which says for how many traces each one stands; on what is not kept it is taken out.
 * The parent's decision does not count; put this at the root of a ParentBasedSampler to follow it.
 */
export class ProbabilitySampler implements Sampler {
  readonly ratio: number;
  readonly decide: DecideSampling;
  private readonly isNever: boolean;
  private readonly thresholdHigh: number;
  private readonly thresholdLow: number;
  private readonly th: string;
  private readonly keptRoot: SamplingResult;

  /** @param ratio 2^-56 to 1; what is less keeps nothing, what is more everything. */
  constructor(ratio = 1) {
    this.ratio = clampRatio(ratio);
    this.isNever = this.ratio < 2 ** -56;
    const threshold = thresholdOfRatio(Math.max(this.ratio, 2 ** -56));
    this.thresholdHigh = Number(threshold >> 32n);
    this.thresholdLow = Number(threshold & 0xffff_ffffn);
    this.th = formatThreshold(threshold);
    // One for all: a new trace with this threshold costs no object.
    const traceState = new Tracestate([{ key: 'ot', value: `th:${this.th}` }]);
    this.keptRoot = { decision: SamplingDecision.RECORD_AND_SAMPLED, traceState };
    this.decide = (parent, _traceId0, _traceId1, traceId2, traceId3) =>
      parent === undefined
        ? this.decideRoot(traceId2, traceId3)
        : this.decideChild(parent.traceState, parent.traceFlags, traceId2, traceId3);
  }

  shouldSample(context: Context, traceId: string): SamplingResult {
    const [traceId2, traceId3] = [wordOfHex(traceId, 16), wordOfHex(traceId, 24)];
    const parent = trace.getSpanContext(context);
    if (!isUsable(parent)) return this.decideRoot(traceId2, traceId3);
    return this.decideChild(parent.traceState, parent.traceFlags, traceId2, traceId3);
  }

  toString(): string {
    return `ProbabilitySampler{${this.ratio}}`;
  }

  private decideRoot(traceId2: number, traceId3: number): SamplingResult {
    return this.isKept(traceId2 & 0xff_ffff, traceId3 >>> 0) ? this.keptRoot : refused;
  }

  private decideChild(
    state: TraceState | undefined,
    flags: number,
    traceId2: number,
    traceId3: number,
  ): SamplingResult {
    const member = state?.get('ot');
    const explicit = parseRandomness(readOtelSubkey(member, 'rv'));
    if (explicit === undefined && (flags & randomFlag) === 0) warnOfPresumption();
    const isKept = this.isKept(explicit?.high ?? traceId2 & 0xff_ffff, explicit?.low ?? traceId3 >>> 0);
    const decision = isKept ? SamplingDecision.RECORD_AND_SAMPLED : SamplingDecision.NOT_RECORD;
    const changed = writeOtelSubkey(member, 'th', isKept ? this.th : undefined);
    if (changed === member) return { decision };
    const traceState = state ?? new Tracestate([]);
    return { decision, traceState: changed === undefined ? traceState.unset('ot') : traceState.set('ot', changed) };
  }

  private isKept(randomHigh: number, randomLow: number): boolean {
    if (this.isNever || randomHigh < this.thresholdHigh) return false;
    return randomHigh > this.thresholdHigh || randomLow >= this.thresholdLow;
  }
}

const refused: SamplingResult = { decision: SamplingDecision.NOT_RECORD };

let hasWarned = false;

/** The specification: trace ids are presumed to be random, and the first one that does not say so is worth a word. */
function warnOfPresumption(): void {
  if (hasWarned) return;
  hasWarned = true;
  writeNotice(
    'warn',
    'the probability sampler takes the trace ids of a caller for random though its traceparent lacks the random flag: ' +
      'if they are not, traces are kept in part. Said once',
  );
}

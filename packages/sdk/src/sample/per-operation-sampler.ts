import { type Context, SamplingDecision } from '@opentelemetry/api';
import type { DecideSampling, Sampler, SamplingResult } from './sampler.ts';
import { TokenBucket } from './token-bucket.ts';
import { TraceIdRatioBasedSampler } from './trace-id-ratio-sampler.ts';

export interface PerOperationOptions {
  /** By span name. */
  readonly ratios: ReadonlyMap<string, number>;
  /** For the names that are not there. */
  readonly defaultRatio: number;
  /** So many traces of each operation are recorded, whatever its ratio. */
  readonly lowerBoundPerSecond: number;
}

// A bucket an operation; span names with ids in them would make them without end. The limit of Jaeger's own clients.
const maxOperations = 2_000;

/** Jaeger's per-operation strategy: a ratio for each span name, and a least rate so that rare operations are seen. */
export class PerOperationSampler implements Sampler {
  readonly decide: DecideSampling;
  private readonly samplers: ReadonlyMap<string, TraceIdRatioBasedSampler>;
  private readonly defaultSampler: TraceIdRatioBasedSampler;
  private readonly lowerBoundPerSecond: number;
  private readonly buckets = new Map<string, TokenBucket>();

  constructor(options: PerOperationOptions) {
    this.samplers = new Map(
      Array.from(options.ratios, ([operation, ratio]) => [operation, new TraceIdRatioBasedSampler(ratio)]),
    );
    this.defaultSampler = new TraceIdRatioBasedSampler(options.defaultRatio);
    this.lowerBoundPerSecond = options.lowerBoundPerSecond;
    this.decide = (parent, traceId0, traceId1, traceId2, traceId3, name, kind) => {
      const decision = this.samplerOf(name).decide(parent, traceId0, traceId1, traceId2, traceId3, name, kind);
      return this.isGuaranteed(name) ? SamplingDecision.RECORD_AND_SAMPLED : decision;
    };
  }

  shouldSample(context: Context, traceId: string, name: string): SamplingResult {
    const result = this.samplerOf(name).shouldSample(context, traceId);
    return this.isGuaranteed(name) ? { decision: SamplingDecision.RECORD_AND_SAMPLED } : result;
  }

  toString(): string {
    return `PerOperation{${this.samplers.size} operations, default=${this.defaultSampler.ratio}}`;
  }

  private samplerOf(name: string): TraceIdRatioBasedSampler {
    return this.samplers.get(name) ?? this.defaultSampler;
  }

  /** Takes from the operation's bucket. Asked for every span, as those that the ratio keeps count as well. */
  private isGuaranteed(name: string): boolean {
    if (this.lowerBoundPerSecond <= 0) return false;
    const nowMs = performance.now();
    let bucket = this.buckets.get(name);
    if (bucket === undefined) {
      if (this.buckets.size >= maxOperations) return false;
      bucket = new TokenBucket(this.lowerBoundPerSecond, nowMs);
      this.buckets.set(name, bucket);
    }
    return bucket.take(nowMs);
  }
}

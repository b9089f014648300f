import { type Attributes, type Context, type Link, type SpanKind, TraceFlags, trace } from '@opentelemetry/api';
import { isUsable } from '../api/span-identity.ts';
import { AlwaysOffSampler, AlwaysOnSampler } from './always-samplers.ts';
import type { DecideSampling, Sampler, SamplingResult } from './sampler.ts';

export interface ParentBasedOptions {
  /** For spans without a parent. */
  readonly root: Sampler;
  /** Default: always on. */
  readonly remoteParentSampled?: Sampler;
  /** Default: always off. */
  readonly remoteParentNotSampled?: Sampler;
  /** Default: always on. */
  readonly localParentSampled?: Sampler;
  /** Default: always off. */
  readonly localParentNotSampled?: Sampler;
}

/** Follows the parent's decision, and asks `root` where there is none. */
export class ParentBasedSampler implements Sampler {
  readonly decide: DecideSampling | undefined;
  private readonly root: Sampler;
  private readonly remote: readonly [notSampled: Sampler, sampled: Sampler];
  private readonly local: readonly [notSampled: Sampler, sampled: Sampler];

  constructor(options: ParentBasedOptions) {
    this.root = options.root;
    this.remote = [
      options.remoteParentNotSampled ?? new AlwaysOffSampler(),
      options.remoteParentSampled ?? new AlwaysOnSampler(),
    ];
    this.local = [
      options.localParentNotSampled ?? new AlwaysOffSampler(),
      options.localParentSampled ?? new AlwaysOnSampler(),
    ];
    this.decide = this.decideFromWords();
  }

  shouldSample(
    context: Context,
    traceId: string,
    name: string,
    kind: SpanKind,
    attributes: Attributes,
    links: Link[],
  ): SamplingResult {
    const parent = trace.getSpanContext(context);
    const sampler = isUsable(parent) ? this.delegate(parent.isRemote === true, parent.traceFlags) : this.root;
    return sampler.shouldSample(context, traceId, name, kind, attributes, links);
  }

  toString(): string {
    return `ParentBased{root=${this.root}}`;
  }

  private delegate(isRemote: boolean, traceFlags: number): Sampler {
    return (isRemote ? this.remote : this.local)[(traceFlags & TraceFlags.SAMPLED) as 0 | 1];
  }

  /** Only when all five decide from words. */
  private decideFromWords(): DecideSampling | undefined {
    const root = this.root.decide;
    if (root === undefined || [...this.remote, ...this.local].some((sampler) => sampler.decide === undefined)) {
      return undefined;
    }
    return (parent, traceId2, traceId3) => {
      const decide = parent === undefined ? root : this.delegate(parent.isRemote, parent.traceFlags).decide!;
      return decide(parent, traceId2, traceId3);
    };
  }
}

import { type Attributes, type Context, type Link, type SpanKind, TraceFlags } from '@opentelemetry/api';
import { isUsable } from '../api/span-identity.ts';
import { spanOf } from '../context/clew-context.ts';
import { DeferredParent } from '../propagate/deferred-parent.ts';
import { AlwaysOffSampler, AlwaysOnSampler } from './always-samplers.ts';
import { stopSampler } from './ask-sampler.ts';
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

/**
 * Follows the parent's decision, and asks `root` where there is none: no parent, or one in another process that left
 * the decision to its receiver, as B3 and X-Ray can say.
 */
export class ParentBasedSampler implements Sampler {
  readonly decide: DecideSampling;
  private readonly root: Sampler;
  private readonly remoteSampled: Sampler;
  private readonly remoteNotSampled: Sampler;
  private readonly localSampled: Sampler;
  private readonly localNotSampled: Sampler;

  constructor(options: ParentBasedOptions) {
    this.root = options.root;
    this.remoteSampled = options.remoteParentSampled ?? new AlwaysOnSampler();
    this.remoteNotSampled = options.remoteParentNotSampled ?? new AlwaysOffSampler();
    this.localSampled = options.localParentSampled ?? new AlwaysOnSampler();
    this.localNotSampled = options.localParentNotSampled ?? new AlwaysOffSampler();
    this.decide = (parent, traceId0, traceId1, traceId2, traceId3, name, kind) => {
      const sampler = parent === undefined ? this.root : this.follow(parent, parent.isRemote, parent.traceFlags);
      return sampler.decide?.(parent, traceId0, traceId1, traceId2, traceId3, name, kind);
    };
  }

  shouldSample(
    context: Context,
    traceId: string,
    name: string,
    kind: SpanKind,
    attributes: Attributes,
    links: Link[],
  ): SamplingResult {
    const span = spanOf(context);
    const parent = span?.spanContext();
    const sampler = isUsable(parent) ? this.follow(span!, parent.isRemote === true, parent.traceFlags) : this.root;
    return sampler.shouldSample(context, traceId, name, kind, attributes, links);
  }

  async shutdown(): Promise<void> {
    const { root, remoteSampled, remoteNotSampled, localSampled, localNotSampled } = this;
    const all = new Set([root, remoteSampled, remoteNotSampled, localSampled, localNotSampled]);
    await Promise.all(Array.from(all, (sampler) => stopSampler(sampler)));
  }

  toString(): string {
    return `ParentBased{root=${this.root}}`;
  }

  private follow(parent: object, isRemote: boolean, traceFlags: number): Sampler {
    const isSampled = (traceFlags & TraceFlags.SAMPLED) !== 0;
    if (!isRemote) return isSampled ? this.localSampled : this.localNotSampled;
    if (isSampled) return this.remoteSampled;
    return parent instanceof DeferredParent ? this.root : this.remoteNotSampled;
  }
}

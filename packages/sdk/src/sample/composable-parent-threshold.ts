import { readOtelSubkey } from '@clew/wire';
import {
  type Attributes,
  type Context,
  type Link,
  type SpanKind,
  TraceFlags,
  type TraceState,
} from '@opentelemetry/api';
import { wordOfHex } from '../api/random-ids.ts';
import { isUsable } from '../api/span-identity.ts';
import { spanOf } from '../context/clew-context.ts';
import { DeferredParent } from '../propagate/deferred-parent.ts';
import { type ComposableSampler, type Intend, refusal, type SamplingIntent } from './composable-sampler.ts';
import { randomnessOf } from './randomness.ts';
import { parseThreshold } from './rejection-threshold.ts';

/**
 * Follows the parent's decision with its threshold, and asks `root` where there is none: no parent, or one in another
 * process that left the decision to its receiver, as B3 and X-Ray can say.
 *
 * A parent without a threshold is followed by its sampled flag, and nobody knows then for how many spans one stands. So
 * is one whose threshold contradicts its flag: somebody on the way has decided otherwise and left the threshold.
 */
export class ComposableParentThreshold implements ComposableSampler {
  readonly intend: Intend;
  private readonly root: ComposableSampler;

  constructor(root: ComposableSampler) {
    this.root = root;
    this.intend = (parent, name, kind) => {
      if (parent === undefined || parent instanceof DeferredParent) return this.root.intend?.(parent, name, kind);
      return follow(parent.traceState, parent.traceFlags, parent.traceId2, parent.traceId3);
    };
  }

  getSamplingIntent(
    context: Context,
    name: string,
    kind: SpanKind,
    attributes: Attributes,
    links: Link[],
  ): SamplingIntent {
    const span = spanOf(context);
    const parent = span?.spanContext();
    if (!isUsable(parent) || span instanceof DeferredParent) {
      return this.root.getSamplingIntent(context, name, kind, attributes, links);
    }
    const { traceId, traceFlags, traceState } = parent;
    return follow(traceState, traceFlags, wordOfHex(traceId, 16), wordOfHex(traceId, 24));
  }

  toString(): string {
    return `ComposableParentThreshold{root=${this.root}}`;
  }
}

function follow(state: TraceState | undefined, traceFlags: number, traceId2: number, traceId3: number): SamplingIntent {
  const isSampled = (traceFlags & TraceFlags.SAMPLED) !== 0;
  const member = state?.get('ot');
  const threshold = parseThreshold(readOtelSubkey(member, 'th'));
  if (threshold !== undefined && randomnessOf(member, traceId2, traceId3) >= threshold === isSampled) {
    return { threshold, adjustedCountReliable: true };
  }
  return isSampled ? keptByFlag : refusal;
}

const keptByFlag: SamplingIntent = { threshold: 0n, adjustedCountReliable: false };

import {
  type Attributes,
  type Context,
  type Link,
  SamplingDecision,
  type SpanKind,
  TraceFlags,
} from '@opentelemetry/api';
import type { SpanIdentity } from '../api/span-identity.ts';
import { reportFailure, writeNotice } from '../notice.ts';
import type { Sampler, SamplingResult } from './sampler.ts';

/** Asks a sampler for its full answer; one that throws, or answers with no decision, counts as the default sampler. */
export function askSampler(
  sampler: Sampler,
  parent: SpanIdentity | undefined,
  context: Context,
  traceId: string,
  name: string,
  kind: SpanKind,
  attributes: Attributes,
  links: Link[],
): SamplingResult {
  try {
    const result = sampler.shouldSample(context, traceId, name, kind, attributes, links);
    if (isDecision(result.decision)) return result;
    throw new TypeError(`shouldSample answered with the decision ${String(result.decision)}; 0, 1 or 2 is needed`);
  } catch (error) {
    return { decision: decideByDefault(sampler, parent, error) };
  }
}

/** What `parentbased_always_on` says, in place of a sampler that failed. The failure is reported once a sampler. */
export function decideByDefault(sampler: Sampler, parent: SpanIdentity | undefined, error: unknown): SamplingDecision {
  if (!failed.has(sampler)) {
    failed.add(sampler);
    const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
    writeNotice('error', `the sampler failed; parentbased_always_on decides where it does. Said once: ${detail}`);
  }
  const isRefused = parent !== undefined && (parent.traceFlags & TraceFlags.SAMPLED) === 0;
  return isRefused ? SamplingDecision.NOT_RECORD : SamplingDecision.RECORD_AND_SAMPLED;
}

const failed = new WeakSet<Sampler>();

/** Ends what a sampler does in the background. Never rejects. */
export async function stopSampler(sampler: Sampler): Promise<void> {
  try {
    await sampler.shutdown?.();
  } catch (error) {
    reportFailure('Sampler.shutdown', error);
  }
}

function isDecision(decision: unknown): boolean {
  return (
    decision === SamplingDecision.NOT_RECORD ||
    decision === SamplingDecision.RECORD ||
    decision === SamplingDecision.RECORD_AND_SAMPLED
  );
}

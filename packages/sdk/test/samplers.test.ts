import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  ParentBasedSampler,
  type Sampler,
  TraceIdRatioBasedSampler,
} from '@clew/sdk';
import { ROOT_CONTEXT, SamplingDecision, SpanKind, trace } from '@opentelemetry/api';
import { PassiveSpan } from '#src/api/passive-span.js';
import { samplerFromEnvironment } from '#src/sample/from-environment.js';

const traceId = '0af7651916cd43dd8448eb211c80319c';
const { NOT_RECORD, RECORD_AND_SAMPLED } = SamplingDecision;

/** The decision, asked for in both ways. */
function decisionOf(
  sampler: Sampler,
  id: string,
  parent?: { isRemote: boolean; traceFlags: number },
): SamplingDecision {
  const spanContext = parent && { traceId: id, spanId: 'b7ad6b7169203331', ...parent };
  const context = spanContext === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, spanContext);
  const { decision } = sampler.shouldSample(context, id, 'name', SpanKind.INTERNAL, {}, []);
  const identity = spanContext && PassiveSpan.fromContext(spanContext);
  const word = (start: number): number => Number.parseInt(id.slice(start, start + 8), 16) | 0;
  assert.equal(sampler.decide?.(identity, word(16), word(24)), decision);
  return decision;
}

test('a ratio keeps the traces whose low 56 bits are at or above its threshold, whatever the others are', () => {
  const half = new TraceIdRatioBasedSampler(0.5);
  assert.equal(decisionOf(half, 'ffffffffffffffffff80000000000000'), RECORD_AND_SAMPLED);
  assert.equal(decisionOf(half, 'ffffffffffffffffff7fffffffffffff'), NOT_RECORD);
  assert.equal(decisionOf(half, '00000000000000000080000000000000'), RECORD_AND_SAMPLED);
  const small = new TraceIdRatioBasedSampler(2 ** -40);
  assert.equal(decisionOf(small, '000000000000000000ffffffffff0000'), RECORD_AND_SAMPLED);
  assert.equal(decisionOf(small, '000000000000000000fffffffffeffff'), NOT_RECORD);
});

test('ratio 1 keeps all, ratio 0 none, and what lies outside counts as the nearer end', () => {
  for (const [ratio, low, high] of [
    [1, RECORD_AND_SAMPLED, RECORD_AND_SAMPLED],
    [2, RECORD_AND_SAMPLED, RECORD_AND_SAMPLED],
    [0, NOT_RECORD, NOT_RECORD],
    [-1, NOT_RECORD, NOT_RECORD],
    [Number.NaN, NOT_RECORD, NOT_RECORD],
  ] as const) {
    const sampler = new TraceIdRatioBasedSampler(ratio);
    assert.equal(decisionOf(sampler, '00000000000000010000000000000000'), low);
    assert.equal(decisionOf(sampler, 'f'.repeat(32)), high);
  }
});

test('a parent decides in each of its four cases, and the root sampler where there is none', () => {
  const [on, off] = [new AlwaysOnSampler(), new AlwaysOffSampler()];
  const plain = new ParentBasedSampler({ root: off });
  const inverted = new ParentBasedSampler({
    root: on,
    remoteParentSampled: off,
    remoteParentNotSampled: on,
    localParentSampled: off,
    localParentNotSampled: on,
  });
  for (const isRemote of [true, false]) {
    // The random flag must not be taken for the sampled one.
    for (const [traceFlags, expected] of [
      [1, RECORD_AND_SAMPLED],
      [3, RECORD_AND_SAMPLED],
      [0, NOT_RECORD],
      [2, NOT_RECORD],
    ] as const) {
      assert.equal(decisionOf(plain, traceId, { isRemote, traceFlags }), expected);
      const opposite = expected === NOT_RECORD ? RECORD_AND_SAMPLED : NOT_RECORD;
      assert.equal(decisionOf(inverted, traceId, { isRemote, traceFlags }), opposite);
    }
  }
  assert.equal(decisionOf(plain, traceId), NOT_RECORD);
  assert.equal(decisionOf(inverted, traceId), RECORD_AND_SAMPLED);
});

test('a delegate that needs more than the trace id makes the parent-based sampler ask it', () => {
  const custom: Sampler = { shouldSample: () => ({ decision: NOT_RECORD }), toString: () => 'custom' };
  const sampler = new ParentBasedSampler({ root: custom });
  assert.equal(sampler.decide, undefined);
  assert.equal(sampler.shouldSample(ROOT_CONTEXT, traceId, 'n', SpanKind.INTERNAL, {}, []).decision, NOT_RECORD);
});

afterEach(() => {
  delete process.env.OTEL_TRACES_SAMPLER;
  delete process.env.OTEL_TRACES_SAMPLER_ARG;
});

const environments: readonly [name: string | undefined, arg: string | undefined, made: string][] = [
  [undefined, undefined, 'ParentBased{root=AlwaysOnSampler}'],
  ['', undefined, 'ParentBased{root=AlwaysOnSampler}'],
  ['always_on', undefined, 'AlwaysOnSampler'],
  ['always_off', undefined, 'AlwaysOffSampler'],
  ['traceidratio', '0.25', 'TraceIdRatioBased{0.25}'],
  ['traceidratio', undefined, 'TraceIdRatioBased{1}'],
  ['traceidratio', '1.5', 'TraceIdRatioBased{1}'],
  ['traceidratio', 'half', 'TraceIdRatioBased{1}'],
  ['parentbased_always_on', undefined, 'ParentBased{root=AlwaysOnSampler}'],
  ['parentbased_always_off', undefined, 'ParentBased{root=AlwaysOffSampler}'],
  ['parentbased_traceidratio', '0.5', 'ParentBased{root=TraceIdRatioBased{0.5}}'],
  ['toString', undefined, 'ParentBased{root=AlwaysOnSampler}'],
];
for (const [name, arg, made] of environments) {
  test(`OTEL_TRACES_SAMPLER=${name} with ${arg} is ${made}`, () => {
    process.env.OTEL_LOG_LEVEL = 'none';
    if (name !== undefined) process.env.OTEL_TRACES_SAMPLER = name;
    if (arg !== undefined) process.env.OTEL_TRACES_SAMPLER_ARG = arg;
    assert.equal(String(samplerFromEnvironment()), made);
  });
}

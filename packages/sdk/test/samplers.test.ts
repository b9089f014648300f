import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { ROOT_CONTEXT, SamplingDecision, SpanKind, trace } from '@opentelemetry/api';
import { TraceIdRatioBasedSampler as OfficialTraceIdRatioBasedSampler } from '@opentelemetry/sdk-trace-base';
import fc from 'fast-check';
import { PassiveSpan } from '#src/api/passive-span.js';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  ParentBasedSampler,
  type Sampler,
  TraceIdRatioBasedSampler,
} from '#src/index.js';
import { DeferredParent } from '#src/propagate/deferred-parent.js';
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
  const decided = sampler.decide?.(identity, word(0), word(8), word(16), word(24), 'name', SpanKind.INTERNAL);
  assert.equal(decided, decision);
  return decision;
}

test('a ratio keeps the traces whose words, XORed, are below it', () => {
  const half = new TraceIdRatioBasedSampler(0.5);
  assert.equal(decisionOf(half, '7ffffffe000000000000000000000000'), RECORD_AND_SAMPLED);
  assert.equal(decisionOf(half, '7fffffff000000000000000000000000'), NOT_RECORD);
  assert.equal(decisionOf(half, 'ffffffff800000010000000000000000'), RECORD_AND_SAMPLED);
  assert.equal(decisionOf(half, '00000000000000000000000080000000'), NOT_RECORD);
});

const hexTraceId = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .filter((bytes) => bytes.some((byte) => byte !== 0))
  .map((bytes) => Buffer.from(bytes).toString('hex'));

test('a ratio decides on every trace as the official SDK does', () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1, noNaN: true }), hexTraceId, (ratio, id) => {
      const official = new OfficialTraceIdRatioBasedSampler(ratio).shouldSample(ROOT_CONTEXT, id);
      assert.equal(decisionOf(new TraceIdRatioBasedSampler(ratio), id), official.decision);
    }),
  );
});

test('a trace that a ratio keeps is kept by every higher one', () => {
  const ratio = fc.double({ min: 0, max: 1, noNaN: true });
  fc.assert(
    fc.property(ratio, ratio, hexTraceId, (one, other, id) => {
      const low = new TraceIdRatioBasedSampler(Math.min(one, other));
      const high = new TraceIdRatioBasedSampler(Math.max(one, other));
      if (decisionOf(low, id) === RECORD_AND_SAMPLED) assert.equal(decisionOf(high, id), RECORD_AND_SAMPLED);
    }),
  );
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

test('a delegate that needs more than ids is asked where it counts, and only there', () => {
  const custom: Sampler = { shouldSample: () => ({ decision: NOT_RECORD }), toString: () => 'custom' };
  const sampler = new ParentBasedSampler({ root: custom });
  assert.equal(sampler.decide(undefined, 1, 2, 3, 4, 'n', SpanKind.INTERNAL), undefined);
  assert.equal(sampler.shouldSample(ROOT_CONTEXT, traceId, 'n', SpanKind.INTERNAL, {}, []).decision, NOT_RECORD);
  assert.equal(decisionOf(sampler, traceId, { isRemote: true, traceFlags: 1 }), RECORD_AND_SAMPLED);
});

test('a caller that left the decision to its receiver has the root sampler asked', () => {
  const parent = new DeferredParent();
  parent.adopt(traceId, 'b7ad6b7169203331', 0, undefined);
  parent.isRemote = true;
  const context = trace.setSpan(ROOT_CONTEXT, parent);
  for (const [root, expected] of [
    [new AlwaysOnSampler(), RECORD_AND_SAMPLED],
    [new AlwaysOffSampler(), NOT_RECORD],
  ] as const) {
    const sampler = new ParentBasedSampler({ root });
    assert.equal(sampler.decide(parent, 1, 2, 3, 4, 'n', SpanKind.SERVER), expected);
    assert.equal(sampler.shouldSample(context, traceId, 'n', SpanKind.SERVER, {}, []).decision, expected);
  }
});

afterEach(() => {
  delete process.env.OTEL_TRACES_SAMPLER;
  delete process.env.OTEL_TRACES_SAMPLER_ARG;
  delete process.env.CLEW_SAMPLING_RULES;
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
  ['parentbased_', undefined, 'ParentBased{root=AlwaysOnSampler}'],
  ['ParentBased_TraceIdRatio', '0.5', 'ParentBased{root=TraceIdRatioBased{0.5}}'],
  ['probability', '0.5', 'ProbabilitySampler{0.5}'],
  ['parentbased_probability', undefined, 'ParentBased{root=ProbabilitySampler{1}}'],
  ['ratelimiting', '2.5', 'RateLimitingSampler{2.5}'],
  ['parentbased_ratelimiting', undefined, 'ParentBased{root=RateLimitingSampler{100}}'],
  ['jaeger_remote', 'endpoint=nowhere,initialSamplingRate=0.25', 'JaegerRemoteSampler{TraceIdRatioBased{0.25}}'],
  [
    'parentbased_jaeger_remote',
    'endpoint=nowhere,initialSamplingRate=2,pollingIntervalMs=0',
    'ParentBased{root=JaegerRemoteSampler{TraceIdRatioBased{0.001}}}',
  ],
];
for (const [name, arg, made] of environments) {
  test(`OTEL_TRACES_SAMPLER=${name} with ${arg} is ${made}`, () => {
    process.env.OTEL_LOG_LEVEL = 'none';
    if (name !== undefined) process.env.OTEL_TRACES_SAMPLER = name;
    if (arg !== undefined) process.env.OTEL_TRACES_SAMPLER_ARG = arg;
    const sampler = samplerFromEnvironment('shop');
    void sampler.shutdown?.();
    assert.equal(String(sampler), made);
  });
}

const rules: readonly [name: string | undefined, rules: string, made: string][] = [
  [
    undefined,
    '[{"route":"/health","decision":"drop"}]',
    'ParentBased{root=RuleBased{1 rules, otherwise=AlwaysOnSampler}}',
  ],
  ['always_off', '[{"rate":1}]', 'RuleBased{1 rules, otherwise=AlwaysOffSampler}'],
  [
    'always_off',
    '[{"service":"shop","rate":1},{"service":"other","rate":1}]',
    'RuleBased{1 rules, otherwise=AlwaysOffSampler}',
  ],
  ['always_off', '{"rate":1}', 'AlwaysOffSampler'],
  ['always_off', '[{"rate":1}', 'AlwaysOffSampler'],
];
for (const [name, text, made] of rules) {
  test(`CLEW_SAMPLING_RULES=${text} with ${name} is ${made}`, () => {
    process.env.OTEL_LOG_LEVEL = 'none';
    if (name !== undefined) process.env.OTEL_TRACES_SAMPLER = name;
    process.env.CLEW_SAMPLING_RULES = text;
    assert.equal(String(samplerFromEnvironment('shop')), made);
  });
}

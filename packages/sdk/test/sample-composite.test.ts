import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Attributes,
  createTraceState,
  ROOT_CONTEXT,
  SamplingDecision,
  type SpanContext,
  SpanKind,
  type TraceState,
  trace,
} from '@opentelemetry/api';
import fc from 'fast-check';
import { PassiveSpan } from '#src/api/passive-span.js';
import {
  ClewTracerProvider,
  ComposableAlwaysOff,
  ComposableAlwaysOn,
  ComposableAnnotating,
  ComposableParentThreshold,
  ComposableProbability,
  ComposableRuleBased,
  type ComposableSampler,
  CompositeSampler,
  ProbabilitySampler,
  type Sampler,
  type SamplingIntent,
} from '#src/index.js';
import { DeferredParent } from '#src/propagate/deferred-parent.js';
import type { SamplingResult } from '#src/sample/sampler.js';

const { NOT_RECORD, RECORD_AND_SAMPLED } = SamplingDecision;
const left = '0123456789abcdef01';
const high = `${left}ffffffffffffff`;
const low = `${left}00000000000000`;

interface Parent {
  readonly state?: string;
  readonly traceFlags: number;
}

interface Outcome {
  readonly decision: SamplingDecision;
  readonly state: string | undefined;
  readonly attributes: Attributes | undefined;
}

/** The outcome, asked for in both ways; the short one may leave it to the long one. */
function outcomeOf(sampler: Sampler, id: string, parent?: Parent): Outcome {
  const spanContext: SpanContext | undefined = parent && {
    traceId: id,
    spanId: 'b7ad6b7169203331',
    traceFlags: parent.traceFlags,
    isRemote: true,
    ...(parent.state !== undefined && { traceState: createTraceState(parent.state) }),
  };
  const context = spanContext === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, spanContext);
  const word = (start: number): number => Number.parseInt(id.slice(start, start + 8), 16) | 0;
  const identity = spanContext && PassiveSpan.fromContext(spanContext);
  const outcome = ({ decision, traceState, attributes }: SamplingResult): Outcome => ({
    decision,
    state: traceState?.serialize(),
    attributes,
  });
  const asked = outcome(sampler.shouldSample(context, id, 'n', SpanKind.SERVER, {}, []));
  const decided = sampler.decide?.(identity, word(0), word(8), word(16), word(24), 'n', SpanKind.SERVER);
  if (decided !== undefined) assert.deepEqual(outcome(decided as SamplingResult), asked);
  return asked;
}

/** An intent that does not depend on the span. */
function intending(intent: SamplingIntent): ComposableSampler {
  return { getSamplingIntent: () => intent, toString: () => 'intending' };
}

function intentOf(sampler: ComposableSampler, id = high, parent?: Parent): SamplingIntent {
  const spanContext = parent && {
    traceId: id,
    spanId: 'b7ad6b7169203331',
    traceFlags: parent.traceFlags,
    isRemote: true,
    ...(parent.state !== undefined && { traceState: createTraceState(parent.state) }),
  };
  const context = spanContext === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, spanContext);
  const asked = sampler.getSamplingIntent(context, 'n', SpanKind.SERVER, {}, []);
  const intended = sampler.intend?.(spanContext && PassiveSpan.fromContext(spanContext), 'n', SpanKind.SERVER);
  if (sampler.intend !== undefined) assert.deepEqual(intended, asked);
  return asked;
}

const reliable = (threshold: bigint): SamplingIntent => ({ threshold, adjustedCountReliable: true });
const refusal: SamplingIntent = { threshold: undefined, adjustedCountReliable: false };

// "Built-in ComposableSamplers" of the specification.
const builtIn: readonly [sampler: ComposableSampler, intent: SamplingIntent][] = [
  [new ComposableAlwaysOn(), reliable(0n)],
  [new ComposableAlwaysOff(), refusal],
  [new ComposableProbability(1), reliable(0n)],
  [new ComposableProbability(0.5), reliable(0x80000000000000n)],
  [new ComposableProbability(0.01), reliable(0xfd70a000000000n)],
  [new ComposableProbability(2 ** -56), reliable(0xffffffffffffffn)],
  [new ComposableProbability(2 ** -57), refusal],
  [new ComposableProbability(0), refusal],
  [new ComposableProbability(Number.NaN), refusal],
  [new ComposableProbability(2), reliable(0n)],
  [new ComposableRuleBased([]), refusal],
  [new ComposableParentThreshold(new ComposableProbability(0.5)), reliable(0x80000000000000n)],
];
for (const [sampler, intent] of builtIn) {
  test(`${sampler} intends ${intent.threshold?.toString(16)} for a root span`, () => {
    assert.deepEqual(intentOf(sampler), intent);
  });
}

const byFlag: SamplingIntent = { threshold: 0n, adjustedCountReliable: false };
const parents: readonly [why: string, id: string, parent: Parent, intent: SamplingIntent][] = [
  ['its threshold', high, { state: 'ot=th:c', traceFlags: 1 }, reliable(0xc0000000000000n)],
  ['its threshold, the random flag set', high, { state: 'ot=th:c', traceFlags: 3 }, reliable(0xc0000000000000n)],
  ['its threshold, when it was refused by it', low, { state: 'ot=th:c', traceFlags: 0 }, reliable(0xc0000000000000n)],
  ['a threshold of 0', low, { state: 'ot=th:0', traceFlags: 1 }, reliable(0n)],
  ['a threshold of 14 digits', high, { state: 'ot=th:fffffffffffffe', traceFlags: 1 }, reliable(0xfffffffffffffen)],
  ['explicit randomness', low, { state: 'ot=th:c;rv:c0000000000000', traceFlags: 1 }, reliable(0xc0000000000000n)],
  ['its flag when it has no threshold: kept', low, { traceFlags: 1 }, byFlag],
  ['its flag when it has no threshold: refused', high, { traceFlags: 2 }, refusal],
  ['its flag when only others have written a state', high, { state: 'a=1', traceFlags: 1 }, byFlag],
  ['its flag against a threshold that would have refused', low, { state: 'ot=th:c', traceFlags: 1 }, byFlag],
  ['its flag against a threshold that would have kept', high, { state: 'ot=th:c', traceFlags: 0 }, refusal],
  ['its flag against explicit randomness', high, { state: 'ot=th:c;rv:bfffffffffffff', traceFlags: 1 }, byFlag],
  ['its flag when the threshold is none', high, { state: 'ot=th:C', traceFlags: 1 }, byFlag],
  ['its flag when the threshold is too long', high, { state: 'ot=th:000000000000000', traceFlags: 1 }, byFlag],
  ['its flag when the threshold is empty', high, { state: 'ot=th:;rv:ffffffffffffff', traceFlags: 1 }, byFlag],
];
for (const [why, id, parent, intent] of parents) {
  test(`of a parent, ${why} is followed`, () => {
    const sampler = new ComposableParentThreshold(new ComposableAlwaysOff());
    assert.deepEqual(intentOf(sampler, id, parent), intent);
  });
}

test('a caller that left the decision to its receiver has the root sampler asked', () => {
  const parent = new DeferredParent();
  parent.adopt(high, 'b7ad6b7169203331', 0, undefined);
  const sampler = new ComposableParentThreshold(new ComposableAlwaysOn());
  const context = trace.setSpan(ROOT_CONTEXT, parent);
  assert.deepEqual(sampler.intend(parent, 'n', SpanKind.SERVER), reliable(0n));
  assert.deepEqual(sampler.getSamplingIntent(context, 'n', SpanKind.SERVER, {}, []), reliable(0n));
});

const states: readonly [
  why: string,
  intent: SamplingIntent,
  id: string,
  before: string | undefined,
  decision: SamplingDecision,
  after: string | undefined,
][] = [
  ['th is written on a root that is kept', reliable(0n), low, undefined, RECORD_AND_SAMPLED, 'ot=th:0'],
  ['nothing is written on a root that is refused', reliable(1n), low, undefined, NOT_RECORD, undefined],
  ['nothing is written for no threshold', refusal, high, undefined, NOT_RECORD, undefined],
  ['nothing is written for an unreliable one', byFlag, low, undefined, RECORD_AND_SAMPLED, undefined],
  ['th replaces another', reliable(0n), high, 'a=1,ot=th:c', RECORD_AND_SAMPLED, 'ot=th:0,a=1'],
  ['the same th stays', reliable(0n), high, 'a=1,ot=th:0', RECORD_AND_SAMPLED, undefined],
  ['th is taken off what is refused', reliable(1n), low, 'a=1,ot=th:0', NOT_RECORD, 'a=1'],
  [
    'th is taken off for an unreliable one',
    byFlag,
    high,
    'ot=th:c;rv:00000000000000',
    RECORD_AND_SAMPLED,
    'ot=rv:00000000000000',
  ],
  ['th is taken off for no threshold', refusal, high, 'ot=th:c', NOT_RECORD, ''],
  [
    'rv decides in place of the id, and stays',
    reliable(2n ** 55n),
    low,
    'ot=rv:80000000000000',
    RECORD_AND_SAMPLED,
    'ot=th:8;rv:80000000000000',
  ],
  ['rv decides against', reliable(2n ** 55n), high, 'ot=rv:7fffffffffffff', NOT_RECORD, undefined],
  ['an rv that is none does not count', reliable(2n ** 55n), high, 'ot=rv:00', RECORD_AND_SAMPLED, 'ot=th:8;rv:00'],
  [
    'the last threshold keeps the last randomness',
    reliable(2n ** 56n - 1n),
    high,
    undefined,
    RECORD_AND_SAMPLED,
    'ot=th:ffffffffffffff',
  ],
  ['a threshold above all refuses all', reliable(2n ** 56n), high, undefined, NOT_RECORD, undefined],
];
for (const [why, intent, id, before, decision, after] of states) {
  test(`of a trace state, ${why}`, () => {
    const parent = before === undefined ? undefined : { state: before, traceFlags: 2 };
    const { decision: made, state } = outcomeOf(new CompositeSampler(intending(intent)), id, parent);
    assert.deepEqual([made, state], [decision, after]);
  });
}

test('a composite probability decides and writes what the probability sampler does', () => {
  const ratio = fc.oneof(
    fc.double({ min: 0, max: 1, noNaN: true }),
    fc.integer({ min: 0, max: 57 }).map((power) => 2 ** -power),
  );
  const id = fc.uint8Array({ minLength: 7, maxLength: 7 }).map((bytes) => left + Buffer.from(bytes).toString('hex'));
  const state = fc.constantFrom('', 'a=1', 'ot=th:8', 'ot=rv:80000000000000;th:0', 'b=2,ot=x:1');
  const parent = fc.option(fc.record({ state, traceFlags: fc.constantFrom(2, 3) }), { nil: undefined });
  fc.assert(
    fc.property(ratio, id, parent, (value, traceId, given) => {
      const composite = outcomeOf(new CompositeSampler(new ComposableProbability(value)), traceId, given);
      assert.deepEqual(composite, outcomeOf(new ProbabilitySampler(value), traceId, given));
    }),
    { numRuns: 1_000 },
  );
});

test('an unreliable threshold is held against new randomness, whatever the trace has', () => {
  const half = new CompositeSampler(intending({ threshold: 2n ** 55n, adjustedCountReliable: false }));
  for (const [id, state] of [
    [high, undefined],
    [low, undefined],
    [low, 'ot=rv:ffffffffffffff'],
  ] as const) {
    const parent = state === undefined ? undefined : { state, traceFlags: 3 };
    let kept = 0;
    for (let index = 0; index < 1_000; index++) {
      if (half.shouldSample(contextOf(id, parent), id, 'n', SpanKind.SERVER, {}, []).decision === RECORD_AND_SAMPLED)
        kept++;
    }
    // Ten standard deviations.
    assert.ok(kept > 340 && kept < 660, `${kept} of 1,000`);
  }
});

function contextOf(traceId: string, parent: Parent | undefined) {
  if (parent === undefined) return ROOT_CONTEXT;
  const traceState = createTraceState(parent.state ?? '');
  return trace.setSpanContext(ROOT_CONTEXT, {
    traceId,
    spanId: 'b7ad6b7169203331',
    traceFlags: parent.traceFlags,
    traceState,
  });
}

test('the first rule that is for a span decides, from all that the specification names', () => {
  const seen: unknown[] = [];
  const links = [{ context: { traceId: 'c'.repeat(32), spanId: 'd'.repeat(16), traceFlags: 1 } }];
  const rules = new ComposableRuleBased([
    [
      (...args) => {
        seen.push(...args);
        return false;
      },
      new ComposableAlwaysOn(),
    ],
    [(_context, name) => name === 'health', new ComposableAlwaysOff()],
    [
      (_context, _name, kind, attributes) => kind === SpanKind.SERVER && attributes.tier === 'gold',
      new ComposableAlwaysOn(),
    ],
    [() => true, new ComposableProbability(0.5)],
  ]);
  const ask = (name: string, kind: SpanKind, attributes: Attributes): unknown =>
    rules.getSamplingIntent(ROOT_CONTEXT, name, kind, attributes, links).threshold;
  assert.equal(ask('health', SpanKind.SERVER, { tier: 'gold' }), undefined);
  assert.deepEqual(seen, [ROOT_CONTEXT, 'health', SpanKind.SERVER, { tier: 'gold' }, links]);
  assert.equal(ask('buy', SpanKind.SERVER, { tier: 'gold' }), 0n);
  assert.equal(ask('buy', SpanKind.CLIENT, { tier: 'gold' }), 2n ** 55n);
});

test('what is kept is annotated, the outer sampler over the inner one; what is refused is not', () => {
  const inner = new ComposableAnnotating(new ComposableProbability(0.5), { rule: 'inner', a: 1 });
  const sampler = new CompositeSampler(new ComposableAnnotating(inner, { rule: 'outer' }));
  assert.deepEqual(outcomeOf(sampler, high).attributes, { rule: 'outer', a: 1 });
  assert.equal(outcomeOf(sampler, low).attributes, undefined);
  let calls = 0;
  const counting = intending({ ...refusal, attributesProvider: () => ({ calls: ++calls }) });
  outcomeOf(new CompositeSampler(counting), high);
  assert.equal(calls, 0);
});

test('a sampler may change the trace state, but not what OpenTelemetry writes there', () => {
  const states: string[] = [];
  const intent = (threshold: bigint | undefined): SamplingIntent => ({
    threshold,
    adjustedCountReliable: threshold !== undefined,
    traceStateProvider: (parent: TraceState) => {
      states.push(parent.serialize());
      return parent.set('mine', '1').set('ot', 'th:1;rv:00000000000001');
    },
  });
  const parent = { state: 'a=1,ot=th:c;rv:ffffffffffffff', traceFlags: 3 };
  const kept = outcomeOf(new CompositeSampler(intending(intent(0n))), high, parent);
  assert.equal(kept.state, 'ot=th:0;rv:ffffffffffffff,mine=1,a=1');
  const refused = outcomeOf(new CompositeSampler(intending(intent(undefined))), high, parent);
  assert.equal(refused.state, 'ot=rv:ffffffffffffff,mine=1,a=1');
  assert.equal(outcomeOf(new CompositeSampler(intending(intent(undefined))), high).state, 'mine=1');
  assert.deepEqual(states, [parent.state, parent.state, '']);
});

test('the whole of it in a tracer: rules at the root, parents followed, attributes only where a rule needs them', () => {
  const isHealth = (_context: unknown, _name: string, _kind: SpanKind, attributes: Attributes): boolean =>
    attributes['url.path'] === '/health';
  const rules = new ComposableRuleBased([
    [isHealth, new ComposableAlwaysOff()],
    [() => true, new ComposableAnnotating(new ComposableAlwaysOn(), { 'sampling.rule': 'rest' })],
  ]);
  const sampler = new CompositeSampler(new ComposableParentThreshold(rules));
  assert.equal(
    String(sampler),
    'CompositeSampler{ComposableParentThreshold{root=ComposableRuleBased{isHealth: ComposableAlwaysOff, rule: ComposableAnnotating{ComposableAlwaysOn}}}}',
  );
  const tracer = new ClewTracerProvider({ sampler, export: 'none' }).getTracer('t');
  let described = 0;
  const begin = (path: string, context = ROOT_CONTEXT) =>
    tracer.begin('GET', SpanKind.SERVER, context, () => {
      described++;
      return ['url.path', path];
    });
  assert.equal(begin('/health').isRecording(), false);
  assert.equal(described, 1);
  const root = begin('/buy');
  assert.equal(root.isRecording(), true);
  assert.equal(root.spanContext().traceState?.serialize(), 'ot=th:0');
  assert.deepEqual((root as unknown as { attributes: unknown[] }).attributes, [
    'url.path',
    '/buy',
    'sampling.rule',
    'rest',
  ]);
  const child = begin('/health', trace.setSpan(ROOT_CONTEXT, root));
  assert.equal(child.isRecording(), true);
  assert.equal(child.spanContext().traceState?.serialize(), 'ot=th:0');
  described = 0;
  const refused = { traceId: high, spanId: 'b'.repeat(16), traceFlags: 2, isRemote: true };
  assert.equal(begin('/buy', trace.setSpanContext(ROOT_CONTEXT, refused)).isRecording(), false);
  assert.equal(described, 0, 'a parent that was refused costs no attributes');
});

test('an intent that is none counts as a sampler that failed: parentbased_always_on decides', () => {
  process.env.OTEL_LOG_LEVEL = 'none';
  for (const intent of [reliable(-1n), undefined as never]) {
    const sampler = new CompositeSampler(intending(intent));
    const tracer = new ClewTracerProvider({ sampler, export: 'none' }).getTracer('t');
    assert.equal(tracer.startSpan('s', {}, ROOT_CONTEXT).isRecording(), true);
    const refused = { traceId: high, spanId: 'b'.repeat(16), traceFlags: 0 };
    assert.equal(tracer.startSpan('s', {}, trace.setSpanContext(ROOT_CONTEXT, refused)).isRecording(), false);
  }
});

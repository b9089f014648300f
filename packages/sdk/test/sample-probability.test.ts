import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  createTraceState,
  ROOT_CONTEXT,
  SamplingDecision,
  type SpanContext,
  SpanKind,
  trace,
} from '@opentelemetry/api';
import fc from 'fast-check';
import { PassiveSpan } from '#src/api/passive-span.js';
import { ClewTracerProvider, ParentBasedSampler, ProbabilitySampler } from '#src/index.js';
import { formatThreshold, thresholdOfRatio } from '#src/sample/rejection-threshold.js';
import type { SamplingResult } from '#src/sample/sampler.js';

const { NOT_RECORD, RECORD_AND_SAMPLED } = SamplingDecision;
const left = '0123456789abcdef01';

interface Outcome {
  readonly decision: SamplingDecision;
  readonly state: string | undefined;
}

/** The outcome, asked for in both ways. */
function outcomeOf(sampler: ProbabilitySampler, id: string, parentState?: string, traceFlags = 2): Outcome {
  const parent: SpanContext | undefined =
    parentState === undefined
      ? undefined
      : {
          traceId: id,
          spanId: 'b7ad6b7169203331',
          traceFlags,
          isRemote: true,
          ...(parentState !== '' && { traceState: createTraceState(parentState) }),
        };
  const context = parent === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, parent);
  const word = (start: number): number => Number.parseInt(id.slice(start, start + 8), 16) | 0;
  const identity = parent && PassiveSpan.fromContext(parent);
  const decided = sampler.decide(
    identity,
    word(0),
    word(8),
    word(16),
    word(24),
    'n',
    SpanKind.SERVER,
  ) as SamplingResult;
  const asked = sampler.shouldSample(context, id);
  const outcome = ({ decision, traceState }: SamplingResult): Outcome => ({ decision, state: traceState?.serialize() });
  assert.deepEqual(outcome(decided), outcome(asked));
  return outcome(asked);
}

// The specification's table, "Converting floating-point probability to threshold value", precision 4.
const thresholds: readonly [ratio: number, th: string][] = [
  [1, '0'],
  [1 / 2, '8'],
  [1 / 3, 'aaab'],
  [1 / 4, 'c'],
  [1 / 5, 'cccd'],
  [1 / 8, 'e'],
  [1 / 10, 'e666'],
  [1 / 16, 'f'],
  [1 / 100, 'fd70a'],
  [1 / 1_000, 'ffbe77'],
  [1 / 10_000, 'fff9724'],
  [1 / 100_000, 'ffff583a'],
  [1 / 1_000_000, 'ffffef39'],
  [2 ** -56, 'ffffffffffffff'],
];
for (const [ratio, th] of thresholds) {
  test(`a probability of ${ratio} has the threshold ${th}`, () => {
    assert.equal(formatThreshold(thresholdOfRatio(ratio)), th);
    const kept = outcomeOf(new ProbabilitySampler(ratio), `${left}${'f'.repeat(14)}`);
    assert.deepEqual(kept, { decision: RECORD_AND_SAMPLED, state: `ot=th:${th}` });
  });
}

test('a trace is kept from its threshold on, whatever the other bits of its id are', () => {
  const tenth = new ProbabilitySampler(0.1);
  for (const others of [left, 'f'.repeat(18), '0'.repeat(18)]) {
    assert.equal(outcomeOf(tenth, `${others}e6660000000000`).decision, RECORD_AND_SAMPLED);
    assert.equal(outcomeOf(tenth, `${others}e665ffffffffff`).decision, NOT_RECORD);
  }
  const small = new ProbabilitySampler(2 ** -50);
  assert.equal(outcomeOf(small, `${left}ffffffffffffc0`).decision, RECORD_AND_SAMPLED);
  assert.equal(outcomeOf(small, `${left}ffffffffffffbf`).decision, NOT_RECORD);
});

test('2^-56 is the least probability; what is below keeps nothing, what is above one everything', () => {
  const highest = `${left}${'f'.repeat(14)}`;
  assert.equal(outcomeOf(new ProbabilitySampler(2 ** -56), highest).decision, RECORD_AND_SAMPLED);
  assert.equal(outcomeOf(new ProbabilitySampler(2 ** -56), `${left}fffffffffffffe`).decision, NOT_RECORD);
  for (const ratio of [2 ** -57, 0, -1, Number.NaN]) {
    assert.deepEqual(outcomeOf(new ProbabilitySampler(ratio), highest), { decision: NOT_RECORD, state: undefined });
  }
  assert.equal(outcomeOf(new ProbabilitySampler(2), `${left}${'0'.repeat(14)}`).decision, RECORD_AND_SAMPLED);
});

const high = `${left}ffffffffffffff`;
const low = `${left}00000000000000`;
const states: readonly [
  why: string,
  id: string,
  before: string,
  decision: SamplingDecision,
  after: string | undefined,
][] = [
  ['th is written', high, '', RECORD_AND_SAMPLED, 'ot=th:8'],
  ['th is written beside the members of others', high, 'a=1,b=2', RECORD_AND_SAMPLED, 'ot=th:8,a=1,b=2'],
  ['another th is replaced', high, 'a=1,ot=th:c', RECORD_AND_SAMPLED, 'ot=th:8,a=1'],
  ['the same th stays', high, 'a=1,ot=th:8', RECORD_AND_SAMPLED, undefined],
  ['nothing is written on what is refused', low, 'a=1', NOT_RECORD, undefined],
  ['th is taken off what is refused', low, 'a=1,ot=th:0', NOT_RECORD, 'a=1'],
  ['the last member that goes leaves an empty state', low, 'ot=th:0', NOT_RECORD, ''],
  [
    'rv decides in place of the id, and stays',
    low,
    'ot=rv:80000000000000',
    RECORD_AND_SAMPLED,
    'ot=th:8;rv:80000000000000',
  ],
  ['rv decides against', high, 'ot=th:0;rv:7fffffffffffff', NOT_RECORD, 'ot=rv:7fffffffffffff'],
  ['an rv that is none does not count, and stays', high, 'ot=rv:0000', RECORD_AND_SAMPLED, 'ot=th:8;rv:0000'],
];
for (const [why, id, before, decision, after] of states) {
  test(`of a child's trace state, ${why}`, () => {
    assert.deepEqual(outcomeOf(new ProbabilitySampler(0.5), id, before), { decision, state: after });
  });
}

test('the parent does not count', () => {
  assert.equal(outcomeOf(new ProbabilitySampler(0.5), high, '', 2).decision, RECORD_AND_SAMPLED);
  assert.equal(outcomeOf(new ProbabilitySampler(0.5), low, '', 3).decision, NOT_RECORD);
});

test('a trace that a probability keeps is kept by every higher one', () => {
  const ratio = fc.oneof(
    fc.double({ min: 0, max: 1, noNaN: true }),
    fc.integer({ min: 0, max: 56 }).map((power) => 2 ** -power),
  );
  const randomness = fc
    .uint8Array({ minLength: 7, maxLength: 7 })
    .map((bytes) => left + Buffer.from(bytes).toString('hex'));
  fc.assert(
    fc.property(ratio, ratio, randomness, (one, other, id) => {
      const isKept = (value: number): boolean =>
        outcomeOf(new ProbabilitySampler(value), id).decision === RECORD_AND_SAMPLED;
      if (isKept(Math.min(one, other))) assert.ok(isKept(Math.max(one, other)));
    }),
    { numRuns: 500 },
  );
});

test('what is kept says so in the trace state of its span and of the spans below', () => {
  const sampler = new ParentBasedSampler({ root: new ProbabilitySampler(1) });
  const tracer = new ClewTracerProvider({ sampler, export: 'none' }).getTracer('t');
  const root = tracer.startSpan('root', {}, ROOT_CONTEXT);
  const child = tracer.startSpan('child', {}, trace.setSpan(ROOT_CONTEXT, root));
  assert.equal(root.spanContext().traceState?.serialize(), 'ot=th:0');
  assert.equal(child.spanContext().traceState?.serialize(), 'ot=th:0');
});

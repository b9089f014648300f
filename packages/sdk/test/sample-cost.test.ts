import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { createTraceState, ROOT_CONTEXT, SamplingDecision, SpanKind, trace } from '@opentelemetry/api';
import { PassiveSpan } from '#src/api/passive-span.js';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  ClewTracerProvider,
  JaegerRemoteSampler,
  ParentBasedSampler,
  ProbabilitySampler,
  RateLimitingSampler,
  RuleBasedSampler,
  type Sampler,
  TraceIdRatioBasedSampler,
} from '#src/index.js';
import { runNode, writeApp } from './run-app.js';

const { NOT_RECORD, RECORD, RECORD_AND_SAMPLED } = SamplingDecision;

/** How often attributes were computed for a span of this sampler. */
function countComputations(sampler: Sampler, parentFlags?: number): number {
  const tracer = new ClewTracerProvider({ sampler, export: 'none' }).getTracer('t');
  let context = ROOT_CONTEXT;
  if (parentFlags !== undefined) {
    const spanContext = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: parentFlags, isRemote: true };
    context = trace.setSpan(ROOT_CONTEXT, PassiveSpan.fromContext(spanContext));
  }
  let count = 0;
  const span = tracer.begin('GET', SpanKind.SERVER, context, () => {
    count++;
    return ['url.path', '/health'];
  });
  if (span.isRecording()) assert.equal(count, 1, 'a recorded span computes its attributes once');
  return count;
}

const remote = new JaegerRemoteSampler({ endpoint: 'http://127.0.0.1:1', serviceName: 's', initialSamplingRate: 0 });
after(() => remote.shutdown());
const rules = new RuleBasedSampler({ rules: [{ route: '/health', decision: 'drop' }] });
const custom: Sampler = { shouldSample: () => ({ decision: NOT_RECORD }), toString: () => 'custom' };

const cases: readonly [sampler: Sampler, parentFlags: number | undefined, computations: number][] = [
  [new AlwaysOffSampler(), undefined, 0],
  [new TraceIdRatioBasedSampler(0), undefined, 0],
  [new ProbabilitySampler(0), undefined, 0],
  [new ProbabilitySampler(0), 1, 0],
  [new RateLimitingSampler(0), undefined, 0],
  [remote, undefined, 0],
  [new ParentBasedSampler({ root: new AlwaysOffSampler() }), undefined, 0],
  [new ParentBasedSampler({ root: custom }), 0, 0],
  [new ParentBasedSampler({ root: rules }), 0, 0],
  [new RuleBasedSampler({ rules: [{ ratio: 0 }] }), undefined, 0],
  [rules, undefined, 1],
  [custom, undefined, 1],
  [new AlwaysOnSampler(), undefined, 1],
  [new ProbabilitySampler(1), undefined, 1],
  [new ParentBasedSampler({ root: custom }), 1, 1],
];
for (const [sampler, parentFlags, computations] of cases) {
  const parent = parentFlags === undefined ? 'without a parent' : `below a parent with flags ${parentFlags}`;
  test(`${sampler} computes attributes ${computations} times for a span ${parent}`, () => {
    assert.equal(countComputations(sampler, parentFlags), computations);
  });
}

test('a sampler of the official kind sees links and context, and its state and attributes are taken', () => {
  const seen: unknown[] = [];
  const sampler: Sampler = {
    shouldSample: (context, _traceId, name, kind, attributes, links) => {
      seen.push(context, name, kind, attributes, links);
      return { decision: RECORD, attributes: { why: 'rule' }, traceState: createTraceState('vendor=1') };
    },
    toString: () => 'custom',
  };
  const links = [{ context: { traceId: 'c'.repeat(32), spanId: 'd'.repeat(16), traceFlags: 1 } }];
  const tracer = new ClewTracerProvider({ sampler, export: 'none' }).getTracer('t');
  const span = tracer.startSpan('s', { kind: SpanKind.CONSUMER, attributes: { a: 1 }, links }, ROOT_CONTEXT);
  assert.deepEqual(seen, [ROOT_CONTEXT, 's', SpanKind.CONSUMER, { a: 1 }, links]);
  assert.equal(span.isRecording(), true);
  assert.equal(span.spanContext().traceFlags & 1, 0);
  assert.equal(span.spanContext().traceState?.serialize(), 'vendor=1');
  assert.deepEqual((span as unknown as { attributes: unknown[] }).attributes, ['a', 1, 'why', 'rule']);
});

test('shutting down ends the samplers within, and one that fails at it harms nobody', async () => {
  process.env.OTEL_LOG_LEVEL = 'none';
  const stopped: string[] = [];
  const stopping = (name: string): Sampler => ({
    shouldSample: () => ({ decision: NOT_RECORD }),
    shutdown: () => {
      stopped.push(name);
      throw new Error('cannot stop');
    },
  });
  const otherwise = stopping('otherwise');
  const root = new RuleBasedSampler({ rules: [], otherwise });
  const sampler = new ParentBasedSampler({ root, localParentNotSampled: stopping('local') });
  await new ClewTracerProvider({ sampler, export: 'none' }).shutdown();
  assert.deepEqual(stopped.sort(), ['local', 'otherwise']);
});

test('an empty trace state that a sampler gives clears the one of the parent, none keeps it', () => {
  const parent = {
    traceId: 'a'.repeat(32),
    spanId: 'b'.repeat(16),
    traceFlags: 1,
    traceState: createTraceState('x=1'),
  };
  const stateAfter = (traceState?: ReturnType<typeof createTraceState>): string | undefined => {
    const result = { decision: RECORD_AND_SAMPLED, ...(traceState && { traceState }) };
    const sampler: Sampler = { shouldSample: () => result, toString: () => 'custom' };
    const tracer = new ClewTracerProvider({ sampler, export: 'none' }).getTracer('t');
    const span = tracer.startSpan('s', {}, trace.setSpanContext(ROOT_CONTEXT, parent));
    return span.spanContext().traceState?.serialize();
  };
  assert.equal(stateAfter(), 'x=1');
  assert.equal(stateAfter(createTraceState('y=2')), 'y=2');
  assert.equal(stateAfter(createTraceState('')), undefined);
});

test('a sampler that fails counts as parentbased_always_on, and that is said once', async (t) => {
  const path = await writeApp(
    t,
    'app.mjs',
    `import { ClewTracerProvider } from '@clew/sdk';
    import { ROOT_CONTEXT, trace } from '@opentelemetry/api';
    const failing = [
      { shouldSample() { throw new Error('shouldSample broke'); } },
      { shouldSample() {}, toString: () => 'says nothing' },
      { shouldSample: () => ({ decision: 3 }) },
      { decide() { throw new Error('decide broke'); }, shouldSample: () => ({ decision: 0 }) },
    ];
    for (const sampler of failing) {
      const tracer = new ClewTracerProvider({ sampler, export: 'none' }).getTracer('t');
      for (const flags of [undefined, 1, 0]) {
        const parent = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: flags };
        const context = flags === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, parent);
        console.log(tracer.startSpan('s', {}, context).isRecording());
      }
    }`,
  );
  const app = runNode(t, [path]);
  assert.equal((await app.exit()).code, 0);
  assert.equal(app.stdout.trim().replaceAll('\n', ' '), Array(4).fill('true true false').join(' '));
  assert.equal(app.notices.length, 4);
  assert.match(app.notices[0]!, /parentbased_always_on.*shouldSample broke/);
  assert.match(app.notices[3]!, /decide broke/);
});

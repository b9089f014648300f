import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { AlwaysOnSampler, ClewTracerProvider, type ClewTracerProviderOptions, type SpanProcessor } from '@clew/sdk';
import { ROOT_CONTEXT, SamplingDecision, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import {
  BatchSpanProcessor,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { CollectingServer } from './collecting-server.js';
import { decodeTraceRequest } from './otlp-decoding.js';
import { OtlpSink } from './otlp-sink.js';
import { runNode, writeApp } from './run-app.js';

function providerFor(t: TestContext, options: ClewTracerProviderOptions): ClewTracerProvider {
  const provider = new ClewTracerProvider({ sampler: new AlwaysOnSampler(), export: 'none', ...options });
  t.after(() => provider.shutdown());
  return provider;
}

test('the official BatchSpanProcessor and InMemorySpanExporter see every field of a span', async (t) => {
  const memory = new InMemorySpanExporter();
  const provider = providerFor(t, {
    spanProcessors: [new BatchSpanProcessor(memory)],
    resource: { 'service.name': 'orders' },
    limits: { attributes: 3, events: 1, links: 1 },
  });
  const tracer = provider.getTracer('scope', '1.0', { schemaUrl: 'https://example.com/1' });
  const parent = tracer.startSpan('parent');
  const child = tracer.startSpan(
    'child',
    {
      kind: SpanKind.CLIENT,
      startTime: [100, 999_999_999],
      attributes: { a: 1, b: ['x', 'y'] },
      links: [{ context: parent.spanContext(), attributes: { why: 'test' } }],
    },
    trace.setSpan(ROOT_CONTEXT, parent),
  );
  child.setAttributes({ c: true, d: 'dropped' });
  child.addEvent('first', { n: 1 }, [101, 5]).addEvent('dropped');
  child.addLink({ context: parent.spanContext() });
  child.setStatus({ code: SpanStatusCode.ERROR, message: 'broken' });
  child.end([102, 1]);
  parent.end();
  await provider.forceFlush();
  const [first, second] = memory.getFinishedSpans();
  assert.equal(first!.name, 'child');
  assert.equal(first!.kind, SpanKind.CLIENT);
  assert.deepEqual(first!.spanContext(), child.spanContext());
  assert.deepEqual(first!.parentSpanContext, parent.spanContext());
  assert.deepEqual(first!.startTime, [100, 999_999_999]);
  assert.deepEqual(first!.endTime, [102, 1]);
  assert.deepEqual(first!.duration, [1, 2]);
  assert.equal(first!.ended, true);
  assert.deepEqual(first!.status, { code: SpanStatusCode.ERROR, message: 'broken' });
  assert.deepEqual(first!.attributes, { a: 1, b: ['x', 'y'], c: true });
  assert.deepEqual(first!.events, [{ time: [101, 5], name: 'first', attributes: { n: 1 }, droppedAttributesCount: 0 }]);
  assert.equal(first!.links.length, 1);
  assert.equal(first!.links[0]!.context.spanId, parent.spanContext().spanId);
  assert.deepEqual(first!.links[0]!.attributes, { why: 'test' });
  assert.equal(first!.droppedAttributesCount, 1);
  assert.equal(first!.droppedEventsCount, 1);
  assert.equal(first!.droppedLinksCount, 1);
  assert.equal(first!.resource.attributes['service.name'], 'orders');
  assert.deepEqual(first!.instrumentationScope, { name: 'scope', version: '1.0', schemaUrl: 'https://example.com/1' });
  assert.equal(second!.name, 'parent');
  assert.equal(second!.parentSpanContext, undefined);
});

test('onStart gets the span with its start, attributes and parent, and may change it; onEnd gets the same object', (t) => {
  const calls: unknown[] = [];
  let started: unknown;
  const processor: SpanProcessor = {
    onStart: (span, parentContext) => {
      started = span;
      calls.push([span.name, span.startTime, span.ended, span.duration, trace.getSpan(parentContext)?.isRecording()]);
      calls.push({ ...span.attributes });
      span.setAttribute('added', 'at start').updateName('renamed');
    },
    onEnd: (span) => {
      assert.equal(span, started);
      calls.push([span.name, span.attributes.added, span.ended]);
      (span as unknown as { setAttribute(key: string, value: number): void }).setAttribute('late', 1);
      assert.equal(span.attributes.late, undefined);
    },
    forceFlush: async () => undefined,
    shutdown: async () => undefined,
  };
  const tracer = providerFor(t, { spanProcessors: [processor] }).getTracer('a');
  tracer.startSpan('s', { startTime: [7, 8], attributes: { given: 1 } }).end([9, 0]);
  assert.deepEqual(calls, [['s', [7, 8], false, [-1, -1], undefined], { given: 1 }, ['renamed', 'at start', true]]);
});

test('what a processor adds at the start is exported by our own exporter as well', async (t) => {
  const sink = await OtlpSink.start();
  t.after(() => sink.close());
  const provider = providerFor(t, {
    export: { url: `${sink.endpoint}/v1/traces` },
    spanProcessors: [
      {
        onStart: (span) => span.setAttribute('tenant', '7'),
        onEnd: () => undefined,
        forceFlush: async () => undefined,
        shutdown: async () => undefined,
      },
    ],
  });
  provider.getTracer('a').startSpan('s').end();
  await provider.forceFlush();
  assert.equal(sink.spans[0]!.attributes.tenant, '7');
});

test('spans that are recorded and not sampled reach processors, and the official ones leave them out', async (t) => {
  const memory = new InMemorySpanExporter();
  let seen = 0;
  const counting: SpanProcessor = {
    onStart: () => undefined,
    onEnd: () => {
      seen++;
    },
    forceFlush: async () => undefined,
    shutdown: async () => undefined,
  };
  const provider = providerFor(t, {
    sampler: { shouldSample: () => ({ decision: SamplingDecision.RECORD }), toString: () => 'record' },
    spanProcessors: [counting, new SimpleSpanProcessor(memory)],
  });
  provider.getTracer('a').startSpan('s').end();
  await provider.forceFlush();
  assert.equal(seen, 1);
  assert.equal(memory.getFinishedSpans().length, 0);
});

test('the official OTLP exporter can be the exporter: spans arrive once, through it', async (t) => {
  const collector = await CollectingServer.start(t);
  const provider = new ClewTracerProvider({
    sampler: new AlwaysOnSampler(),
    exporter: new OTLPTraceExporter({
      url: `http://127.0.0.1:${collector.port}/v1/traces`,
      headers: { 'x-theirs': '1' },
    }),
  });
  t.after(() => provider.shutdown());
  assert.deepEqual(provider.exportTargets, []);
  for (let index = 0; index < 600; index++) provider.getTracer('a').startSpan('s', { attributes: { index } }).end();
  await provider.forceFlush();
  const spans = collector.requests.flatMap(({ body }) => decodeTraceRequest(body));
  assert.deepEqual(
    spans.map((span) => span.attributes.index),
    Array.from({ length: 600 }, (_, index) => index),
  );
  assert.ok(collector.requests.every(({ headers }) => headers['x-theirs'] === '1'));
});

test('the official ConsoleSpanExporter prints the span', async (t) => {
  const path = await writeApp(
    t,
    'app.mjs',
    `import { ConsoleSpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
     import { startTracing } from '@clew/sdk';
     import { trace } from '@opentelemetry/api';
     startTracing({ export: 'none', spanProcessors: [new SimpleSpanProcessor(new ConsoleSpanExporter())] });
     trace.getTracer('a').startSpan('printed', { attributes: { n: 1 } }).end();`,
  );
  const app = runNode(t, [path]);
  assert.deepEqual(await app.exit(), { code: 0, signal: null });
  assert.match(app.stdout, /name: 'printed'/);
  assert.match(app.stdout, /attributes: \{ n: 1 \}/);
});

test('a batch processor is flushed when the event loop runs dry', async (t) => {
  const collector = await CollectingServer.start(t);
  const path = await writeApp(
    t,
    'app.mjs',
    `import { BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';
     import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
     import { startTracing } from '@clew/sdk';
     import { trace } from '@opentelemetry/api';
     startTracing({ export: 'none', spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())] });
     trace.getTracer('a').startSpan('s').end();`,
  );
  const app = runNode(t, [path], { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${collector.port}` });
  assert.deepEqual(await app.exit(), { code: 0, signal: null });
  assert.equal(decodeTraceRequest(collector.requests[0]!.body).length, 1);
});

test('processors that throw are reported once each, and the app goes on', async (t) => {
  const path = await writeApp(
    t,
    'app.mjs',
    `import { startTracing } from '@clew/sdk';
     import { trace } from '@opentelemetry/api';
     const fail = () => { throw new Error('mine'); };
     startTracing({ export: 'none', spanProcessors: [{ onStart: fail, onEnd: fail, forceFlush: fail, shutdown: fail }] });
     for (let index = 0; index < 3; index++) trace.getTracer('a').startSpan('s').end();
     console.log('done');`,
  );
  const app = runNode(t, [path]);
  assert.deepEqual(await app.exit(), { code: 0, signal: null });
  assert.equal(app.stdout, 'done\n');
  for (const place of ['onStart', 'onEnd', 'forceFlush']) {
    assert.equal(app.notices.filter((line) => line.includes(`a failure in ${place} of a span processor`)).length, 1);
  }
});

test('an attached exporter that fails is said once, and once more when it works, with the count', async (t) => {
  const path = await writeApp(
    t,
    'app.mjs',
    `import { startTracing } from '@clew/sdk';
     import { trace } from '@opentelemetry/api';
     const results = [{ code: 1, error: new Error('full') }, { code: 1 }, { code: 0 }];
     const tracing = startTracing({ exporter: { export: (spans, done) => done(results.shift()), shutdown: async () => {} } });
     for (let index = 0; index < 3; index++) { trace.getTracer('a').startSpan('s').end(); await tracing.forceFlush(); }`,
  );
  const app = runNode(t, [path]);
  assert.deepEqual(await app.exit(), { code: 0, signal: null });
  assert.deepEqual(app.notices.slice(1), [
    'clew: the attached exporter fails, its spans are lost: full',
    'clew: the attached exporter works again; 2 spans were lost meanwhile',
  ]);
});

test('a span reads the same through our view as through the official SDK types', (t) => {
  const spans: ReadableSpan[] = [];
  const processor: SpanProcessor = {
    onStart: () => undefined,
    onEnd: (span) => spans.push(span as ReadableSpan),
    forceFlush: async () => undefined,
    shutdown: async () => undefined,
  };
  providerFor(t, { spanProcessors: [processor] })
    .getTracer('a')
    .startSpan('s')
    .end();
  assert.deepEqual(spans[0]!.resource.getRawAttributes?.().length, Object.keys(spans[0]!.resource.attributes).length);
  assert.equal(
    spans[0]!.resource.merge(null).attributes['service.name'],
    spans[0]!.resource.attributes['service.name'],
  );
});

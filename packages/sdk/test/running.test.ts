import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { SamplingDecision } from '@opentelemetry/api';
import { AlwaysOnSampler, ClewTracerProvider, type ClewTracerProviderOptions } from '#src/index.js';
import { OpenSpans } from '#src/record/open-spans.js';
import type { RecordingSpan } from '#src/record/recording-span.js';
import { OtlpSink } from './otlp-sink.js';
import { runNode, writeApp } from './run-app.js';

async function start(t: TestContext, options: ClewTracerProviderOptions) {
  const sink = await OtlpSink.start();
  t.after(() => sink.close());
  const provider = new ClewTracerProvider({
    sampler: new AlwaysOnSampler(),
    export: { url: `${sink.endpoint}/v1/traces`, delayMs: 5 },
    ...options,
  });
  t.after(() => provider.shutdown());
  return { sink, provider };
}

test('a span that is open for too long is reported once, by a child of no length that knows what it knows', async (t) => {
  const { sink, provider } = await start(t, { reportRunningAfterMs: 60 });
  const span = provider.getTracer('scope').startSpan('GET /slow', { attributes: { 'url.path': '/slow' } });
  provider.getTracer('scope').startSpan('quick').end();
  await sink.waitFor((spans) => spans.some(({ name }) => name.startsWith('still running')));
  // The next look comes after 50 ms.
  provider.getTracer('scope').startSpan('later').end();
  const other = provider.getTracer('scope').startSpan('also slow');
  await sink.waitFor((spans) => spans.some(({ name }) => name === 'still running: also slow'));
  span.end();
  other.end();
  await provider.forceFlush();
  const reports = sink.spans.filter(({ name }) => name === 'still running: GET /slow');
  assert.equal(reports.length, 1);
  const [report] = reports;
  const ended = sink.spans.find(({ name }) => name === 'GET /slow')!;
  assert.equal(report!.traceId, ended.traceId);
  assert.equal(report!.parentSpanId, ended.spanId);
  assert.notEqual(report!.spanId, ended.spanId);
  assert.equal(report!.startNs, report!.endNs);
  assert.equal(report!.kind, 1);
  assert.equal(report!.scope, 'scope');
  assert.ok(report!.startNs - ended.startNs >= 60_000_000n);
  assert.equal(report!.attributes['url.path'], '/slow');
  assert.equal(report!.attributes['clew.running'], true);
  assert.ok((report!.attributes['clew.running.duration_ms'] as number) >= 60);
  assert.equal('clew.running' in ended.attributes, false);
});

test('spans that are recorded and not sampled are not reported', async (t) => {
  const sampler = { shouldSample: () => ({ decision: SamplingDecision.RECORD }), toString: () => 'record' };
  const { sink, provider } = await start(t, { reportRunningAfterMs: 30, sampler });
  const span = provider.getTracer('a').startSpan('unsampled');
  assert.equal(span.isRecording(), true);
  await new Promise((resolve) => setTimeout(resolve, 150));
  await provider.forceFlush();
  assert.equal(sink.received, 0);
});

test('CLEW_REPORT_RUNNING_AFTER takes durations and off; a process that is killed has told of its stuck request', async (t) => {
  const sink = await OtlpSink.start();
  t.after(() => sink.close());
  const path = await writeApp(
    t,
    'app.mjs',
    `import http from 'node:http';
     const server = http.createServer(() => {}).listen(0, '127.0.0.1', () => console.log('port=' + server.address().port));`,
  );
  const run = async (after: string) => {
    const app = runNode(t, ['--import', '@clew/sdk/register', path], {
      OTEL_EXPORTER_OTLP_ENDPOINT: sink.endpoint,
      OTEL_BSP_SCHEDULE_DELAY: '5',
      CLEW_REPORT_RUNNING_AFTER: after,
    });
    const request = new AbortController();
    const answer = fetch(`${await app.url()}/stuck`, { signal: request.signal }).catch(() => undefined);
    const stop = async (): Promise<void> => {
      request.abort();
      await answer;
    };
    return { app, stop };
  };
  const reporting = await run('0.1s');
  const [report] = await sink.waitFor(1);
  assert.match(report!.name, /^still running: GET/);
  assert.equal(report!.attributes['url.path'], '/stuck');
  reporting.app.child.kill('SIGKILL');
  await reporting.stop();
  sink.clear();
  const wrong = await run('soon');
  assert.equal(wrong.app.notices.filter((line) => line.includes('CLEW_REPORT_RUNNING_AFTER=soon')).length, 1);
  wrong.app.child.kill('SIGKILL');
  await wrong.stop();
  const silent = await run('off');
  assert.deepEqual(
    silent.app.notices.filter((line) => line.includes('CLEW_REPORT')),
    [],
  );
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.equal(sink.received, 0);
  silent.app.child.kill('SIGKILL');
  await silent.stop();
});

test('the registry keeps what is open and nothing else, and stops taking spans at 16,384', () => {
  const open = new OpenSpans();
  const spans = Array.from({ length: 16_385 }, () => ({ openSlot: -1 }) as RecordingSpan);
  for (const span of spans) open.add(span);
  assert.equal(open.list().length, 16_384);
  assert.equal(spans[16_384]!.openSlot, -1);
  for (const span of spans) open.remove(span);
  for (const span of spans) open.remove(span);
  assert.equal(open.list().length, 0);
  for (const span of spans.slice(0, 10)) open.add(span);
  assert.deepEqual(new Set(open.list()), new Set(spans.slice(0, 10)));
});

test('spans that are never ended do not keep a process alive', async (t) => {
  const path = await writeApp(
    t,
    'app.mjs',
    `import { trace } from '@opentelemetry/api'; globalThis.open = trace.getTracer('a').startSpan('open');`,
  );
  const app = runNode(t, ['--import', '@clew/sdk/register', path], {
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1',
  });
  const [code] = (await once(app.child, 'close')) as [number];
  assert.equal(code, 0);
  assert.equal(app.notices.length, 1);
});

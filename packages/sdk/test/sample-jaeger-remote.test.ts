import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { ROOT_CONTEXT, SamplingDecision, SpanKind } from '@opentelemetry/api';
import { JaegerRemoteSampler } from '#src/index.js';
import { samplerOfStrategy } from '#src/sample/jaeger-strategy.js';
import { runNode, writeApp } from './run-app.js';

const { NOT_RECORD, RECORD_AND_SAMPLED } = SamplingDecision;
// Kept by every ratio but 0, and refused by every ratio but 1.
const lowId = '00000000000000000000000000000001';
const highId = 'ffffffff000000000000000000000000';

const strategies: readonly [why: string, json: object, sampler: string][] = [
  [
    'a ratio',
    { strategyType: 'PROBABILISTIC', probabilisticSampling: { samplingRate: 0.8 } },
    'TraceIdRatioBased{0.8}',
  ],
  ['a ratio of zero, left out', { probabilisticSampling: {} }, 'TraceIdRatioBased{0}'],
  [
    'a rate',
    { strategyType: 'RATE_LIMITING', rateLimitingSampling: { maxTracesPerSecond: 5 }, operationSampling: null },
    'RateLimitingSampler{5}',
  ],
  [
    'operations, which come before a ratio',
    {
      strategyType: 'PROBABILISTIC',
      probabilisticSampling: { samplingRate: 1 },
      operationSampling: {
        defaultSamplingProbability: 0.5,
        defaultLowerBoundTracesPerSecond: 0.1,
        perOperationStrategies: [{ operation: 'GET', probabilisticSampling: { samplingRate: 0.2 } }],
      },
    },
    'PerOperation{1 operations, default=0.5}',
  ],
  ['no operations yet', { operationSampling: {} }, 'PerOperation{0 operations, default=0}'],
];
for (const [why, json, sampler] of strategies) {
  test(`a strategy is read: ${why}`, () => assert.equal(String(samplerOfStrategy(JSON.stringify(json))), sampler));
}

const refused: readonly string[] = [
  '',
  'null',
  '[]',
  '{}',
  '{"probabilisticSampling":{"samplingRate":"1"}}',
  '{"probabilisticSampling":{"samplingRate":-1}}',
  '{"rateLimitingSampling":1}',
  '{"operationSampling":{"perOperationStrategies":{}}}',
  '{"operationSampling":{"perOperationStrategies":[{"probabilisticSampling":{}}]}}',
  '{"operationSampling":{"perOperationStrategies":[{"operation":"GET"}]}}',
];
for (const text of refused) {
  test(`a strategy is refused: ${text}`, () => assert.throws(() => samplerOfStrategy(text)));
}

test('each operation has its ratio, the others the default, and all at least the lower bound', () => {
  const sampler = samplerOfStrategy(
    JSON.stringify({
      operationSampling: {
        defaultSamplingProbability: 0,
        defaultLowerBoundTracesPerSecond: 0,
        perOperationStrategies: [{ operation: 'kept', probabilisticSampling: { samplingRate: 1 } }],
      },
    }),
  );
  const ask = (name: string): SamplingDecision =>
    sampler.shouldSample(ROOT_CONTEXT, highId, name, SpanKind.SERVER, {}, []).decision;
  assert.equal(ask('kept'), RECORD_AND_SAMPLED);
  assert.equal(ask('other'), NOT_RECORD);
  assert.equal(sampler.decide?.(undefined, 0, 0, 0, 1, 'kept', SpanKind.SERVER), RECORD_AND_SAMPLED);
  assert.equal(sampler.decide?.(undefined, 0, 0, 0, 1, 'other', SpanKind.SERVER), NOT_RECORD);
  // One in 1,000 seconds: the first of each, and no second while this test runs.
  const bounded = samplerOfStrategy(JSON.stringify({ operationSampling: { defaultLowerBoundTracesPerSecond: 0.001 } }));
  const askBounded = (name: string): unknown => bounded.decide?.(undefined, 0, 0, 0, 1, name, SpanKind.SERVER);
  assert.deepEqual(
    [askBounded('a'), askBounded('a'), askBounded('b')],
    [RECORD_AND_SAMPLED, NOT_RECORD, RECORD_AND_SAMPLED],
  );
  for (let index = 0; index < 1_998; index++) assert.equal(askBounded(`o${index}`), RECORD_AND_SAMPLED);
  assert.equal(askBounded('the 2,001st operation'), NOT_RECORD);
});

/** A Jaeger that answers as told, and what it was asked. */
async function serveStrategies(t: TestContext, answer: () => { status?: number; text: string }): Promise<Jaeger> {
  const asked: { path: string; traceparent: unknown }[] = [];
  const server = createServer((request, response) => {
    asked.push({ path: request.url ?? '', traceparent: request.headers.traceparent });
    const { status = 200, text } = answer();
    response.writeHead(status).end(text);
    response.on('close', () => server.emit('answered'));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { server, asked, endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

interface Jaeger {
  readonly server: Server;
  readonly asked: { path: string; traceparent: unknown }[];
  readonly endpoint: string;
}

test('the strategy is asked for at once and again; the last one stays while the server fails', async (t) => {
  process.env.OTEL_LOG_LEVEL = 'none';
  const ratio = (samplingRate: number): string => JSON.stringify({ probabilisticSampling: { samplingRate } });
  let answer: { status?: number; text: string } = { text: ratio(1) };
  const jaeger = await serveStrategies(t, () => answer);
  const sampler = new JaegerRemoteSampler({
    endpoint: jaeger.endpoint,
    serviceName: 'a b',
    pollingIntervalMs: 5,
    initialSamplingRate: 0,
  });
  t.after(() => sampler.shutdown());
  assert.equal(String(sampler), 'JaegerRemoteSampler{TraceIdRatioBased{0}}');
  assert.equal(sampler.shouldSample(ROOT_CONTEXT, lowId, 'n', SpanKind.SERVER, {}, []).decision, NOT_RECORD);
  await becomes(sampler, jaeger, 'JaegerRemoteSampler{TraceIdRatioBased{1}}');
  assert.equal(sampler.decide(undefined, -1, 0, 0, 0, 'n', SpanKind.SERVER), RECORD_AND_SAMPLED);
  answer = { text: ratio(0.5) };
  await becomes(sampler, jaeger, 'JaegerRemoteSampler{TraceIdRatioBased{0.5}}');
  for (const failure of [
    { status: 503, text: ratio(0.1) },
    { text: 'no JSON' },
    { text: ratio(0.1).padEnd(1_048_577) },
  ]) {
    answer = failure;
    const before = jaeger.asked.length;
    while (jaeger.asked.length < before + 3) await once(jaeger.server, 'answered');
    assert.equal(String(sampler), 'JaegerRemoteSampler{TraceIdRatioBased{0.5}}');
  }
  answer = { text: ratio(0.25) };
  await becomes(sampler, jaeger, 'JaegerRemoteSampler{TraceIdRatioBased{0.25}}');
  assert.deepEqual(new Set(jaeger.asked.map(({ path }) => path)), new Set(['/sampling?service=a+b']));
});

test('a strategy that is the same again keeps its sampler, and so lets no second burst through', async (t) => {
  const jaeger = await serveStrategies(t, () => ({ text: '{"rateLimitingSampling":{"maxTracesPerSecond":0.001}}' }));
  const sampler = new JaegerRemoteSampler({ endpoint: jaeger.endpoint, serviceName: 's', pollingIntervalMs: 5 });
  t.after(() => sampler.shutdown());
  await becomes(sampler, jaeger, 'JaegerRemoteSampler{RateLimitingSampler{0.001}}');
  assert.equal(sampler.decide(undefined, 0, 0, 0, 1, 'n', SpanKind.SERVER), RECORD_AND_SAMPLED);
  const before = jaeger.asked.length;
  while (jaeger.asked.length < before + 3) await once(jaeger.server, 'answered');
  assert.equal(sampler.decide(undefined, 0, 0, 0, 1, 'n', SpanKind.SERVER), NOT_RECORD);
});

async function becomes(sampler: JaegerRemoteSampler, jaeger: Jaeger, text: string): Promise<void> {
  while (String(sampler) !== text) await once(jaeger.server, 'answered');
}

const environment = (jaeger: Jaeger): Record<string, string> => ({
  OTEL_TRACES_EXPORTER: 'none',
  OTEL_SERVICE_NAME: 'shop',
  OTEL_TRACES_SAMPLER: 'parentbased_jaeger_remote',
  OTEL_TRACES_SAMPLER_ARG: `endpoint=${jaeger.endpoint},pollingIntervalMs=5,initialSamplingRate=0`,
});

test('an app that has nothing left to do ends, though it polls', async (t) => {
  const jaeger = await serveStrategies(t, () => ({ text: '{"probabilisticSampling":{"samplingRate":1}}' }));
  const path = await writeApp(
    t,
    'app.mjs',
    `import { setTimeout } from 'node:timers/promises';
    import { trace } from '@opentelemetry/api';
    while (!trace.getTracer('t').startSpan('until the strategy is there').isRecording()) await setTimeout(1);`,
  );
  const app = runNode(t, ['--import', '@clew/sdk/register', path], {
    ...environment(jaeger),
    OTEL_TRACES_SAMPLER_ARG: `endpoint=${jaeger.endpoint},pollingIntervalMs=600000,initialSamplingRate=0`,
  });
  assert.deepEqual(await app.exit(), { code: 0, signal: null });
});

test('an app ends though a server takes its time to answer', async (t) => {
  const silent = createServer(() => undefined).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  t.after(() => {
    silent.closeAllConnections();
    silent.close();
  });
  const path = await writeApp(
    t,
    'app.mjs',
    `// What only a process prints that is held until the request is given up.
    setTimeout(() => console.log('held'), 2_500).unref();`,
  );
  const { port } = silent.address() as AddressInfo;
  const app = runNode(t, ['--import', '@clew/sdk/register', path], {
    OTEL_TRACES_EXPORTER: 'none',
    OTEL_TRACES_SAMPLER: 'jaeger_remote',
    OTEL_TRACES_SAMPLER_ARG: `endpoint=http://127.0.0.1:${port}`,
  });
  assert.deepEqual(await app.exit(), { code: 0, signal: null });
  assert.equal(app.stdout, '');
});

test('it is said once that the server is away and once that it is back; polling is not traced', async (t) => {
  let answer = { status: 500, text: '' };
  const jaeger = await serveStrategies(t, () => answer);
  const path = await writeApp(
    t,
    'app.mjs',
    `import { createServer } from 'node:http';
    import { trace } from '@opentelemetry/api';
    createServer((request, response) => {
      response.end(String(trace.getActiveSpan().isRecording()));
    }).listen(0, '127.0.0.1', function () { console.log('port=' + this.address().port); });`,
  );
  const app = runNode(t, ['--import', '@clew/sdk/register', path], environment(jaeger));
  const ask = async (): Promise<string> => (await fetch(await app.url())).text();
  await app.waitForText(/no sampling strategy from .*HTTP 500; TraceIdRatioBased\{0\} stays in force/);
  assert.equal(await ask(), 'false');
  while (jaeger.asked.length < 5) await once(jaeger.server, 'answered');
  answer = { status: 200, text: '{"probabilisticSampling":{"samplingRate":1}}' };
  await app.waitForText(/sampling strategies come from .* again/);
  assert.equal(await ask(), 'true');
  assert.equal(app.notices.filter((line) => line.includes('sampling strateg')).length, 2);
  for (const { path: asked, traceparent } of jaeger.asked) {
    assert.deepEqual([asked, traceparent], ['/sampling?service=shop', undefined]);
  }
});

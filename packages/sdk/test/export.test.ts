import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { AlwaysOnSampler, ClewTracerProvider, type ExportOptions } from '@clew/sdk';
import { CollectingServer } from './collecting-server.js';
import { OtlpSink, type SinkAnswer } from './otlp-sink.js';
import { runNode, writeApp } from './run-app.js';
import { makeCertificate } from './tls-certificate.js';

async function startSink(t: TestContext): Promise<OtlpSink> {
  const sink = await OtlpSink.start();
  t.after(() => sink.close());
  return sink;
}

function providerFor(t: TestContext, sink: OtlpSink, options: ExportOptions = {}): ClewTracerProvider {
  const provider = new ClewTracerProvider({
    sampler: new AlwaysOnSampler(),
    export: { url: `${sink.endpoint}/v1/traces`, delayMs: 5, ...options },
  });
  t.after(() => provider.shutdown());
  return provider;
}

/** The lines that `run` makes the SDK write to stderr of this process's child. */
async function runScript(t: TestContext, source: string, env: Record<string, string>) {
  const path = await writeApp(
    t,
    'app.mjs',
    `import { setTimeout as sleep } from 'node:timers/promises';\nimport { trace } from '@opentelemetry/api';\nconst tracer = trace.getTracer('script');\n${source}`,
  );
  return runNode(t, ['--import', '@clew/sdk/register', path], { OTEL_BSP_SCHEDULE_DELAY: '5', ...env });
}

/** A port on which nothing listens. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

test('spans that end together arrive in one request, as OTLP/HTTP protobuf, grouped by scope', async (t) => {
  const sink = await startSink(t);
  const provider = providerFor(t, sink, { headers: { authorization: 'Bearer x' } });
  for (const scope of ['a', 'b', 'a']) provider.getTracer(scope, '1').startSpan(`of ${scope}`).end();
  const spans = await sink.waitFor(3);
  assert.equal(sink.requests.length, 1);
  const [request] = sink.requests;
  assert.equal(request!.path, '/v1/traces');
  assert.equal(request!.headers['content-type'], 'application/x-protobuf');
  assert.equal(request!.headers.authorization, 'Bearer x');
  assert.deepEqual(
    spans.map((span) => [span.scope, span.name]),
    [
      ['a', 'of a'],
      ['a', 'of a'],
      ['b', 'of b'],
    ],
  );
});

test('bodies are compressed when asked for', async (t) => {
  const sink = await startSink(t);
  providerFor(t, sink, { compression: 'gzip' }).getTracer('a').startSpan('s').end();
  await sink.waitFor(1);
  assert.equal(sink.requests[0]!.headers['content-encoding'], 'gzip');
});

test('a batch goes out as soon as it has enough spans, or enough bytes', async (t) => {
  const sink = await startSink(t);
  const bySpans = providerFor(t, sink, { delayMs: 60_000, maxBatchSpans: 3 }).getTracer('a');
  for (let index = 0; index < 5; index++) bySpans.startSpan('s').end();
  await sink.waitFor(3);
  assert.equal(sink.spans.length, 3);
  sink.clear();
  const byBytes = providerFor(t, sink, { delayMs: 60_000, maxBatchBytes: 1_000 }).getTracer('a');
  byBytes.startSpan('s', { attributes: { filler: 'x'.repeat(800) } }).end();
  byBytes.startSpan('s', { attributes: { filler: 'x'.repeat(100) } }).end();
  await sink.waitFor(2);
});

test('an answer of 429, 502, 503 or 504 is tried again, not before its Retry-After', async (t) => {
  const sink = await startSink(t);
  const provider = providerFor(t, sink);
  const answers: SinkAnswer[] = [{ status: 503, headers: { 'Retry-After': '1' } }, { status: 429 }];
  const times: number[] = [];
  sink.answer = () => {
    times.push(performance.now());
    return answers.shift() ?? {};
  };
  provider.getTracer('a').startSpan('s').end();
  await sink.waitFor(1);
  assert.equal(sink.received, 3);
  assert.ok(times[1]! - times[0]! >= 990, `${times[1]! - times[0]!} ms`);
});

test('a collector that takes 500 ms for each request loses no span at 5,000 spans a second', async (t) => {
  const sink = await startSink(t);
  sink.answer = () => new Promise((resolve) => setTimeout(() => resolve({}), 500));
  const provider = providerFor(t, sink, { delayMs: 100 });
  const tracer = provider.getTracer('load');
  let made = 0;
  const startMs = performance.now();
  while (made < 10_000) {
    const due = Math.min(10_000, (performance.now() - startMs) * 5);
    for (; made < due; made++)
      tracer.startSpan('s', { attributes: { 'http.route': '/orders/:id', index: made } }).end();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await provider.forceFlush();
  assert.equal(sink.spans.length, made);
  assert.equal(new Set(sink.spans.map((span) => span.spanId)).size, made);
});

test('forceFlush sends what waits and resolves when it was answered', async (t) => {
  const sink = await startSink(t);
  const provider = providerFor(t, sink, { delayMs: 60_000 });
  provider.getTracer('a').startSpan('s').end();
  assert.equal(provider.isIdle, false);
  await provider.forceFlush();
  assert.equal(sink.spans.length, 1);
  assert.equal(provider.isIdle, true);
});

test('after shutdown spans are dropped in silence', async (t) => {
  const sink = await startSink(t);
  const provider = providerFor(t, sink);
  await provider.shutdown();
  provider.getTracer('a').startSpan('late').end();
  await provider.forceFlush();
  assert.equal(sink.spans.length, 0);
});

test('when no collector answers, one line says so, and the app runs and ends as ever', async (t) => {
  const endpoint = `http://127.0.0.1:${await freePort()}`;
  const app = await runScript(
    t,
    `for (let index = 0; index < 5; index++) { tracer.startSpan('s').end(); await sleep(30); }
     console.log('done');
     process.exitCode = 7;`,
    { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint },
  );
  assert.deepEqual(await app.exit(), { code: 7, signal: null });
  assert.equal(app.stdout, 'done\n');
  const [start, away, ...more] = app.notices;
  assert.match(start!, /^clew: tracing /);
  assert.equal(
    away,
    `clew: no collector answers at ${endpoint}/v1/traces (ECONNREFUSED); up to 16 MiB of spans are kept until one ` +
      'does, what exceeds that is dropped. Start a collector there, or set OTEL_EXPORTER_OTLP_ENDPOINT',
  );
  assert.equal(more.length, 1);
  assert.match(more[0]!, /^clew: 5 spans were lost: the end came before the collector at /);
});

test('when the collector comes back, one line says so, and what was kept arrives', async (t) => {
  const port = await freePort();
  const app = await runScript(
    t,
    `tracer.startSpan('early').end();
     process.stdin.resume();
     const waiting = setInterval(() => {}, 1000);
     process.on('SIGUSR2', () => clearInterval(waiting));`,
    { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` },
  );
  await app.waitForText(/no collector answers/);
  const sink = await OtlpSink.start(port);
  t.after(() => sink.close());
  assert.deepEqual(
    (await sink.waitFor(1)).map((span) => span.name),
    ['early'],
  );
  await app.waitForText(/answers again; 0 spans were lost meanwhile\n/);
  app.child.kill('SIGUSR2');
  assert.deepEqual(await app.exit(), { code: 0, signal: null });
  assert.equal(app.notices.length, 3);
});

test('what exceeds the queue is dropped and counted, and memory stays bounded', async (t) => {
  const port = await freePort();
  const path = await writeApp(
    t,
    'app.mjs',
    `import { ClewTracerProvider, AlwaysOnSampler } from '@clew/sdk';
     import { setTimeout as sleep } from 'node:timers/promises';
     const provider = new ClewTracerProvider({ sampler: new AlwaysOnSampler(),
       export: { delayMs: 1, maxQueueBytes: 10_000 } });
     for (let index = 0; index < 10; index++) {
       provider.getTracer('a').startSpan('s' + index, { attributes: { filler: 'x'.repeat(1_500) } }).end();
       await sleep(5);
     }
     process.stdin.resume();
     setInterval(() => provider.isIdle && process.exit(), 10);`,
  );
  const app = runNode(t, [path], { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` });
  await app.waitForText(/no collector answers/);
  const sink = await OtlpSink.start(port);
  t.after(() => sink.close());
  await app.exit();
  const names = sink.spans.map((span) => span.name).sort();
  assert.ok(names.length >= 4 && names.length <= 6, names.join());
  assert.deepEqual(
    names,
    Array.from(names, (_, index) => `s${index}`),
  );
  const lost = /answers again; (\d+) spans were lost meanwhile/.exec(app.stderr)?.[1];
  assert.equal(Number(lost), 10 - names.length);
});

test('a collector that refuses spans is named once, with its reason', async (t) => {
  const sink = await startSink(t);
  const partial = Buffer.from([0x0a, 0x0a, 0x08, 0x02, 0x12, 0x06, ...Buffer.from('too old'.slice(0, 6))]);
  const answers: SinkAnswer[] = [{ status: 401 }, { status: 401 }, { body: partial }, {}];
  sink.answer = () => answers.shift() ?? {};
  const app = await runScript(
    t,
    `for (let index = 0; index < 4; index++) { tracer.startSpan('s').end(); await sleep(60); }`,
    { OTEL_EXPORTER_OTLP_ENDPOINT: sink.endpoint },
  );
  assert.deepEqual(await app.exit(), { code: 0, signal: null });
  const refused = app.notices.slice(1);
  assert.equal(refused.length, 2, app.stderr);
  assert.match(refused[0]!, /refused 1 spans \(HTTP 401\)/);
  assert.match(refused[1]!, /refused 2 spans \(too ol\)/);
});

for (const protocol of ['http/protobuf', 'http/json']) {
  test(`what answers an export over ${protocol} with 200 and a web page is not a collector, and is named once`, async (t) => {
    const page = await CollectingServer.start(t);
    page.answer = (_request, response) => {
      response
        .writeHead(200, { 'content-type': 'Text/HTML; charset=utf-8' })
        .end('<!doctype html><title>Sign in</title>');
    };
    const app = await runScript(
      t,
      `for (let index = 0; index < 2; index++) { tracer.startSpan('s').end(); await sleep(60); }`,
      { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${page.port}`, OTEL_EXPORTER_OTLP_PROTOCOL: protocol },
    );
    assert.deepEqual(await app.exit(), { code: 0, signal: null });
    const lines = app.notices.slice(1);
    assert.equal(lines.length, 1, app.stderr);
    assert.match(lines[0]!, /refused 1 spans \(HTTP 200 with a web page: that is not a collector\)/);
  });
}

test('a file of TLS that holds something else is named with what it holds', async (t) => {
  const { key } = makeCertificate();
  const sink = await startSink(t);
  const path = join(await mkdtemp(join(tmpdir(), 'clew-pem-')), 'file.pem');
  t.after(() => rm(dirname(path), { recursive: true }));
  await writeFile(path, key);
  const app = await runScript(t, '', {
    OTEL_EXPORTER_OTLP_ENDPOINT: sink.endpoint,
    OTEL_EXPORTER_OTLP_CERTIFICATE: path,
    OTEL_EXPORTER_OTLP_CLIENT_KEY: path,
    OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: import.meta.filename,
  });
  assert.deepEqual(await app.exit(), { code: 0, signal: null });
  const lines = app.notices.filter((line) => line.includes('is ignored'));
  assert.equal(lines.length, 2, app.stderr);
  assert.match(lines[0]!, /OTLP_CERTIFICATE=.* is ignored: the file holds PRIVATE KEY; a CERTIFICATE is needed/);
  assert.match(lines[1]!, /CLIENT_CERTIFICATE=.* is ignored: the file holds nothing in PEM format/);
});

const endpoints: readonly [env: Record<string, string>, path: string][] = [
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'BASE' }, '/v1/traces'],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'BASE/' }, '/v1/traces'],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'BASE/otlp' }, '/otlp/v1/traces'],
  [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'BASE/own' }, '/own'],
  [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'BASE' }, '/'],
  [
    { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1', OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'BASE/v1/traces' },
    '/v1/traces',
  ],
];
for (const [env, path] of endpoints) {
  test(`spans go to ${path} with ${JSON.stringify(env)}`, async (t) => {
    const sink = await startSink(t);
    const filled = Object.entries(env).map(([name, value]) => [name, value.replace('BASE', sink.endpoint)]);
    const app = await runScript(t, `tracer.startSpan('s').end();`, {
      ...(Object.fromEntries(filled) as Record<string, string>),
      OTEL_EXPORTER_OTLP_HEADERS: 'x-tenant=a%20b,x-both=1',
      OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'x-both=2',
    });
    assert.deepEqual(await app.exit(), { code: 0, signal: null });
    assert.equal(sink.requests[0]?.path, path);
    assert.equal(sink.requests[0]?.headers['x-tenant'], 'a b');
    assert.equal(sink.requests[0]?.headers['x-both'], '2');
  });
}

test('our own requests are not traced, whichever way a batch is started', async (t) => {
  for (const env of [{ OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '1' }, { OTEL_BSP_SCHEDULE_DELAY: '1' }]) {
    const sink = await startSink(t);
    const app = await runScript(t, `tracer.startActiveSpan('s', async (span) => { span.end(); await sleep(100); });`, {
      OTEL_EXPORTER_OTLP_ENDPOINT: sink.endpoint,
      ...env,
    });
    assert.deepEqual(await app.exit(), { code: 0, signal: null });
    assert.deepEqual(
      sink.spans.map((span) => span.name),
      ['s'],
    );
    assert.equal(sink.requests[0]!.headers.traceparent, undefined);
  }
});

test('variables that cannot be used are named and ignored', async (t) => {
  const sink = await startSink(t);
  const app = await runScript(t, `tracer.startSpan('s').end();`, {
    OTEL_EXPORTER_OTLP_ENDPOINT: sink.endpoint,
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'localhost:4318',
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/xml',
    OTEL_EXPORTER_OTLP_TIMEOUT: 'soon',
    OTEL_TRACES_SAMPLER: 'sometimes',
    OTEL_PROPAGATORS: 'tracecontext,b4',
    OTEL_RESOURCE_ATTRIBUTES: 'a=1,b=%zz',
  });
  assert.deepEqual(await app.exit(), { code: 0, signal: null });
  assert.equal(sink.spans.length, 1);
  assert.equal(sink.spans[0]!.resource.a, undefined);
  for (const name of [
    'TRACES_ENDPOINT=localhost:4318',
    'PROTOCOL=http/xml',
    'TIMEOUT=soon',
    'SAMPLER=sometimes',
    '"b4"',
    'OTEL_RESOURCE_ATTRIBUTES',
  ]) {
    assert.equal(app.notices.filter((line) => line.includes(name)).length, 1, name);
  }
});

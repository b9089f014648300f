import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { type TestContext, test } from 'node:test';
import { OtlpSink } from './otlp-sink.js';
import { type App, runNode, writeApp } from './run-app.js';

async function start(t: TestContext, source: string, endpoint?: string): Promise<{ app: App; sink: OtlpSink }> {
  const sink = await OtlpSink.start();
  t.after(() => sink.close());
  const path = await writeApp(
    t,
    'app.mjs',
    `import http from 'node:http';\nimport { trace } from '@opentelemetry/api';\nconst tracer = trace.getTracer('app');\n${source}`,
  );
  const app = runNode(t, ['--import', '@clew/sdk/register', path], {
    OTEL_EXPORTER_OTLP_ENDPOINT: endpoint ?? sink.endpoint,
    OTEL_BSP_SCHEDULE_DELAY: '60000',
  });
  return { app, sink };
}

test('no span is lost when the event loop runs dry', async (t) => {
  const { app, sink } = await start(t, `for (let index = 0; index < 5000; index++) tracer.startSpan('s').end();`);
  assert.deepEqual(await app.exit(), { code: 0, signal: null });
  assert.equal(sink.spans.length, 5_000);
  assert.equal(app.notices.length, 1);
});

test('spans that end in beforeExit handlers of the app, or after these, are sent as well', async (t) => {
  const { app, sink } = await start(
    t,
    `tracer.startSpan('first').end();
     process.once('beforeExit', () => {
       tracer.startSpan('second').end();
       setTimeout(() => tracer.startSpan('third').end(), 10);
     });`,
  );
  await app.exit();
  assert.deepEqual(
    sink.spans.map((span) => span.name),
    ['first', 'second', 'third'],
  );
});

test("the app's handlers of beforeExit run as often as without the SDK, and see a listener count without ours", async (t) => {
  const source = `
    let count = 0;
    process.on('beforeExit', (code) => {
      console.log('beforeExit', code, process.listenerCount('beforeExit'));
      tracer.startSpan('before exit').end();
      if (++count < 3) setTimeout(() => tracer.startSpan('work').end(), 5);
    });
    tracer.startSpan('first').end();
    process.exitCode = 3;`;
  const { app, sink } = await start(t, source);
  assert.deepEqual(await app.exit(), { code: 3, signal: null });
  assert.equal(app.stdout, 'beforeExit 3 1\n'.repeat(3));
  assert.equal(sink.spans.length, 6);
  assert.equal(app.notices.length, 1, app.stderr);
});

test('an app that makes spans as long as it lives, and waits for nothing, ends all the same', async (t) => {
  const { app, sink } = await start(
    t,
    `tracer.startSpan('first').end(); setInterval(() => tracer.startSpan('tick').end(), 1).unref();`,
  );
  sink.answer = async () => {
    await new Promise((resolve) => setTimeout(resolve, 20));
    return {};
  };
  assert.deepEqual(await app.exit(), { code: 0, signal: null });
});

const server = `const server = http.createServer((request, response) => response.end()).listen(0, '127.0.0.1', () => {
  tracer.startSpan('before').end();
  console.log('port=' + server.address().port);
});`;

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`${signal} without a handler of the app: spans are sent, then the process dies by that signal`, async (t) => {
    const { app, sink } = await start(t, server);
    await app.url();
    app.child.kill(signal);
    assert.deepEqual(await app.exit(), { code: null, signal });
    assert.deepEqual(
      sink.spans.map((span) => span.name),
      ['before'],
    );
  });

  test(`${signal} with a handler of the app: it alone decides how the process ends, and spans are sent`, async (t) => {
    for (const on of ['on', 'once']) {
      const { app, sink } = await start(
        t,
        `${server}\nprocess.${on}('${signal}', () => { console.log('mine'); setTimeout(() => { server.close(); process.exitCode = 9; }, 50); });`,
      );
      await app.url();
      app.child.kill(signal);
      assert.deepEqual(await app.exit(), { code: 9, signal: null });
      assert.match(app.stdout, /mine/);
      assert.deepEqual(
        sink.spans.map((span) => span.name),
        ['before'],
      );
    }
  });
}

test('a handler that the app adds once, before it starts tracing, still decides', async (t) => {
  const sink = await OtlpSink.start();
  t.after(() => sink.close());
  const path = await writeApp(
    t,
    'app.mjs',
    `import { startTracing } from '@clew/sdk';
     const waiting = setInterval(() => {}, 1000);
     process.once('SIGTERM', () => setTimeout(() => { clearInterval(waiting); process.exitCode = 9; }, 50));
     startTracing();
     console.log('ready');`,
  );
  const app = runNode(t, [path], { OTEL_EXPORTER_OTLP_ENDPOINT: sink.endpoint });
  await app.waitForText(/ready/);
  app.child.kill('SIGTERM');
  assert.deepEqual(await app.exit(), { code: 9, signal: null });
});

test('a server that is closed ends the process: connections to the collector do not keep it', async (t) => {
  const { app, sink } = await start(
    t,
    `${server}\ntracer.startSpan('more').end();\nsetTimeout(() => server.close(), 50);`,
  );
  const startMs = performance.now();
  assert.deepEqual(await app.exit(), { code: 0, signal: null });
  assert.equal(sink.spans.length, 2);
  assert.ok(performance.now() - startMs < 3_000);
});

test('a collector that accepts and never answers delays the end by the flush timeout at most, and the loss is said', async (t) => {
  const mute = createServer((socket) => socket.resume().on('error', () => undefined));
  mute.listen(0, '127.0.0.1');
  await once(mute, 'listening');
  t.after(() => mute.close());
  const { app } = await start(
    t,
    `tracer.startSpan('s').end();`,
    `http://127.0.0.1:${(mute.address() as AddressInfo).port}`,
  );
  const startMs = performance.now();
  assert.deepEqual(await app.exit(), { code: 0, signal: null });
  assert.ok(performance.now() - startMs < 6_000);
  assert.match(
    app.notices.at(-1)!,
    /1 spans were lost: the end came before the collector at http:\/\/127\.0\.0\.1:\d+\/v1\/traces had taken them/,
  );
});

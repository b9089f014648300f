import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { type TestContext, test } from 'node:test';
import { OtlpSink } from './otlp-sink.js';
import { type App, runNode, writeApp } from './run-app.js';

async function start(
  t: TestContext,
  source: string,
  env: Record<string, string> = {},
): Promise<{ app: App; sink: OtlpSink; plain: App }> {
  const sink = await OtlpSink.start();
  t.after(() => sink.close());
  const path = await writeApp(
    t,
    'app.mjs',
    `import { trace } from '@opentelemetry/api';\nconst tracer = trace.getTracer('app');\n${source}`,
  );
  const app = runNode(t, ['--import', '@clew/sdk/register', path], {
    OTEL_EXPORTER_OTLP_ENDPOINT: sink.endpoint,
    OTEL_BSP_SCHEDULE_DELAY: '60000',
    ...env,
  });
  // The same app without the SDK: how the process ends must not differ.
  const plain = runNode(t, [path]);
  return { app, sink, plain };
}

test('spans are sent before process.exit() ends the process, with the exit code that it gave', async (t) => {
  const { app, sink } = await start(
    t,
    `for (let index = 0; index < 3000; index++) tracer.startSpan('s' + index).end(); process.exit(3);`,
  );
  assert.deepEqual(await app.exit(), { code: 3, signal: null });
  assert.equal(sink.spans.length, 3_000);
  assert.equal(app.notices.length, 1, app.stderr);
});

test('process.exit() in a handler of SIGTERM sends what is left', async (t) => {
  const { app, sink } = await start(
    t,
    `process.on('SIGTERM', () => { tracer.startSpan('last').end(); process.exit(4); });
     setInterval(() => {}, 1000); tracer.startSpan('first').end(); console.log('ready');`,
  );
  await app.waitForText(/ready/);
  app.child.kill('SIGTERM');
  assert.deepEqual(await app.exit(), { code: 4, signal: null });
  assert.deepEqual([...new Set(sink.spans.map((span) => span.name))].sort(), ['first', 'last']);
  assert.equal(app.notices.length, 1, app.stderr);
});

const crashes = {
  'an uncaught error': `setTimeout(() => { throw new RangeError('boom'); }, 20);`,
  'an unhandled rejection': `setTimeout(() => { Promise.reject(new RangeError('boom')); }, 20);`,
  'something thrown that is no Error': `setTimeout(() => { throw 'boom'; }, 20);`,
};
for (const [what, source] of Object.entries(crashes)) {
  test(`${what}: Node prints and ends as ever, and spans that ended or were open arrive`, async (t) => {
    const { app, sink, plain } = await start(
      t,
      `tracer.startSpan('ended').end(); globalThis.open = tracer.startSpan('open', { attributes: { step: 2 } }); ${source}`,
    );
    assert.deepEqual(await app.exit(), await plain.exit());
    assert.equal(app.stderr.replace(/^clew: .*\n/gm, ''), plain.stderr);
    const open = sink.spans.find((span) => span.name === 'open');
    assert.deepEqual(sink.spans.map((span) => span.name).sort(), ['ended', 'open']);
    assert.equal(open!.status.code, 2);
    assert.equal(open!.status.message, 'the process crashed before this ended: boom');
    assert.equal(open!.attributes['error.type'], what.includes('no Error') ? 'string' : 'RangeError');
    assert.equal(open!.attributes.step, 2);
    assert.ok(open!.endNs > open!.startNs);
    assert.equal(app.notices.length, 1, app.stderr);
  });
}

test('an app that catches its last error and exits is a crash too; one that goes on is not', async (t) => {
  const dying = await start(
    t,
    `process.on('uncaughtException', (error) => { console.log('mine'); process.exit(12); });
     globalThis.open = tracer.startSpan('open'); setTimeout(() => { throw new Error('boom'); }, 20);`,
  );
  assert.deepEqual(await dying.app.exit(), { code: 12, signal: null });
  assert.equal(dying.app.stdout, 'mine\n');
  assert.equal(dying.sink.spans[0]?.status.code, 2);
  const surviving = await start(
    t,
    `const open = tracer.startSpan('open'); globalThis.forgotten = tracer.startSpan('forgotten');
     process.on('uncaughtException', () => setTimeout(() => open.end(), 20));
     setTimeout(() => { throw new Error('boom'); }, 20);`,
  );
  assert.deepEqual(await surviving.app.exit(), { code: 0, signal: null });
  assert.equal(surviving.sink.spans.length, 1);
  assert.equal(surviving.sink.spans[0]!.status.code, 0);
});

test('a collector that never answers delays process.exit() by CLEW_FLUSH_TIMEOUT at most, and the loss is said', async (t) => {
  const mute = createServer((socket) => socket.resume().on('error', () => undefined));
  mute.listen(0, '127.0.0.1');
  await once(mute, 'listening');
  t.after(() => mute.close());
  const { app } = await start(
    t,
    `tracer.startSpan('s').end(); process.on('exit', () => console.log('waited', performance.now() - from));
     const from = performance.now(); process.exit(5);`,
    {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(mute.address() as AddressInfo).port}`,
      CLEW_FLUSH_TIMEOUT: '300',
    },
  );
  assert.deepEqual(await app.exit(), { code: 5, signal: null });
  const waitedMs = Number(/waited (\d+)/.exec(app.stdout)?.[1]);
  assert.ok(waitedMs >= 290, `${waitedMs} ms`);
  // The second on a machine that is so busy that the thread has not started by then.
  assert.match(app.notices.at(-1)!, /1 spans were lost: the (?:end came before the collector|thread .* did not start)/);
});

test('what refuses connections costs process.exit() no waiting', async (t) => {
  const { app } = await start(
    t,
    `tracer.startSpan('s').end(); process.on('exit', () => console.log('waited', performance.now() - from));
     const from = performance.now(); process.exit(5);`,
    { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1', CLEW_FLUSH_TIMEOUT: '60000' },
  );
  await app.exit();
  assert.ok(Number(/waited (\d+)/.exec(app.stdout)?.[1]) < 60_000, app.stdout);
  assert.match(app.notices.at(-1)!, /1 spans were lost/);
});

test('an exit with nothing left to send starts no thread', async (t) => {
  const { app } = await start(
    t,
    `import { Worker } from 'node:worker_threads';
     process.on('exit', () => console.log('waited', performance.now() - from));
     const from = performance.now(); process.exit(0);`,
  );
  await app.exit();
  assert.ok(Number(/waited (\d+)/.exec(app.stdout)?.[1]) < 20, app.stdout);
});

test('a worker thread of the app that calls process.exit() sends its spans', async (t) => {
  const { app, sink } = await start(
    t,
    `import { isMainThread, Worker } from 'node:worker_threads';
     if (isMainThread) new Worker(new URL(import.meta.url)).on('exit', (code) => console.log('worker', code));
     else { tracer.startSpan('in worker').end(); process.exit(6); }`,
  );
  assert.deepEqual(await app.exit(), { code: 0, signal: null });
  assert.equal(app.stdout, 'worker 6\n');
  assert.equal(sink.spans[0]?.name, 'in worker');
});

test('the thread that sends loads nothing that the app preloads', async (t) => {
  const preload = await writeApp(t, 'preload.mjs', `console.log('preloaded');`);
  const { app, sink } = await start(t, `tracer.startSpan('s').end(); process.exit(0);`, {
    NODE_OPTIONS: `--import=${preload}`,
  });
  await app.exit();
  assert.equal(sink.spans.length, 1);
  assert.equal(app.stdout, 'preloaded\n');
});

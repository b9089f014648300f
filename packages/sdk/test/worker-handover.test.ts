import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { OtlpSink } from './otlp-sink.js';
import { type App, casesFolder, runNode, writeApp } from './run-app.js';

async function run(
  t: TestContext,
  path: string,
  args: string[] = ['--import', '@clew/sdk/register'],
): Promise<{ app: App; sink: OtlpSink }> {
  const sink = await OtlpSink.start();
  t.after(() => sink.close());
  const app = runNode(t, [...args, path], {
    OTEL_EXPORTER_OTLP_ENDPOINT: sink.endpoint,
    OTEL_BSP_SCHEDULE_DELAY: '60000',
    CLEW_FLUSH_TIMEOUT: '60000',
  });
  return { app, sink };
}

const linesOf = (app: App, pattern: RegExp): string[] => app.notices.filter((line) => pattern.test(line));

for (const args of [
  ['--import', '@clew/sdk/register'],
  ['--require', '@clew/sdk/register'],
]) {
  test(`the spans of a thread that is terminated when its work is done arrive, in one request, under ${args[0]}`, async (t) => {
    const { app, sink } = await run(t, join(casesFolder, 'worker-terminate.mjs'), args);
    assert.deepEqual(await app.exit(), { code: 0, signal: null });
    assert.equal(sink.spans.length, 100, app.stderr);
    assert.equal(sink.requests.length, 1);
    assert.deepEqual(linesOf(app, /lost/), []);
  });
}

test('spans arrive once from threads that end by themselves, by process.exit() and by an error', async (t) => {
  const source = `
    import { isMainThread, Worker, workerData } from 'node:worker_threads';
    import { trace } from '@opentelemetry/api';
    if (isMainThread) {
      for (const how of ['dry', 'exit', 'error']) {
        const worker = new Worker(new URL(import.meta.url), { workerData: how });
        worker.on('error', () => undefined);
        await new Promise((resolve) => worker.once('exit', resolve));
      }
      trace.getTracer('m').startSpan('main').end();
    } else {
      trace.getTracer('w').startSpan(workerData).end();
      if (workerData === 'exit') process.exit(0);
      if (workerData === 'error') setTimeout(() => { throw new Error('boom'); }, 10);
    }`;
  const { app, sink } = await run(t, await writeApp(t, 'app.mjs', source));
  assert.deepEqual(await app.exit(), { code: 0, signal: null });
  assert.deepEqual(sink.spans.map(({ name }) => name).sort(), ['dry', 'error', 'exit', 'main']);
});

test('a thread that is terminated in the middle of its work loses what has ended in it, and a line says so', async (t) => {
  const source = `
    import { isMainThread, Worker, workerData } from 'node:worker_threads';
    import { trace } from '@opentelemetry/api';
    if (isMainThread) {
      const shared = new Int32Array(new SharedArrayBuffer(4));
      const worker = new Worker(new URL(import.meta.url), { workerData: shared });
      const look = setInterval(() => {
        if (Atomics.load(shared, 0) === 0) return;
        clearInterval(look);
        worker.terminate();
      }, 5);
    } else {
      trace.getTracer('w').startSpan('lost').end();
      Atomics.store(workerData, 0, 1);
      for (;;);
    }`;
  const { app, sink } = await run(t, await writeApp(t, 'app.mjs', source));
  assert.deepEqual(await app.exit(), { code: 0, signal: null });
  assert.equal(sink.spans.length, 0);
  assert.equal(linesOf(app, /spans of a worker thread were lost: it was terminated/).length, 1, app.stderr);
});

test('a thread sends for itself when the main thread is not traced', async (t) => {
  const source = `
    import { isMainThread, Worker } from 'node:worker_threads';
    import { span, startTracing } from '@clew/sdk';
    if (isMainThread) new Worker(new URL(import.meta.url));
    else {
      startTracing();
      span('in the worker', () => undefined);
    }`;
  const { app, sink } = await run(t, await writeApp(t, 'app.mjs', source), []);
  assert.deepEqual(await app.exit(), { code: 0, signal: null });
  assert.deepEqual(
    sink.spans.map(({ name }) => name),
    ['in the worker'],
  );
});

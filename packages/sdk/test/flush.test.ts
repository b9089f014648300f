import assert from 'node:assert/strict';
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { OtlpSink } from './otlp-sink.js';
import { runNode, writeApp } from './run-app.js';

const loads = {
  'an ES module': ['handler.mjs', "import { flush, span, startTracing } from '@clew/sdk';"],
  'a CommonJS module': ['handler.cjs', "const { flush, span, startTracing } = require('@clew/sdk');"],
} as const;

/** As a platform does it: calls the handler, and freezes the process as soon as it has answered. */
const callAndFreeze = `
const handler = async () => {
  try {
    return await span('handle', async () => 'answer');
  } finally {
    await flush();
  }
};
handler().then((answer) => {
  console.log(answer);
  process.kill(process.pid, 'SIGKILL');
});`;

async function startSink(t: TestContext): Promise<{ sink: OtlpSink; env: Record<string, string> }> {
  const sink = await OtlpSink.start();
  t.after(() => sink.close());
  return { sink, env: { OTEL_EXPORTER_OTLP_ENDPOINT: sink.endpoint, OTEL_BSP_SCHEDULE_DELAY: '60000' } };
}

for (const [what, [file, load]] of Object.entries(loads)) {
  for (const flag of ['--import', '--require']) {
    test(`${what} flushes what ${flag} @clew/sdk/register has started`, async (t) => {
      const { sink, env } = await startSink(t);
      const app = runNode(t, [flag, '@clew/sdk/register', await writeApp(t, file, load + callAndFreeze)], env);
      assert.deepEqual(await app.exit(), { code: null, signal: 'SIGKILL' });
      assert.equal(app.stdout, 'answer\n');
      assert.deepEqual(
        sink.spans.map(({ name }) => name),
        ['handle'],
      );
    });
  }

  test(`${what} with a copy of the SDK of its own flushes the one that runs`, async (t) => {
    const { sink, env } = await startSink(t);
    const path = await writeApp(t, file, load + callAndFreeze);
    // A package of its own: inside ours, our name means ourselves.
    await writeFile(join(dirname(path), 'package.json'), '{ "name": "function" }');
    const copy = join(dirname(path), 'node_modules', '@clew', 'sdk');
    await mkdir(copy, { recursive: true });
    const original = join(import.meta.dirname, '..');
    for (const part of ['package.json', 'bundle'])
      await cp(join(original, part), join(copy, part), { recursive: true });
    const register = join(original, 'bundle', 'register.js');
    const app = runNode(t, ['--import', register, path], env);
    assert.deepEqual(await app.exit(), { code: null, signal: 'SIGKILL' });
    assert.deepEqual(
      sink.spans.map(({ name }) => name),
      ['handle'],
    );
  });
}

test('it resolves when what was sent is answered, and not before', async (t) => {
  const { sink, env } = await startSink(t);
  let answer = (): void => undefined;
  const asked = new Promise<void>((resolve) => {
    sink.answer = () => {
      resolve();
      return new Promise((respond) => {
        answer = () => respond({});
      });
    };
  });
  const [file, load] = loads['an ES module'];
  const source = `${load}
    startTracing();
    span('handle', () => 1);
    await flush();
    console.log('flushed');`;
  const app = runNode(t, [await writeApp(t, file, source)], env);
  await asked;
  assert.equal(app.stdout, '');
  answer();
  await app.waitForText(/flushed/);
});

test('it resolves at once when no SDK runs: none was started, it is disabled, or it was shut down', async (t) => {
  const [file, load] = loads['an ES module'];
  const path = await writeApp(
    t,
    file,
    `${load}
    const from = performance.now();
    await flush();
    const tracing = startTracing({ export: { url: 'http://127.0.0.1:1/' } });
    span('lost', () => 1);
    await tracing.shutdown();
    console.log(await flush(), performance.now() - from < 1_000);`,
  );
  for (const env of [{}, { OTEL_SDK_DISABLED: 'true' }] as Record<string, string>[]) {
    const app = runNode(t, [path], env);
    assert.deepEqual(await app.exit(), { code: 0, signal: null });
    assert.equal(app.stdout, 'undefined true\n');
    assert.ok(!app.stderr.includes('failure'), app.stderr);
  }
});

test('it never rejects, and takes no longer than the time for a flush', async (t) => {
  const mute = createServer((socket) => socket.resume().on('error', () => undefined)).listen(0, '127.0.0.1');
  await new Promise((resolve) => mute.once('listening', resolve));
  t.after(() => mute.close());
  const { port } = mute.address() as { port: number };
  const [file, load] = loads['an ES module'];
  const path = await writeApp(
    t,
    file,
    `${load}
    span('handle', () => 1);
    const from = performance.now();
    await flush();
    console.log(performance.now() - from);
    // What another version of this package might leave there.
    globalThis[Symbol.for('clew.sdk.running')] = { forceFlush: () => Promise.reject(new Error('broken')) };
    await flush();
    process.exit();`,
  );
  const app = runNode(t, ['--import', '@clew/sdk/register', path], {
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
    CLEW_FLUSH_TIMEOUT: '200',
  });
  assert.deepEqual(await app.exit(), { code: 0, signal: null });
  const flushMs = Number(app.stdout);
  assert.ok(flushMs >= 190 && flushMs < 1_500, `${flushMs} ms`);
  assert.ok(app.notices.some((line) => line.includes('a failure in flush') && line.includes('broken')));
});

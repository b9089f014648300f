import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { OtlpSink } from './otlp-sink.js';
import { runNode, writeApp } from './run-app.js';

// What does not come would be awaited for ever.
const slow = { timeout: 20_000 };

async function run(t: TestContext, sink: OtlpSink, source: string, env: Record<string, string>) {
  const path = await writeApp(
    t,
    'app.mjs',
    `import { setTimeout as sleep } from 'node:timers/promises';
     import { trace } from '@opentelemetry/api';
     const make = (count) => { for (let i = 0; i < count; i++) trace.getTracer('a').startSpan('s').end(); };
     ${source}`,
  );
  return runNode(t, ['--import', '@clew/sdk/register', path], {
    OTEL_EXPORTER_OTLP_ENDPOINT: sink.endpoint,
    OTEL_BSP_SCHEDULE_DELAY: '5',
    OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '1',
    ...env,
  });
}

test(
  'a collector that is too slow: one line when dropping starts, one with the count when it ends',
  slow,
  async (t) => {
    const sink = await OtlpSink.start();
    t.after(() => sink.close());
    const held: (() => void)[] = [];
    sink.answer = () => new Promise((resolve) => held.push(() => resolve({})));
    const app = await run(
      t,
      sink,
      `make(30); console.log('made'); process.stdin.resume();
     const waiting = setInterval(() => {}, 1000); process.on('SIGUSR2', () => clearInterval(waiting));`,
      { OTEL_BSP_MAX_QUEUE_SIZE: '20' },
    );
    await app.waitForText(/spans are being dropped/);
    await app.waitForText(/made/);
    sink.answer = undefined;
    while (sink.spans.length < 20) {
      held.shift()?.();
      await new Promise((resolve) => setImmediate(resolve));
    }
    await app.waitForText(/keeps up again; 10 spans were lost meanwhile/);
    app.child.kill('SIGUSR2');
    assert.deepEqual(await app.exit(), { code: 0, signal: null });
    assert.equal(sink.spans.length, 20);
    assert.equal(app.notices.length, 3, app.stderr);
  },
);

test('the queue is bounded in spans as well: the last that fits is kept, the next is dropped', async (t) => {
  for (const [made, lost] of [
    [20, 0],
    [21, 1],
  ] as const) {
    const sink = await OtlpSink.start();
    t.after(() => sink.close());
    let release: (() => void) | undefined;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    sink.answer = async () => {
      await gate;
      return {};
    };
    const app = await run(t, sink, `make(${made}); console.log('made'); await sleep(300);`, {
      OTEL_BSP_MAX_QUEUE_SIZE: '20',
    });
    await app.waitForText(/made/);
    release?.();
    assert.deepEqual(await app.exit(), { code: 0, signal: null });
    assert.equal(sink.spans.length, made - lost);
    assert.equal(app.stderr.includes('being dropped'), lost > 0);
  }
});

test('a partial success that lost nothing is a warning, and is said once', async (t) => {
  const sink = await OtlpSink.start();
  t.after(() => sink.close());
  const text = 'the end is near';
  const body = Buffer.from([0x0a, text.length + 2, 0x12, text.length, ...Buffer.from(text)]);
  sink.answer = () => ({ body });
  const app = await run(t, sink, `make(3);`, {});
  await app.exit();
  assert.equal(app.notices.filter((line) => line.includes(`took the spans and says: ${text}`)).length, 1);
  assert.equal(sink.spans.length, 3);
});

test('OTEL_BSP_EXPORT_TIMEOUT bounds a request when it is shorter than the exporter’s own timeout', async (t) => {
  const sink = await OtlpSink.start();
  t.after(() => sink.close());
  let received = 0;
  sink.answer = () => {
    received++;
    return received === 1 ? new Promise(() => undefined) : {};
  };
  const app = await run(t, sink, `make(1); await sleep(1500);`, { OTEL_BSP_EXPORT_TIMEOUT: '200' });
  await app.exit();
  assert.match(app.stderr, /no collector answers .*\(ETIMEDOUT\)/);
  assert.equal(sink.spans.length, 1);
});

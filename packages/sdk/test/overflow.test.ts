import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { decodeTraceRequest, type SinkSpan } from './otlp-decoding.js';
import { OtlpSink } from './otlp-sink.js';
import { type App, runNode, writeApp } from './run-app.js';

async function makeFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'clew-overflow-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Runs an app whose `source` makes spans, towards `port`. */
async function run(
  t: TestContext,
  source: string,
  port: number,
  folder: string,
  env: Record<string, string> = {},
): Promise<App> {
  const path = await writeApp(
    t,
    'app.mjs',
    `import { setTimeout as sleep } from 'node:timers/promises';
     import { trace } from '@opentelemetry/api';
     const make = (name) => trace.getTracer('a').startSpan(name, { attributes: { filler: 'x'.repeat(2000) } }).end();
     ${source}`,
  );
  return runNode(t, ['--import', '@clew/sdk/register', path], {
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
    OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '1',
    OTEL_BSP_SCHEDULE_DELAY: '5',
    CLEW_OVERFLOW_DIR: folder,
    ...env,
  });
}

async function listen(t: TestContext, port: number): Promise<OtlpSink> {
  const sink = await OtlpSink.start(port);
  t.after(() => sink.close());
  return sink;
}

const names = (sink: OtlpSink): string[] => sink.spans.map((span) => span.name).sort();

test('what is left when the process ends without a collector arrives when the next process starts', async (t) => {
  const folder = join(await makeFolder(t), 'made', 'when missing');
  const port = await freePort();
  const first = await run(
    t,
    `make('a'); make('b'); setTimeout(() => { make('c'); process.exit(3); }, 200);`,
    port,
    folder,
  );
  assert.deepEqual(await first.exit(), { code: 3, signal: null });
  assert.equal((await readdir(folder)).length, 3);
  assert.ok(!first.stderr.includes('were lost'), first.stderr);
  const sink = await listen(t, port);
  const second = await run(t, `make('d'); await sleep(500);`, port, folder);
  assert.deepEqual(await second.exit(), { code: 0, signal: null });
  assert.deepEqual(names(sink), ['a', 'b', 'c', 'd']);
  assert.deepEqual(await readdir(folder), []);
});

test('what exceeds the queue waits on disk and arrives when the collector is back, in the same process', async (t) => {
  const folder = await makeFolder(t);
  const port = await freePort();
  const app = await run(
    t,
    `for (let index = 0; index < 20; index++) make('s' + index);
     console.log('made'); process.stdin.resume();
     const waiting = setInterval(() => {}, 1000); process.on('SIGUSR2', () => clearInterval(waiting));`,
    port,
    folder,
    { CLEW_MAX_QUEUE_BYTES: '10000' },
  );
  await app.waitForText(/no collector answers/);
  const files = await readdir(folder);
  assert.ok(files.length >= 14 && files.length < 20, String(files.length));
  const sink = await listen(t, port);
  await sink.waitFor(20);
  await app.waitForText(/answers again; 0 spans were lost/);
  app.child.kill('SIGUSR2');
  assert.deepEqual(await app.exit(), { code: 0, signal: null });
  assert.equal(new Set(names(sink)).size, 20);
  assert.deepEqual(await readdir(folder), []);
});

test('the folder is bounded: what exceeds it is dropped, counted and said', async (t) => {
  const folder = await makeFolder(t);
  const app = await run(
    t,
    `for (let index = 0; index < 10; index++) make('s' + index); await sleep(50);`,
    await freePort(),
    folder,
    {
      CLEW_MAX_QUEUE_BYTES: '1',
      CLEW_OVERFLOW_MAX_BYTES: '10000',
    },
  );
  await app.exit();
  const files = await readdir(folder);
  const bytes = (await Promise.all(files.map((file) => readFile(join(folder, file))))).reduce(
    (sum, f) => sum + f.length,
    0,
  );
  assert.ok(bytes <= 10_000 && bytes > 7_000, `${bytes} bytes`);
  assert.match(app.stderr, /the queue is full: spans are being dropped/);
  assert.match(app.stderr, new RegExp(`${10 - files.length} spans were lost`));
});

test('files that are torn are said and removed, files of others stay, and the rest arrives', async (t) => {
  const folder = await makeFolder(t);
  const port = await freePort();
  const first = await run(t, `make('a'); make('b'); make('c'); setTimeout(() => process.exit(0), 100);`, port, folder);
  await first.exit();
  const [torn, flipped, kept] = (await readdir(folder)).sort();
  const [{ name: keptName }] = decodeTraceRequest((await readFile(join(folder, kept!))).subarray(16)) as [SinkSpan];
  const whole = await readFile(join(folder, torn!));
  await writeFile(join(folder, torn!), whole.subarray(0, whole.length - 7));
  const broken = await readFile(join(folder, flipped!));
  broken[500]! ^= 1;
  await writeFile(join(folder, flipped!), broken);
  await writeFile(join(folder, `${torn!.replace('.spans', '9.spans.part')}`), 'half');
  await writeFile(join(folder, 'notes.txt'), 'mine');
  const sink = await listen(t, port);
  const second = await run(t, `await sleep(500);`, port, folder);
  await second.exit();
  assert.deepEqual(names(sink), [keptName]);
  assert.equal(second.notices.filter((line) => line.includes('is torn')).length, 2, second.stderr);
  assert.deepEqual(await readdir(folder), ['notes.txt']);
});

test('a process takes over no files of one that lives, nor those for another collector', async (t) => {
  const folder = await makeFolder(t);
  const away = await freePort();
  const living = await run(
    t,
    `make('of the living'); make('of the living'); await sleep(100); console.log('made'); setInterval(() => {}, 1000);`,
    away,
    folder,
    { CLEW_MAX_QUEUE_BYTES: '1' },
  );
  await living.waitForText(/made/);
  const dead = await run(t, `make('of the dead'); setTimeout(() => process.exit(0), 50);`, await freePort(), folder);
  await dead.exit();
  assert.equal((await readdir(folder)).length, 3);
  const sink = await listen(t, away);
  const next = await run(t, `make('new'); await sleep(500);`, away, folder);
  await next.exit();
  assert.ok(sink.spans.every((span) => span.name !== 'of the dead'));
  await sink.waitFor((spans) => spans.length === 3);
  assert.equal((await readdir(folder)).length, 1);
});

test('two processes that start at once deliver each file once', async (t) => {
  const folder = await makeFolder(t);
  const port = await freePort();
  const first = await run(
    t,
    `for (let i = 0; i < 20; i++) make('s' + i); setTimeout(() => process.exit(0), 50);`,
    port,
    folder,
  );
  await first.exit();
  const sink = await listen(t, port);
  const both = await Promise.all([1, 2].map(() => run(t, `await sleep(700);`, port, folder)));
  await Promise.all(both.map((app) => app.exit()));
  assert.equal(sink.spans.length, 20);
  assert.equal(new Set(names(sink)).size, 20);
  for (const app of both) assert.equal(app.notices.length, 1, app.stderr);
});

test('a folder that cannot be used is said once, and spans are sent as without it', async (t) => {
  const folder = await makeFolder(t);
  const file = join(folder, 'a file');
  await writeFile(file, '');
  const sink = await listen(t, 0);
  const app = await run(t, `make('a');`, sink.port, file);
  assert.deepEqual(await app.exit(), { code: 0, signal: null });
  assert.deepEqual(names(sink), ['a']);
  assert.match(app.notices[0]!, /the overflow folder/);
  assert.equal(app.notices.length, 2, app.stderr);
});

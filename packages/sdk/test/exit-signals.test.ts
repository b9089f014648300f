import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { OtlpSink } from './otlp-sink.js';
import { App, casesFolder, runNode, writeApp } from './run-app.js';

/*
 * How a process ends on a signal, with the SDK and without it. What an app prints, its exit code and its signal must be the
 * same, whatever counts the listeners of that signal, and its spans must arrive.
 */

const traced = `
import { trace } from '@opentelemetry/api';
trace.getTracer('app').startSpan('before').end();
const alive = setInterval(() => {}, 1000);
console.log('ready');
`;

interface Outcome {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
}

/** Sends the signals to a process that has printed `ready`, the next one once `answered` matches. */
async function end(app: App, signals: readonly NodeJS.Signals[], answered?: RegExp): Promise<Outcome> {
  await app.waitForText(/ready/);
  for (const [index, signal] of signals.entries()) {
    if (index > 0) await app.waitForText(answered!);
    app.child.kill(signal);
  }
  return { ...(await app.exit()), stdout: app.stdout };
}

async function runBoth(
  t: TestContext,
  source: string,
  signals: readonly NodeJS.Signals[],
  answered?: RegExp,
): Promise<{ outcome: Outcome; expected: Outcome; sink: OtlpSink; app: App }> {
  const sink = await OtlpSink.start();
  t.after(() => sink.close());
  const path = await writeApp(t, 'app.mjs', `${source}\n${traced}`);
  const app = runNode(t, ['--import', '@clew/sdk/register', path], {
    OTEL_EXPORTER_OTLP_ENDPOINT: sink.endpoint,
    OTEL_BSP_SCHEDULE_DELAY: '60000',
    CLEW_FLUSH_TIMEOUT: '60000',
  });
  const plain = runNode(t, [path]);
  const [outcome, expected] = await Promise.all([end(app, signals, answered), end(plain, signals, answered)]);
  return { outcome, expected, sink, app };
}

const programs: Readonly<Record<string, string>> = {
  'no handler at all': '',
  'signal-exit 4': `import { onExit } from 'signal-exit'; onExit((code, signal) => console.log('exit hook', code, signal));`,
  'signal-exit 3': `import onExit from 'signal-exit-3'; onExit((code, signal) => console.log('exit hook', code, signal));`,
  'signal-exit 3 and 4 together': `
    import onExit3 from 'signal-exit-3'; import { onExit } from 'signal-exit';
    onExit3(() => {}); onExit(() => {});`,
  'signal-exit 4 with a hook that stops the exit for once': `
    import { onExit } from 'signal-exit';
    onExit(() => { console.log('not yet'); setTimeout(() => process.exit(7), 50); return true; });`,
  'execa with a child that runs': `
    import { execa } from 'execa';
    execa(process.execPath, ['-e', 'setTimeout(() => {}, 60000)']).catch(() => {});`,
  'proper-lockfile with a lock that is held': `
    import { mkdtempSync } from 'node:fs'; import { tmpdir } from 'node:os'; import { join } from 'node:path';
    import lockfile from 'proper-lockfile';
    await lockfile.lock(mkdtempSync(join(tmpdir(), 'clew-lock-')), { realpath: false });`,
  'exit-hook': `import exitHook from 'exit-hook'; exitHook((signal) => console.log('exit hook', signal));`,
  'async-exit-hook': `import exitHook from 'async-exit-hook'; exitHook((done) => { console.log('exit hook'); setTimeout(done, 30); });`,
  death: `import death from 'death'; death((signal) => { console.log('death', signal); process.exit(5); });`,
  'a handler that exits later': `for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, (...args) => {
      console.log('mine', ...args); setTimeout(() => process.exit(9), 50); });`,
  'a handler that takes itself off and raises the signal again': `for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'])
      process.once(signal, () => setTimeout(() => process.kill(process.pid, signal), 20));`,
  'code that adds a handler only where none is': `for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) {
      console.log(process.listenerCount(signal), process.listeners(signal).length, process.eventNames().includes(signal));
      if (process.listenerCount(signal) === 0) process.on(signal, () => process.exit(6)); }`,
  'code that has removed all listeners': `for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) {
      process.on(signal, () => process.exit(6)); process.removeAllListeners(signal); }`,
  'a handler that throws': `for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'])
      process.on(signal, () => { throw new Error('thrown by a handler'); });`,
};

/** The rest of these differ from one another in nothing that depends on the signal. */
const programsOfEverySignal = new Set([
  'no handler at all',
  'signal-exit 4',
  'signal-exit 3',
  'a handler that exits later',
]);

for (const [what, source] of Object.entries(programs)) {
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    if (signal !== 'SIGTERM' && !programsOfEverySignal.has(what)) continue;
    test(`${signal} and ${what}: the app ends as without the SDK, and its spans arrive`, async (t) => {
      const { outcome, expected, sink, app } = await runBoth(t, source, [signal]);
      assert.deepEqual(outcome, expected);
      assert.deepEqual([...new Set(sink.spans.map((span) => span.name))], ['before']);
      assert.equal(app.notices.length, 1, app.stderr);
    });
  }
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`${signal} ends a server beside signal-exit by that signal`, async (t) => {
    const sink = await OtlpSink.start();
    t.after(() => sink.close());
    const app = runNode(t, ['--import', '@clew/sdk/register', join(casesFolder, 'signal-exit.mjs')], {
      OTEL_EXPORTER_OTLP_ENDPOINT: sink.endpoint,
      OTEL_BSP_SCHEDULE_DELAY: '60000',
      CLEW_FLUSH_TIMEOUT: '60000',
    });
    await (await fetch(await app.url())).text();
    app.child.kill(signal);
    assert.deepEqual(await app.exit(), { code: null, signal });
    assert.equal(sink.spans.length, 1);
  });
}

test('a handler that keeps the app alive goes on doing so, signal after signal, and tracing goes on', async (t) => {
  const source = `let count = 0;
    process.on('SIGHUP', () => {
      trace.getTracer('app').startSpan('reload').end();
      console.log('reloaded', ++count);
      if (count === 2) clearInterval(alive);
    });`;
  const { outcome, expected, sink } = await runBoth(t, source, ['SIGHUP', 'SIGHUP'], /reloaded 1/);
  assert.deepEqual(outcome, expected);
  assert.deepEqual(outcome, { code: 0, signal: null, stdout: 'ready\nreloaded 1\nreloaded 2\n' });
  assert.deepEqual(sink.spans.map((span) => span.name).sort(), ['before', 'reload', 'reload']);
});

test('eleven listeners of a signal are one too many for Node, ten are not: the SDK is none', async (t) => {
  const { app } = await runBoth(t, `for (let n = 0; n < 10; n++) process.on('SIGTERM', () => process.exit(0));`, [
    'SIGTERM',
  ]);
  assert.doesNotMatch(app.stderr, /MaxListenersExceededWarning/);
});

test('a second Ctrl-C ends an app at once whose collector does not answer, and the loss is said', async (t) => {
  const mute = createServer((socket) => socket.resume().on('error', () => undefined));
  mute.listen(0, '127.0.0.1');
  await once(mute, 'listening');
  t.after(() => mute.close());
  const path = await writeApp(t, 'app.mjs', `setTimeout(() => console.log('waited'), 1000);\n${traced}`);
  const app = runNode(t, ['--import', '@clew/sdk/register', path], {
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(mute.address() as AddressInfo).port}`,
    // Longer than this test may take: only the second signal can end it.
    CLEW_FLUSH_TIMEOUT: '600000',
  });
  await app.waitForText(/ready/);
  app.child.kill('SIGINT');
  // npm and the terminal send the signal at almost the same time: that is one Ctrl-C.
  app.child.kill('SIGINT');
  await app.waitForText(/waited/);
  app.child.kill('SIGINT');
  assert.deepEqual(await app.exit(), { code: null, signal: 'SIGINT' });
  assert.match(app.notices.at(-1)!, /1 spans were lost/);
});

const canUnshare = process.platform === 'linux' && spawnSync('unshare', ['--pid', '--fork', 'true']).status === 0;

test('as process 1 of a container, which no signal ends that has no handler, it is traced as before the signal', {
  skip: !canUnshare && 'unshare --pid needs root on Linux',
}, async (t) => {
  const sink = await OtlpSink.start();
  t.after(() => sink.close());
  const path = await writeApp(
    t,
    'app.mjs',
    `import http from 'node:http';
     import { trace } from '@opentelemetry/api';
     const server = http.createServer((request, response) => {
       if (request.url === '/signal') process.kill(process.pid, 'SIGTERM');
       if (request.url === '/end') setTimeout(() => process.exit(3), 20);
       response.end('pid ' + process.pid);
     }).listen(0, '127.0.0.1', () => console.log('port=' + server.address().port));
     trace.getTracer('app').startSpan('before').end();`,
  );
  const child = spawn(
    'unshare',
    ['--pid', '--fork', '--kill-child', process.execPath, '--import', '@clew/sdk/register', path],
    {
      cwd: join(import.meta.dirname, '..'),
      env: { PATH: process.env.PATH, OTEL_EXPORTER_OTLP_ENDPOINT: sink.endpoint, OTEL_BSP_SCHEDULE_DELAY: '60000' },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  const app = new App(child);
  t.after(() => child.kill('SIGKILL'));
  const url = await app.url();
  assert.equal(await (await fetch(`${url}/signal`)).text(), 'pid 1');
  // The flush that the signal has started.
  await sink.waitFor((spans) => spans.some(({ name }) => name === 'before'));
  for (const path of ['/after', '/end']) await (await fetch(url + path)).text();
  assert.deepEqual(await app.exit(), { code: 3, signal: null });
  assert.equal(sink.spans.filter(({ attributes }) => attributes['url.path'] === '/after').length, 1);
  assert.equal(app.notices.length, 1, app.stderr);
});

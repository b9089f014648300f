import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Problem } from '#src/doctor-problem.js';
import type { DoctorReport } from '#src/doctor-report.js';

const clew = fileURLToPath(new URL('../bin/clew.js', import.meta.url));

/** A folder with an app in it, where it finds the packages of the workspace. */
async function writeApp(t: TestContext, files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(import.meta.dirname, 'doctor-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(join(folder, name, '..'), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  return folder;
}

interface Run {
  readonly child: ChildProcess;
  readonly ended: Promise<{ code: number | null; stdout: string; stderr: string }>;
}

function startDoctor(t: TestContext, cwd: string, args: readonly string[], env: Record<string, string> = {}): Run {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(?:OTEL|CLEW|NODE)_/.test(name));
  const child = spawn(process.execPath, [clew, 'doctor', ...args], {
    cwd,
    env: { ...Object.fromEntries(inherited), OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  t.after(() => child.kill('SIGKILL'));
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    stdout += chunk;
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk;
  });
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, stdout, stderr }));
  return { child, ended };
}

async function diagnose(t: TestContext, cwd: string, args: readonly string[], env?: Record<string, string>) {
  const { code, stdout, stderr } = await startDoctor(t, cwd, ['--json', ...args], env).ended;
  assert.equal(stdout[0], '{', stderr);
  return { code, report: JSON.parse(stdout) as DoctorReport, stderr };
}

function problem(report: DoctorReport, code: Problem['code']): Problem | undefined {
  return report.problems.find((each) => each.code === code);
}

/** A free port; taken again by the app a moment later. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A collector that answers with `status`, and the requests that it was sent. */
async function startCollector(t: TestContext, status: number) {
  const requests: { url: string; authorization: string | undefined; bytes: number }[] = [];
  const server = createServer(async (request: IncomingMessage, response) => {
    let bytes = 0;
    for await (const chunk of request as AsyncIterable<Buffer>) bytes += chunk.length;
    requests.push({ url: request.url ?? '', authorization: request.headers.authorization, bytes });
    response.writeHead(status).end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests };
}

const service = (port: number, body: string) => `
  import http from 'node:http';
  import { context, ROOT_CONTEXT, trace } from '@opentelemetry/api';
  const base = 'http://127.0.0.1:${port}';
  http.createServer(async (request, response) => {
    if (request.url === '/') { ${body} }
    response.end('done');
  }).listen(${port}, '127.0.0.1');`;

test('an app that is well: its spans, its collector, no problem; the app is ended once its address has answered', async (t) => {
  const port = await freePort();
  const collector = await startCollector(t, 200);
  const cwd = await writeApp(t, {
    'package.json': '{ "name": "well", "type": "module", "dependencies": {} }',
    'app.js': service(port, `await (await fetch(base + '/inner')).text();`),
  });
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_EXPORTER_OTLP_HEADERS: 'authorization=secret' };
  const args = ['--url', `http://127.0.0.1:${port}/`, '--fail-on', 'problems', '--', 'node', 'app.js'];
  const { code, report } = await diagnose(t, cwd, args, env);
  assert.deepEqual(report.problems, []);
  assert.equal(code, 0);
  assert.deepEqual(report.spans.byKind, { server: 2, client: 1 });
  assert.equal(report.spans.traces, 1);
  assert.deepEqual(report.spans.byService, { well: { '@clew/sdk': 3 } });
  assert.deepEqual(report.exit, { code: null, signal: 'SIGTERM' });
  assert.equal(report.processes.length, 1);
  assert.deepEqual(report.collector, { url: `${collector.url}/v1/traces`, status: 200 });
  assert.ok(collector.requests.length > 0);
  for (const request of collector.requests) {
    assert.equal(request.url, '/v1/traces');
    assert.equal(request.authorization, 'secret');
    assert.ok(request.bytes > 0);
  }
});

test('a call whose context was lost is named with the request during which it was made', async (t) => {
  const port = await freePort();
  const cwd = await writeApp(t, {
    'package.json': '{ "name": "lost", "type": "module" }',
    'app.js': service(port, `await context.with(ROOT_CONTEXT, async () => (await fetch(base + '/inner')).text());`),
  });
  const { report } = await diagnose(t, cwd, ['--url', `http://127.0.0.1:${port}/`, '--', 'node', 'app.js']);
  assert.deepEqual(problem(report, 'context-lost')?.examples, [
    `GET http://127.0.0.1:${port}/inner while GET / was being served`,
  ]);
  assert.equal(problem(report, 'trace-broken'), undefined);
});

test('a request that arrives without the trace that its sender gave it is named', async (t) => {
  const port = await freePort();
  const cwd = await writeApp(t, {
    'package.json': '{ "name": "broken", "type": "module" }',
    'app.js': service(port, `await (await fetch(base + '/inner')).text();`),
  });
  const args = ['--url', `http://127.0.0.1:${port}/`, '--', 'node', 'app.js'];
  const { report } = await diagnose(t, cwd, args, { OTEL_PROPAGATORS: 'baggage' });
  assert.deepEqual(problem(report, 'trace-broken')?.examples, [
    `GET http://127.0.0.1:${port}/inner arrived at broken without its trace`,
  ]);
});

test('a span that never ends is missed by its children', async (t) => {
  const cwd = await writeApp(t, {
    'package.json': '{ "name": "endless", "type": "module" }',
    'app.js': `import { trace } from '@opentelemetry/api';
      trace.getTracer('t').startActiveSpan('endless', () => trace.getTracer('t').startSpan('child').end());`,
  });
  const { report } = await diagnose(t, cwd, ['--', 'node', 'app.js']);
  assert.deepEqual(problem(report, 'parent-missing')?.examples, ['child']);
  assert.deepEqual(report.spans.byService, { endless: { t: 1 } });
});

test('a library that nothing traces is named with the package to install, whether it was loaded or only declared', async (t) => {
  const cwd = await writeApp(t, {
    'package.json': '{ "name": "stores", "dependencies": { "kafkajs": "2" } }',
    'node_modules/memcached/index.js': 'module.exports = {};',
    'app.cjs': `require('memcached');`,
  });
  const { report } = await diagnose(t, cwd, ['--', 'node', 'app.cjs']);
  const advice = report.problems.filter(({ code }) => code === 'library-not-traced').map((each) => each.advice);
  assert.deepEqual(advice.sort(), [
    'npm install @opentelemetry/instrumentation-kafkajs',
    'npm install @opentelemetry/instrumentation-memcached',
  ]);
});

test('a library that is an ES module is named among those that are traced, once the app has imported it', async (t) => {
  const cwd = await writeApp(t, {
    'package.json': '{ "name": "modern", "type": "module", "dependencies": { "moduledb": "1", "otherdb": "1" } }',
    'node_modules/moduledb/package.json': '{ "version": "1.0.0", "type": "module" }',
    'node_modules/moduledb/index.js': 'export const query = () => {};',
    ...Object.fromEntries(
      ['moduledb', 'otherdb'].map((name) => [
        `node_modules/@opentelemetry/instrumentation-${name}/index.js`,
        `const { InstrumentationBase, InstrumentationNodeModuleDefinition } = require('@opentelemetry/instrumentation');
        exports.DbInstrumentation = class DbInstrumentation extends InstrumentationBase {
          constructor(config) { super('${name}', '1', config); }
          init() {
            return new InstrumentationNodeModuleDefinition('${name}', ['*'], (exports) => {
              this._wrap(exports, 'query', () => () => this.tracer.startSpan('query').end());
            });
          }
        };`,
      ]),
    ),
    'app.js': "import { query } from 'moduledb'; query();",
  });
  const { report } = await diagnose(t, cwd, ['--', 'node', 'app.js']);
  assert.deepEqual(report.instrumented, ['moduledb']);
  assert.deepEqual(report.spans.byService, { modern: { moduledb: 1 } });
});

test('an app that makes no span, an invalid variable and a silent collector are said; --fail-on problems makes the exit code 1', async (t) => {
  const cwd = await writeApp(t, { 'app.js': '' });
  const args = ['--fail-on', 'problems', '--', 'node', 'app.js'];
  const { code, report } = await diagnose(t, cwd, args, { OTEL_TRACES_SAMPLER: 'sometimes', OTEL_LOG_LEVEL: 'none' });
  assert.equal(code, 1);
  assert.ok(problem(report, 'no-spans'));
  assert.match(problem(report, 'sdk-notice')!.message, /OTEL_TRACES_SAMPLER=sometimes/);
  assert.match(problem(report, 'collector-silent')!.message, /127\.0\.0\.1:1\/v1\/traces \(.+\)/);
});

test('a collector that refuses is said with its status, though the app made no span', async (t) => {
  const collector = await startCollector(t, 401);
  const cwd = await writeApp(t, { 'app.js': '' });
  const { report } = await diagnose(t, cwd, ['--', 'node', 'app.js'], { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url });
  assert.match(problem(report, 'collector-refuses')!.message, /HTTP 401/);
});

test('--for ends an app that would run on; what it prints goes to stderr under --json', async (t) => {
  const cwd = await writeApp(t, { 'app.js': `console.log('hello'); setTimeout(() => {}, 600_000);` });
  const { code, report, stderr } = await diagnose(t, cwd, ['--for', '600ms', '--', 'node', 'app.js']);
  assert.equal(code, 0);
  assert.equal(report.exit.signal, 'SIGTERM');
  assert.match(stderr, /^hello$/m);
});

test('Ctrl-C ends the app and then the report is printed', async (t) => {
  const cwd = await writeApp(t, { 'app.js': `console.log('ready'); setTimeout(() => {}, 600_000);` });
  const { child, ended } = startDoctor(t, cwd, ['--', 'node', 'app.js']);
  for await (const [chunk] of on(child)) if (String(chunk).includes('ready')) break;
  child.kill('SIGINT');
  const { code, stdout } = await ended;
  assert.equal(code, 0);
  assert.match(stdout, /Traced\n {2}0 spans[\s\S]*Problems \(\d\)\n {2}1\. /);
});

test('the NODE_OPTIONS of the app are kept, and a command without Node is said to be none', async (t) => {
  const cwd = await writeApp(t, { 'app.js': 'console.log(process.execArgv.length, process.env.NODE_OPTIONS);' });
  const { stderr } = await diagnose(t, cwd, ['--', 'node', 'app.js'], { NODE_OPTIONS: '--max-http-header-size=20000' });
  assert.match(stderr, /--max-http-header-size=20000 --import=file:/);
  const { report } = await diagnose(t, cwd, ['--', 'true']);
  assert.ok(problem(report, 'no-node-process'));
});

test('a command that is not there ends the doctor with code 1 and one line', async (t) => {
  const { code, stdout, stderr } = await startDoctor(t, import.meta.dirname, ['--', 'no-such-command']).ended;
  assert.deepEqual([code, stdout], [1, '']);
  assert.match(stderr, /^clew: no-such-command cannot be started: .*ENOENT\n$/);
});

async function* on(child: ChildProcess): AsyncGenerator<unknown[]> {
  for (;;) yield await once(child.stdout!, 'data');
}

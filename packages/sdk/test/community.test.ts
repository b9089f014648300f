import assert from 'node:assert/strict';
import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { LibraryApp, loadStatements, waysToStart } from './library-app.js';
import { kind } from './otlp-decoding.js';
import { OtlpSink } from './otlp-sink.js';
import { type App, runNode } from './run-app.js';

const instrumentationOf = (name: string): string => `@opentelemetry/instrumentation-${name}`;

/** Runs an app to its end; its report is on stdout, behind `report=`. */
async function runApp(
  t: TestContext,
  app: LibraryApp,
  source: string,
  options: { readonly file?: string; readonly flag?: string; readonly env?: Record<string, string> } = {},
): Promise<{ run: App; report: Record<string, { state: string; reason?: string; package: string }> }> {
  const { file = 'app.mjs', flag = '--import', env = {} } = options;
  const isModule = file.endsWith('.mjs');
  const loads = loadStatements(isModule ? 'mjs' : 'cjs', { clew: '@clew/sdk' }).replace('clew from', '* as clew from');
  const path = await app.write(
    file,
    `${loads}\n${source}\nsetImmediate(() => console.log('report=' + JSON.stringify(clew.instrumentationReport())));`,
  );
  const run = runNode(t, [flag, '@clew/sdk/register', path], { OTEL_TRACES_EXPORTER: 'none', ...env }, app.folder);
  assert.deepEqual(await run.exit(), { code: 0, signal: null }, run.stdout + run.stderr);
  const entries = JSON.parse(/report=(.*)/.exec(run.stdout)![1]!) as {
    name: string;
    package: string;
    state: string;
    reason?: string;
  }[];
  return { run, report: Object.fromEntries(entries.map(({ name, ...rest }) => [name, rest])) };
}

const enabled = (name: string): unknown => ({ package: instrumentationOf(name), state: 'enabled' });
const waiting = (name: string): unknown => ({ package: instrumentationOf(name), state: 'waiting' });

/** Prints which files of instrumentations have been loaded. */
const printLoaded = `
const loaded = () => Object.keys(require.cache).filter((file) => /otel-|instrumentation/.test(file)).length;
`;

for (const { flag, form, extension } of waysToStart) {
  test(`an instrumentation is loaded when its library is, and not before, in ${form} under ${flag}`, async (t) => {
    const app = await LibraryApp.create(t, ['pg', instrumentationOf('pg'), instrumentationOf('redis')]);
    const isModule = extension === 'mjs';
    const require = isModule
      ? "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);"
      : '';
    const source = `${require}${printLoaded}
      console.log('before=' + loaded());
      ${isModule ? "const pg = (await import('pg')).default;" : "const pg = require('pg');"}
      console.log('after=' + (loaded() > 0), typeof pg.Client.prototype.query.__original);`;
    const { run, report } = await runApp(t, app, source, { file: `app.${extension}`, flag });
    assert.match(run.stdout, /before=0\nafter=true function\n/);
    assert.deepEqual(report, { pg: enabled('pg'), redis: waiting('redis') });
  });
}

test('without an instrumentation and without a logger to correlate, the module loader stays as it is', async (t) => {
  const app = await LibraryApp.create(t);
  const source = "import Module from 'node:module'; console.log('native=' + /original/.test(String(Module._load)));";
  const untouched = await runApp(t, app, source, { env: { CLEW_LOG_CORRELATION: 'none' } });
  assert.match(untouched.run.stdout, /native=false/);
  const hooked = await runApp(t, app, source);
  assert.match(hooked.run.stdout, /native=true/);
});

test('kafkajs is found and its producer is wrapped when the app loads it', async (t) => {
  const app = await LibraryApp.create(t, ['kafkajs', instrumentationOf('kafkajs')]);
  const source = `import { Kafka, logLevel } from 'kafkajs';
    const producer = new Kafka({ brokers: ['127.0.0.1:1'], logLevel: logLevel.NOTHING }).producer();
    console.log('wrapped=' + typeof producer.send.__original);`;
  const { run, report } = await runApp(t, app, source, { env: { KAFKAJS_NO_PARTITIONER_WARNING: '1' } });
  assert.match(run.stdout, /wrapped=function/);
  assert.deepEqual(report, { kafkajs: enabled('kafkajs') });
});

test('instrumentations are found above the app, where a workspace hoists them', async (t) => {
  const app = await LibraryApp.create(t, ['pg', instrumentationOf('pg')]);
  const { report } = await runApp(t, app, "import 'pg';", { file: 'packages/shop/src/app.mjs' });
  assert.deepEqual(report, { pg: enabled('pg') });
});

test('the parts of auto-instrumentations-node are found inside it and beside its real path', async (t) => {
  const bundle = 'node_modules/@opentelemetry/auto-instrumentations-node';
  const nested = await LibraryApp.create(t, ['pg', 'ioredis']);
  await nested.write(`${bundle}/package.json`, '{ "name": "@opentelemetry/auto-instrumentations-node" }');
  await nested.install(instrumentationOf('pg'), `${bundle}/node_modules`);
  const inside = await runApp(t, nested, "import 'pg';");
  assert.deepEqual(inside.report, { pg: enabled('pg') });

  const store = 'node_modules/.pnpm/auto@1/node_modules';
  const linked = await LibraryApp.create(t, ['ioredis']);
  await linked.write(`${store}/@opentelemetry/auto-instrumentations-node/package.json`, '{}');
  await linked.install(instrumentationOf('ioredis'), store);
  await mkdir(join(linked.folder, 'node_modules/@opentelemetry'), { recursive: true });
  await symlink(join(linked.folder, store, '@opentelemetry/auto-instrumentations-node'), join(linked.folder, bundle));
  const beside = await runApp(t, linked, "import 'ioredis';");
  assert.deepEqual(beside.report, { ioredis: enabled('ioredis') });
});

test('OTEL_NODE_DISABLED_INSTRUMENTATIONS turns one off, and OTEL_NODE_ENABLED_INSTRUMENTATIONS all others', async (t) => {
  const app = await LibraryApp.create(t, ['pg', 'ioredis', instrumentationOf('pg'), instrumentationOf('ioredis')]);
  const source = `import pg from 'pg'; import Redis from 'ioredis';
    console.log('wrapped=' + typeof pg.Client.prototype.query.__original, typeof Redis.prototype.sendCommand.__original);`;
  const run = async (env: Record<string, string>): Promise<[string, string, string]> => {
    const { run: ended, report } = await runApp(t, app, source, { env });
    return [/wrapped=(.*)/.exec(ended.stdout)![1]!, report.pg!.state, report.ioredis!.state];
  };
  assert.deepEqual(await run({}), ['function function', 'enabled', 'enabled']);
  const disabled = { OTEL_NODE_DISABLED_INSTRUMENTATIONS: 'http, pg' };
  assert.deepEqual(await run(disabled), ['undefined function', 'off', 'enabled']);
  const only = { OTEL_NODE_ENABLED_INSTRUMENTATIONS: 'pg' };
  assert.deepEqual(await run(only), ['function undefined', 'enabled', 'off']);
  assert.deepEqual(await run({ ...only, OTEL_NODE_DISABLED_INSTRUMENTATIONS: 'pg' }), [
    'undefined undefined',
    'off',
    'off',
  ]);
});

test('the same variables turn our own HTTP and fetch spans off, as http and undici', async (t) => {
  const app = await LibraryApp.create(t);
  const source = `import http from 'node:http';
    const server = http.createServer((request, response) => response.end()).listen(0, '127.0.0.1', async () => {
      await (await fetch('http://127.0.0.1:' + server.address().port)).text();
      server.close();
      server.closeAllConnections();
    });`;
  const kinds = async (env: Record<string, string>): Promise<number[]> => {
    const sink = await OtlpSink.start();
    t.after(() => sink.close());
    await runApp(t, app, source, {
      env: { OTEL_TRACES_EXPORTER: 'otlp', OTEL_EXPORTER_OTLP_ENDPOINT: sink.endpoint, ...env },
    });
    return sink.spans.map((span) => span.kind).sort();
  };
  assert.deepEqual(await kinds({}), [kind.server, kind.client]);
  assert.deepEqual(await kinds({ OTEL_NODE_DISABLED_INSTRUMENTATIONS: 'http' }), [kind.client]);
  assert.deepEqual(await kinds({ OTEL_NODE_DISABLED_INSTRUMENTATIONS: 'undici' }), [kind.server]);
  assert.deepEqual(await kinds({ OTEL_NODE_ENABLED_INSTRUMENTATIONS: 'undici' }), [kind.client]);
});

test('a name that OTEL_NODE_ENABLED_INSTRUMENTATIONS lists and the app has not is said', async (t) => {
  const app = await LibraryApp.create(t, [instrumentationOf('pg')]);
  const { run } = await runApp(t, app, '', { env: { OTEL_NODE_ENABLED_INSTRUMENTATIONS: 'pg,http,pgg' } });
  const warnings = run.notices.filter((line) => line.includes('OTEL_NODE'));
  assert.equal(warnings.length, 1);
  assert.match(warnings[0]!, /names pgg, which the app has not installed as @opentelemetry\/instrumentation-pgg/);
});

/** An instrumentation that fails the test when it is loaded. */
const untouchable = "throw new Error('must not be loaded');";

test("the community's http and undici are left alone: their spans are ours already", async (t) => {
  const app = await LibraryApp.create(t);
  for (const name of ['http', 'undici', 'runtime-node']) {
    await app.write(`node_modules/${instrumentationOf(name)}/index.js`, untouchable);
  }
  await app.write('node_modules/undici/index.js', '');
  const { run, report } = await runApp(t, app, "import 'undici'; import 'node:http';");
  assert.deepEqual(report, {});
  assert.equal(run.notices.length, 1, run.stderr);
});

test('the instrumentation of a module of Node is enabled only when it is named', async (t) => {
  const app = await LibraryApp.create(t);
  await app.write(
    `node_modules/${instrumentationOf('dns')}/index.js`,
    `exports.DnsInstrumentation = class DnsInstrumentation {
      constructor() { console.log('dns enabled'); }
      setTracerProvider() {}
      disable() {}
    };`,
  );
  const unnamed = await runApp(t, app, "import 'node:dns';");
  assert.doesNotMatch(unnamed.run.stdout, /dns enabled/);
  const named = await runApp(t, app, "import 'node:dns';", { env: { OTEL_NODE_ENABLED_INSTRUMENTATIONS: 'dns' } });
  assert.match(named.run.stdout, /dns enabled/);
  assert.deepEqual(named.report, { dns: enabled('dns') });
});

test('an instrumentation that is not in our table is woken by the library of its name', async (t) => {
  const app = await LibraryApp.create(t);
  await app.write('node_modules/newdb/index.js', 'exports.query = () => 1;');
  await app.write(
    `node_modules/${instrumentationOf('newdb')}/index.js`,
    `exports.NewDbInstrumentation = class NewDbInstrumentation {
      setTracerProvider(provider) { console.log('provider=' + typeof provider.getTracer); }
      disable() {}
    };`,
  );
  const { run, report } = await runApp(t, app, "import 'newdb';");
  assert.match(run.stdout, /provider=function/);
  assert.deepEqual(report, { newdb: enabled('newdb') });
});

test("a logger's instrumentation sends its lines to OpenTelemetry's logs only where a logs SDK takes them", async (t) => {
  const app = await LibraryApp.create(t);
  await app.write('node_modules/bunyan/index.js', '');
  await app.write(
    `node_modules/${instrumentationOf('bunyan')}/index.js`,
    `exports.BunyanInstrumentation = class BunyanInstrumentation {
      constructor(config) { console.log('config=' + JSON.stringify(config)); }
      setTracerProvider() {}
      disable() {}
    };`,
  );
  const without = await runApp(t, app, "await import('bunyan');");
  assert.match(without.run.stdout, /config=\{"disableLogSending":true\}/);
  const logsSdk = "globalThis[Symbol.for('io.opentelemetry.js.api.logs')] = () => {};";
  const withOne = await runApp(t, app, `${logsSdk} await import('bunyan');`);
  assert.match(withOne.run.stdout, /config=\{\}/);
});

test('an instrumentation that cannot be loaded is said once, and the library works on', async (t) => {
  const app = await LibraryApp.create(t, ['pg']);
  await app.write(`node_modules/${instrumentationOf('pg')}/index.js`, "throw new Error('too old a Node');");
  const { run, report } = await runApp(t, app, "import pg from 'pg'; console.log('client=' + typeof pg.Client);");
  assert.match(run.stdout, /client=function/);
  assert.deepEqual(report.pg, {
    package: instrumentationOf('pg'),
    state: 'failed',
    reason: 'it cannot be loaded: too old a Node',
  });
  assert.equal(run.notices.filter((line) => line.includes('does not trace pg')).length, 1);
});

test('a version of a library that its instrumentation does not know is said, with both versions', async (t) => {
  const app = await LibraryApp.create(t, [instrumentationOf('pg')]);
  await app.write('node_modules/pg/package.json', '{ "name": "pg", "version": "99.1.0", "main": "index.js" }');
  await app.write('node_modules/pg/index.js', 'exports.Client = class Client { query() {} };');
  for (const [file, source] of [
    ['app.mjs', "import 'pg';"],
    ['app.cjs', "require('pg');"],
  ] as const) {
    const { run, report } = await runApp(t, app, source, { file });
    assert.equal(report.pg!.state, 'failed');
    assert.match(report.pg!.reason!, /^pg is 99\.1\.0, and it knows >=8\.0\.3 <9\./);
    assert.equal(run.notices.filter((line) => line.includes('pg is 99.1.0')).length, 1, run.stderr);
  }
});

test('a library that is not installed fails as without us, and does not wake its instrumentation', async (t) => {
  const app = await LibraryApp.create(t, [instrumentationOf('pg')]);
  const source = "try { require('pg'); } catch (error) { console.log(error.code, error.requireStack.length); }";
  const { run, report } = await runApp(t, app, source, { file: 'app.cjs' });
  assert.match(run.stdout, /^MODULE_NOT_FOUND 1\n/);
  assert.deepEqual(report, { pg: waiting('pg') });
});

test('a library that throws while it loads throws the same error with us, each time', async (t) => {
  const app = await LibraryApp.create(t, [instrumentationOf('pg')]);
  await app.write('node_modules/pg/index.js', "throw new Error('broken');");
  const source = `const again = () => import('pg').then(() => 'loaded', (error) => error.message);
    console.log('import=' + (await again()), await again());`;
  const { run } = await runApp(t, app, source);
  assert.match(run.stdout, /import=broken broken/);
});

test('a library that was loaded before tracing started is said', async (t) => {
  const app = await LibraryApp.create(t, ['pg', instrumentationOf('pg')]);
  const path = await app.write(
    'late.cjs',
    `require('pg');
    const { startTracing, instrumentationReport } = require('@clew/sdk');
    startTracing({ export: 'none' });
    console.log(JSON.stringify(instrumentationReport()));`,
  );
  const run = runNode(t, [path], {}, app.folder);
  assert.deepEqual(await run.exit(), { code: 0, signal: null }, run.stderr);
  const reason = 'the app loaded pg before tracing started. Start with --import @clew/sdk/register';
  assert.deepEqual(JSON.parse(run.stdout), [{ name: 'pg', package: instrumentationOf('pg'), state: 'failed', reason }]);
  assert.equal(run.notices.filter((line) => line.includes(reason)).length, 1);
});

test('an instrumentation that the app loads itself is left to the app', async (t) => {
  const app = await LibraryApp.create(t, ['pg', instrumentationOf('pg')]);
  const source = `const { PgInstrumentation } = require('@opentelemetry/instrumentation-pg'); new PgInstrumentation(); require('pg');`;
  const { report } = await runApp(t, app, source, { file: 'app.cjs' });
  assert.deepEqual(report.pg, { package: instrumentationOf('pg'), state: 'off', reason: 'the app enables it itself' });
});

test('shutdown takes the instrumentations off and gives the module loader back', async (t) => {
  const app = await LibraryApp.create(t, ['pg', instrumentationOf('pg')]);
  const path = await app.write(
    'app.cjs',
    `const Module = require('node:module');
    const before = Module._load;
    const { startTracing } = require('@clew/sdk');
    const tracing = startTracing({ export: 'none' });
    const { Client } = require('pg');
    const wrapped = typeof Client.prototype.query.__original;
    tracing.shutdown().then(() => console.log(wrapped, typeof Client.prototype.query.__original, Module._load === before));`,
  );
  const run = runNode(t, [path], {}, app.folder);
  assert.deepEqual(await run.exit(), { code: 0, signal: null }, run.stderr);
  assert.equal(run.stdout, 'function undefined true\n');
});

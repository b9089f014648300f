import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import Module from 'node:module';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { LibraryApp, waysToStart } from './library-app.js';
import { writeModuleInstrumentation, writeModuleLibrary } from './module-library.js';
import type { SinkSpan } from './otlp-decoding.js';
import { OtlpSink } from './otlp-sink.js';
import { type App, runNode } from './run-app.js';

interface Ended {
  readonly run: App;
  readonly spans: readonly SinkSpan[];
  /** The names of spans by the instrumentation of `moduledb`, in order. */
  readonly names: readonly string[];
  /** States by instrumentation. */
  readonly report: Readonly<Record<string, { readonly state: string; readonly reason?: string }>>;
}

interface RunOptions {
  readonly file?: string;
  /** Flags of Node that load the SDK, and what else is to be loaded before the app. */
  readonly flags?: readonly string[];
}

const importSdk = ['--import', '@clew/sdk/register'];

/** Runs an app to its end. */
async function runApp(t: TestContext, app: LibraryApp, source: string, options: RunOptions = {}): Promise<Ended> {
  const { file = 'app.mjs', flags = importSdk } = options;
  const sink = await OtlpSink.start();
  t.after(() => sink.close());
  const clew = file.endsWith('.mjs') ? "import * as clew from '@clew/sdk';" : "const clew = require('@clew/sdk');";
  const report = "process.on('exit', () => console.log('report=' + JSON.stringify(clew.instrumentationReport())));";
  const path = await app.write(file, `${clew}\n${report}\n${source}`);
  const run = runNode(t, [...flags, path], { OTEL_EXPORTER_OTLP_ENDPOINT: sink.endpoint }, app.folder);
  assert.deepEqual(await run.exit(), { code: 0, signal: null }, run.stdout + run.stderr);
  const entries = JSON.parse(/report=(.*)/.exec(run.stdout)![1]!) as { name: string; state: string; reason?: string }[];
  const { spans } = sink;
  return {
    run,
    spans,
    names: spans
      .filter(({ scope }) => scope === '@opentelemetry/instrumentation-moduledb')
      .map(({ name }) => name)
      .sort(),
    report: Object.fromEntries(entries.map(({ name, state, reason }) => [name, { state, ...(reason && { reason }) }])),
  };
}

async function createApp(
  t: TestContext,
  form: Parameters<typeof writeModuleLibrary>[1] = 'module',
): Promise<LibraryApp> {
  const app = await LibraryApp.create(t);
  await writeModuleLibrary(app, form);
  await writeModuleInstrumentation(app);
  return app;
}

/** Gives an app one more library, which is an ES module, so that imports are hooked. */
async function addModule(app: LibraryApp): Promise<void> {
  await app.write('node_modules/otherdb/package.json', '{ "name": "otherdb", "type": "module" }');
  await app.write('node_modules/@opentelemetry/instrumentation-otherdb/index.js', '');
}

/** Calls all of the library's functions, under names of `mark`. */
const callAll = (library: string, mark = ''): string =>
  `${library}.query('q${mark}'); ${library}.default('d${mark}'); new ${library}.Client().query('m${mark}');`;

const spansOfCalls = (mark = ''): string[] =>
  ['default d', 'method m', 'named q', 'send d', 'send m', 'send q'].map((name) => name + mark);

for (const { flag, form, extension } of waysToStart) {
  test(`an ES module is traced that ${form} imports under ${flag}: named, default and dynamic imports`, async (t) => {
    const app = await createApp(t);
    const isModule = extension === 'mjs';
    const source = isModule
      ? `import connect, { query, Client } from 'moduledb'; import * as all from 'moduledb';
        query('named'); connect('default'); new Client().query('method'); all.query('namespace');
        const later = await import('moduledb'); later.query('dynamic');`
      : `import('moduledb').then(({ default: connect, query, Client }) => {
          query('named'); connect('default'); new Client().query('method');
        });`;
    const { run, spans, names, report } = await runApp(t, app, source, {
      file: `app.${extension}`,
      flags: [flag, '@clew/sdk/register'],
    });
    const expected = ['default default', 'method method', 'named named'];
    if (isModule) expected.push('named dynamic', 'named namespace');
    const inner = expected.map((name) => `send ${name.split(' ')[1]}`);
    assert.deepEqual(names, [...expected, ...inner].sort());
    for (const name of expected) {
      const outer = spans.find((span) => span.name === name)!;
      const send = spans.find((span) => span.name === `send ${name.split(' ')[1]}`)!;
      assert.equal(send.parentSpanId, outer.spanId);
    }
    assert.match(run.stdout, /^evaluated, instrumented=true\n/);
    assert.deepEqual(report, { moduledb: { state: 'enabled' } });
    assert.equal(run.notices.length, 1, run.stderr);
  });
}

test('an ES module is traced that a dependency imports, from the app or in a version of its own', async (t) => {
  const app = await createApp(t);
  await writeModuleLibrary(app, 'module', 'node_modules/other');
  const source = "export * from 'moduledb'; export { default } from 'moduledb';";
  for (const name of ['dependency', 'other']) {
    await app.write(`node_modules/${name}/package.json`, `{ "name": "${name}", "type": "module" }`);
    await app.write(`node_modules/${name}/index.js`, source);
  }
  await app.write('node_modules/common/index.js', "exports.load = () => import('moduledb');");
  const { names } = await runApp(
    t,
    app,
    `import * as dependency from 'dependency'; import * as other from 'other'; import common from 'common';
    ${callAll('dependency', ' 1')} ${callAll('other', ' 2')}
    const loaded = await common.load(); ${callAll('loaded', ' 3')}`,
  );
  assert.deepEqual(names, [...spansOfCalls(' 1'), ...spansOfCalls(' 2'), ...spansOfCalls(' 3')].sort());
});

test('an ES module is traced that is required', async (t) => {
  const app = await createApp(t);
  const { run, names, report } = await runApp(
    t,
    app,
    `const required = require('moduledb'); ${callAll('required', ' 1')}
    console.log(require('moduledb') === required, Object.keys(required).join());
    import('moduledb').then((imported) => { ${callAll('imported', ' 2')} });`,
    { file: 'app.cjs' },
  );
  assert.match(run.stdout, /^evaluated, instrumented=true\ntrue Client,(?:__esModule,)?default,query\n/);
  // Node 20 has no hook for what an ES module that is required imports.
  const hasHook = 'registerHooks' in Module;
  const inside = spansOfCalls().filter((name) => hasHook || !name.startsWith('send'));
  assert.deepEqual(names, [...inside.map((name) => `${name} 1`), ...inside.map((name) => `${name} 2`)].sort());
  assert.deepEqual(report, { moduledb: { state: 'enabled' } });
});

test('the instrumentation of an ES module waits until that is imported, and so does import-in-the-middle', async (t) => {
  const app = await createApp(t);
  const source = `import { createRequire } from 'node:module';
    const loaded = () => Object.keys(createRequire(import.meta.url).cache).filter((file) => /instrumentation|in-the-middle/.test(file));
    console.log('loaded=' + loaded().length);`;
  const waiting = await runApp(t, app, source);
  assert.match(waiting.run.stdout, /^loaded=0\n/);
  assert.deepEqual(waiting.report, { moduledb: { state: 'waiting' } });
  const imported = await runApp(t, app, `await import('moduledb'); ${source}`);
  assert.match(imported.run.stdout, /^evaluated, instrumented=true\nloaded=[1-9]/);
  assert.deepEqual(imported.report, { moduledb: { state: 'enabled' } });
});

/** Counts the hooks on Node's ES module loader. */
const countHooks = `import Module from 'node:module';
  const { register, registerHooks } = Module;
  let count = 0;
  Module.register = (...args) => { count += 1; register(...args); };
  if (registerHooks !== undefined) Module.registerHooks = (hooks) => {
    const registered = registerHooks(hooks);
    count += 1;
    return { deregister() { count -= 1; registered.deregister(); } };
  };
  process.on('exit', () => console.log('hooks=' + count));`;

test('the ES module loader is left alone where no library of an instrumentation is an ES module', async (t) => {
  const counted = async (app: LibraryApp): Promise<string> => {
    const flags = ['--import', await app.write('count.mjs', countHooks), ...importSdk];
    return /hooks=(\d)/.exec((await runApp(t, app, '', { flags })).run.stdout)![1]!;
  };
  assert.equal(await counted(await createApp(t, 'module')), '1');
  assert.equal(await counted(await createApp(t, 'wrapper')), '0');
  assert.equal(await counted(await createApp(t, 'common')), '0');
  assert.equal(await counted(await LibraryApp.create(t)), '0');
  const alone = await LibraryApp.create(t);
  await writeModuleLibrary(alone, 'module');
  assert.equal(await counted(alone), '0');
});

test('a CommonJS library is patched once, whether or not it has an ES module for those who import it', async (t) => {
  const source = `import { createRequire } from 'node:module'; import * as imported from 'moduledb';
    const required = createRequire(import.meta.url)('moduledb');`;
  for (const [form, calls] of [
    ['wrapper', `${callAll('imported', ' 1')} ${callAll('required', ' 2')}`],
    // As Node has it, the default export is all of a CommonJS module.
    ['common', `const { default: library } = imported; ${callAll('library', ' 1')} ${callAll('required', ' 2')}`],
  ] as const) {
    const app = await createApp(t, form);
    const expected = [...spansOfCalls(' 1'), ...spansOfCalls(' 2')].sort();
    assert.deepEqual((await runApp(t, app, `${source}\n${calls}`)).names, expected, form);
    await addModule(app);
    assert.deepEqual((await runApp(t, app, `${source}\n${calls}`)).names, expected, `${form}, hooked`);
  }
});

const ownHooks = {
  'the asynchronous hook of the instrumentations': `import { register } from 'node:module';
    register('@opentelemetry/instrumentation/hook.mjs', import.meta.url);`,
  'the synchronous hook of import-in-the-middle': `import { register, supportsSyncHooks } from 'import-in-the-middle/register-hooks.mjs';
    if (supportsSyncHooks()) register();`,
};

for (const [name, text] of Object.entries(ownHooks)) {
  test(`a library is patched once where the app registers ${name}, before the SDK or after it`, async (t) => {
    for (const form of ['module', 'wrapper', 'common'] as const) {
      const app = await createApp(t, form);
      if (form === 'wrapper') await addModule(app);
      await app.install('import-in-the-middle');
      const hook = await app.write('hook.mjs', text);
      const library = form === 'common' ? "import library from 'moduledb';" : "import * as library from 'moduledb';";
      for (const flags of [
        ['--import', hook, ...importSdk],
        [...importSdk, '--import', hook],
      ]) {
        const { names, report } = await runApp(t, app, `${library} ${callAll('library')}`, { flags });
        assert.deepEqual(names, spansOfCalls(), `${form} ${flags.join(' ')}`);
        assert.deepEqual(report.moduledb, { state: 'enabled' });
      }
    }
  });
}

test('an ES module is traced by an instrumentation whose import-in-the-middle has no synchronous hooks', async (t) => {
  const app = await LibraryApp.create(t);
  await writeModuleLibrary(app, 'module');
  await app.copy('@opentelemetry/instrumentation');
  await app.install('iitm-2', 'node_modules', 'import-in-the-middle');
  await app.install('require-in-the-middle');
  await writeModuleInstrumentation(app);
  const source = `import * as library from 'moduledb'; ${callAll('library', ' 1')}
    const later = await import('moduledb'); ${callAll('later', ' 2')}`;
  for (const flag of ['--import', '--require']) {
    const { run, names, report } = await runApp(t, app, source, { flags: [flag, '@clew/sdk/register'] });
    assert.deepEqual(names, [...spansOfCalls(' 1'), ...spansOfCalls(' 2')].sort());
    assert.deepEqual(report, { moduledb: { state: 'enabled' } });
    assert.equal(run.notices.length, 1, run.stderr);
  }
});

test('an instrumentation that the app makes itself is left to it, though it is an ES module', async (t) => {
  const app = await createApp(t, 'common');
  const home = 'node_modules/@opentelemetry/instrumentation-moduledb';
  await app.write(`${home}/package.json`, '{ "exports": { "require": "./index.js", "default": "./index.mjs" } }');
  const text = await readFile(join(app.folder, home, 'index.js'), 'utf8');
  await app.write(
    `${home}/index.mjs`,
    `import { createRequire } from 'node:module'; const require = createRequire(import.meta.url); const exports = {};
    ${text} export { ModuledbInstrumentation };`,
  );
  const source = `import { ModuledbInstrumentation } from '@opentelemetry/instrumentation-moduledb';
    new ModuledbInstrumentation();
    const { default: library } = await import('moduledb'); ${callAll('library')}`;
  const { names, report } = await runApp(t, app, source);
  assert.deepEqual(names, spansOfCalls());
  assert.deepEqual(report, { moduledb: { state: 'off', reason: 'the app enables it itself' } });
});

test('a patch that fails is said once, and the library works on', async (t) => {
  for (const form of ['module', 'common'] as const) {
    const app = await LibraryApp.create(t);
    await writeModuleLibrary(app, form);
    await writeModuleInstrumentation(app, "throw new TypeError('no such export');");
    const source = "import * as library from 'moduledb'; console.log(library.query('it'));";
    const { run, report } = await runApp(t, app, source);
    assert.match(run.stdout, /answer to it/);
    assert.deepEqual(report, { moduledb: { state: 'failed', reason: 'its patch failed: no such export' } });
    assert.equal(run.notices.filter((line) => line.includes('does not trace moduledb')).length, 1, run.stderr);
  }
});

test('a version of an ES module that its instrumentation does not know is said', async (t) => {
  const app = await createApp(t);
  await app.write(
    'node_modules/moduledb/package.json',
    '{ "name": "moduledb", "version": "2.0.0", "type": "module", "exports": "./index.js" }',
  );
  const { run, names, report } = await runApp(t, app, `import * as library from 'moduledb'; ${callAll('library')}`);
  assert.deepEqual(names, []);
  assert.equal(report.moduledb!.state, 'failed');
  assert.match(report.moduledb!.reason!, /^moduledb is 2\.0\.0, and it knows 1\.\*\. Another/);
  assert.equal(run.notices.filter((line) => line.includes('does not trace moduledb')).length, 1, run.stderr);
});

test('an ES module that throws while it is evaluated throws the same error with us', async (t) => {
  const app = await createApp(t);
  await app.write('node_modules/moduledb/index.js', "throw new Error('broken');");
  const source = `for (const name of ['moduledb', 'moduledb', 'moduledb/absent', 'moduledb-absent']) {
      await import(name).catch((error) => console.log(name, error.code ?? error.message));
    }`;
  const { run } = await runApp(t, app, source);
  assert.match(
    run.stdout,
    /^moduledb broken\nmoduledb broken\nmoduledb\/absent ERR_PACKAGE_PATH_NOT_EXPORTED\nmoduledb-absent ERR_MODULE_NOT_FOUND\n/,
  );
});

test('shutdown takes the hooks off imports', async (t) => {
  const app = await createApp(t);
  const counter = await app.write('count.mjs', countHooks);
  const path = await app.write(
    'app.mjs',
    `import { startTracing } from '@clew/sdk';
    const tracing = startTracing({ export: 'none' });
    await import('moduledb');
    const before = Symbol.for('clew.sdk.imports') in globalThis;
    await tracing.shutdown();
    console.log(before, Symbol.for('clew.sdk.imports') in globalThis);`,
  );
  const run = runNode(t, ['--import', counter, path], {}, app.folder);
  assert.deepEqual(await run.exit(), { code: 0, signal: null }, run.stderr);
  // The loader thread of Node 20 stays.
  const left = 'registerHooks' in Module ? 0 : 1;
  assert.match(run.stdout, new RegExp(`\\ntrue false\\nhooks=${left}\\n$`));
});

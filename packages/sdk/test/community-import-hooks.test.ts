import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import Module from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { LibraryApp } from './library-app.js';
import { addModule, callAll, createModuleApp, importSdk, runModuleApp, spansOfCalls } from './module-app.js';
import { writeModuleInstrumentation, writeModuleLibrary } from './module-library.js';
import { runNode } from './run-app.js';

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
    // Without the hook that waits for node:http2.
    const env = { OTEL_NODE_DISABLED_INSTRUMENTATIONS: 'http' };
    return /hooks=(\d)/.exec((await runModuleApp(t, app, '', { flags, env })).run.stdout)![1]!;
  };
  assert.equal(await counted(await createModuleApp(t, 'module')), '1');
  assert.equal(await counted(await createModuleApp(t, 'wrapper')), '0');
  assert.equal(await counted(await createModuleApp(t, 'common')), '0');
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
    const app = await createModuleApp(t, form);
    const expected = [...spansOfCalls(' 1'), ...spansOfCalls(' 2')].sort();
    assert.deepEqual((await runModuleApp(t, app, `${source}\n${calls}`)).names, expected, form);
    await addModule(app);
    assert.deepEqual((await runModuleApp(t, app, `${source}\n${calls}`)).names, expected, `${form}, hooked`);
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
      const app = await createModuleApp(t, form);
      if (form === 'wrapper') await addModule(app);
      await app.install('import-in-the-middle');
      const hook = await app.write('hook.mjs', text);
      const library = form === 'common' ? "import library from 'moduledb';" : "import * as library from 'moduledb';";
      for (const flags of [
        ['--import', hook, ...importSdk],
        [...importSdk, '--import', hook],
      ]) {
        const { names, report } = await runModuleApp(t, app, `${library} ${callAll('library')}`, { flags });
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
    const { run, names, report } = await runModuleApp(t, app, source, { flags: [flag, '@clew/sdk/register'] });
    assert.deepEqual(names, [...spansOfCalls(' 1'), ...spansOfCalls(' 2')].sort());
    assert.deepEqual(report, { moduledb: { state: 'enabled' } });
    assert.equal(run.notices.length, 1, run.stderr);
  }
});

test('an instrumentation that the app makes itself is left to it, though it is an ES module', async (t) => {
  const app = await createModuleApp(t, 'common');
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
  const { names, report } = await runModuleApp(t, app, source);
  assert.deepEqual(names, spansOfCalls());
  assert.deepEqual(report, { moduledb: { state: 'off', reason: 'the app enables it itself' } });
});

test('shutdown takes the hooks off imports', async (t) => {
  const app = await createModuleApp(t);
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

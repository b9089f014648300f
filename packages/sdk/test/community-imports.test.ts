import assert from 'node:assert/strict';
import Module from 'node:module';
import { test } from 'node:test';
import { LibraryApp, waysToStart } from './library-app.js';
import { callAll, createModuleApp, runModuleApp, spansOfCalls } from './module-app.js';
import { writeModuleInstrumentation, writeModuleLibrary } from './module-library.js';

for (const { flag, form, extension } of waysToStart) {
  test(`an ES module is traced that ${form} imports under ${flag}: named, default and dynamic imports`, async (t) => {
    const app = await createModuleApp(t);
    const isModule = extension === 'mjs';
    const source = isModule
      ? `import connect, { query, Client } from 'moduledb'; import * as all from 'moduledb';
        query('named'); connect('default'); new Client().query('method'); all.query('namespace');
        const later = await import('moduledb'); later.query('dynamic');`
      : `import('moduledb').then(({ default: connect, query, Client }) => {
          query('named'); connect('default'); new Client().query('method');
        });`;
    const { run, spans, names, report } = await runModuleApp(t, app, source, {
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
  const app = await createModuleApp(t);
  await writeModuleLibrary(app, 'module', 'node_modules/other');
  const source = "export * from 'moduledb'; export { default } from 'moduledb';";
  for (const name of ['dependency', 'other']) {
    await app.write(`node_modules/${name}/package.json`, `{ "name": "${name}", "type": "module" }`);
    await app.write(`node_modules/${name}/index.js`, source);
  }
  await app.write('node_modules/common/index.js', "exports.load = () => import('moduledb');");
  const { names } = await runModuleApp(
    t,
    app,
    `import * as dependency from 'dependency'; import * as other from 'other'; import common from 'common';
    ${callAll('dependency', ' 1')} ${callAll('other', ' 2')}
    const loaded = await common.load(); ${callAll('loaded', ' 3')}`,
  );
  assert.deepEqual(names, [...spansOfCalls(' 1'), ...spansOfCalls(' 2'), ...spansOfCalls(' 3')].sort());
});

test('an ES module is traced that is required', async (t) => {
  const app = await createModuleApp(t);
  const { run, names, report } = await runModuleApp(
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
  const app = await createModuleApp(t);
  const source = `import { createRequire } from 'node:module';
    const loaded = () => Object.keys(createRequire(import.meta.url).cache).filter((file) => /instrumentation|in-the-middle/.test(file));
    console.log('loaded=' + loaded().length);`;
  const waiting = await runModuleApp(t, app, source);
  assert.match(waiting.run.stdout, /^loaded=0\n/);
  assert.deepEqual(waiting.report, { moduledb: { state: 'waiting' } });
  const imported = await runModuleApp(t, app, `await import('moduledb'); ${source}`);
  assert.match(imported.run.stdout, /^evaluated, instrumented=true\nloaded=[1-9]/);
  assert.deepEqual(imported.report, { moduledb: { state: 'enabled' } });
});

test('a patch that fails is said once, and the library works on', async (t) => {
  for (const form of ['module', 'common'] as const) {
    const app = await LibraryApp.create(t);
    await writeModuleLibrary(app, form);
    await writeModuleInstrumentation(app, "throw new TypeError('no such export');");
    const source = "import * as library from 'moduledb'; console.log(library.query('it'));";
    const { run, report } = await runModuleApp(t, app, source);
    assert.match(run.stdout, /answer to it/);
    assert.deepEqual(report, { moduledb: { state: 'failed', reason: 'its patch failed: no such export' } });
    assert.equal(run.notices.filter((line) => line.includes('does not trace moduledb')).length, 1, run.stderr);
  }
});

test('a version of an ES module that its instrumentation does not know is said', async (t) => {
  const app = await createModuleApp(t);
  await app.write(
    'node_modules/moduledb/package.json',
    '{ "name": "moduledb", "version": "2.0.0", "type": "module", "exports": "./index.js" }',
  );
  const { run, names, report } = await runModuleApp(
    t,
    app,
    `import * as library from 'moduledb'; ${callAll('library')}`,
  );
  assert.deepEqual(names, []);
  assert.equal(report.moduledb!.state, 'failed');
  assert.match(report.moduledb!.reason!, /^moduledb is 2\.0\.0, and it knows 1\.\*\. Another/);
  assert.equal(run.notices.filter((line) => line.includes('does not trace moduledb')).length, 1, run.stderr);
});

test('an ES module that throws while it is evaluated throws the same error with us', async (t) => {
  const app = await createModuleApp(t);
  await app.write('node_modules/moduledb/index.js', "throw new Error('broken');");
  const source = `for (const name of ['moduledb', 'moduledb', 'moduledb/absent', 'moduledb-absent']) {
      await import(name).catch((error) => console.log(name, error.code ?? error.message));
    }`;
  const { run } = await runModuleApp(t, app, source);
  assert.match(
    run.stdout,
    /^moduledb broken\nmoduledb broken\nmoduledb\/absent ERR_PACKAGE_PATH_NOT_EXPORTED\nmoduledb-absent ERR_MODULE_NOT_FOUND\n/,
  );
});

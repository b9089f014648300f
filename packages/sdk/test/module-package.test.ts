import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { hasModulePackage, isModulePackage } from '#src/instrument/module-package.js';
import { LibraryApp, packageFolder } from './library-app.js';

/** What an ES module and a CommonJS module both understand: it notes which of them it is. */
const entry = "globalThis.importedForm = this === undefined ? 'module' : 'commonjs';";

const esm = { 'esm/index.js': entry, 'esm/package.json': '{ "type": "module" }' };

/** Packages: what package.json says, and the files. */
const packages: readonly [text: string, files: Readonly<Record<string, string>>][] = [
  ['{}', { 'index.js': entry }],
  ['{ "type": "module" }', { 'index.js': entry }],
  ['{ "main": "./lib/main" }', { 'lib/main.js': entry }],
  ['{ "type": "module", "main": "main.js" }', { 'main.js': entry }],
  ['{ "type": "module", "main": "main.cjs" }', { 'main.cjs': entry }],
  ['{ "main": "main.mjs" }', { 'main.mjs': entry }],
  ['{ "module": "esm/index.js", "main": "index.js" }', { 'index.js': entry, ...esm }],
  ['{ "main": "esm/index.js" }', esm],
  ['{ "exports": "./main.mjs", "main": "./index.js" }', { 'main.mjs': entry, 'index.js': entry }],
  ['{ "exports": { "import": "./main.mjs", "require": "./index.js" } }', { 'main.mjs': entry, 'index.js': entry }],
  [
    '{ "exports": { ".": { "require": "./index.js", "default": "./main.mjs" } } }',
    { 'main.mjs': entry, 'index.js': entry },
  ],
  [
    '{ "exports": { ".": { "node": "./index.js", "import": "./main.mjs" } } }',
    { 'main.mjs': entry, 'index.js': entry },
  ],
  [
    '{ "exports": { ".": { "browser": "./main.mjs", "default": "./index.js" } } }',
    { 'main.mjs': entry, 'index.js': entry },
  ],
  ['{ "exports": { ".": { "import": { "types": "./a.d.ts", "default": "./esm/index.js" } } } }', esm],
  ['{ "exports": { ".": [{ "require": "./index.js" }, "./esm/index.js"] } }', { 'index.js': entry, ...esm }],
  ['{ "exports": { "./sub": "./sub.mjs", ".": { "import": null, "default": "./index.js" } } }', { 'index.js': entry }],
];

test('a package is taken for an ES module where Node imports it as one', async (t) => {
  const app = await LibraryApp.create(t);
  const importer = await app.write('importer.mjs', 'export const load = (name) => import(name);');
  const { load } = (await import(pathToFileURL(importer).href)) as { load(name: string): Promise<unknown> };
  const shared = globalThis as { importedForm?: string };
  for (const [index, [text, files]] of packages.entries()) {
    const name = `package-${index}`;
    await app.write(`node_modules/${name}/package.json`, text);
    for (const [file, content] of Object.entries(files)) await app.write(`node_modules/${name}/${file}`, content);
    delete shared.importedForm;
    // One that cannot be imported is no ES module to be hooked.
    await load(name).catch((error: { code: string }) => assert.equal(error.code, 'ERR_PACKAGE_PATH_NOT_EXPORTED'));
    const folder = join(app.folder, 'node_modules', name);
    assert.equal(isModulePackage(folder), shared.importedForm === 'module', `${text} is ${shared.importedForm}`);
  }
});

test('a wrapper around CommonJS is no ES module to be hooked; with code of its own, or that of another package, it is', async (t) => {
  const app = await LibraryApp.create(t);
  const isHooked = async (wrapper: string): Promise<boolean> => {
    const folder = join(app.folder, 'node_modules/wrapped');
    await app.write('node_modules/wrapped/package.json', '{ "exports": { "import": "./esm/wrapper.mjs" } }');
    await app.write('node_modules/wrapped/esm/wrapper.mjs', wrapper);
    await app.write('node_modules/wrapped/own.mjs', '');
    return isModulePackage(folder);
  };
  const all = "import all from '../index.js';";
  assert.equal(
    await isHooked(
      `/* No class, no function */ ${all}\nexport const Client = all.Client; // await\nexport default all;`,
    ),
    false,
  );
  assert.equal(await isHooked("export * from '../lib/index.cjs'; import '../lib/more.js';"), false);
  assert.equal(await isHooked(`${all} export const { a, b } = all;${' '.repeat(32_768)}`), true);
  for (const code of [
    'export class Client {}',
    'export const query = () => all();',
    'export const a = await all;',
    "import 'other';",
  ]) {
    assert.equal(await isHooked(`${all} ${code}`), true, code);
  }
  assert.equal(await isHooked(`${all} export * from '../own.mjs';`), true);
  assert.equal(await isHooked('export const version = 1;'), true);
});

test('the packages of these tests are told apart: pg and koa are wrappers, openai is an ES module', () => {
  const found = ['pg', 'koa', 'kafkajs', 'openai'].filter((name) => isModulePackage(packageFolder(name)));
  assert.deepEqual(found, ['openai']);
});

test('a package that cannot be read, or is not there, is no ES module', async (t) => {
  const app = await LibraryApp.create(t);
  await app.write('node_modules/broken/package.json', '{ "type": "module"');
  await app.write('node_modules/empty/package.json', 'null');
  for (const name of ['broken', 'empty', 'absent']) {
    assert.equal(isModulePackage(join(app.folder, 'node_modules', name)), false, name);
  }
});

test('ES modules are found above the app, and where pnpm has what dependencies depend on', async (t) => {
  const app = await LibraryApp.create(t);
  const roots = [join(app.folder, 'packages/shop'), app.folder];
  assert.equal(hasModulePackage(['db', 'queue'], roots), false);
  await app.write('node_modules/db/package.json', '{}');
  assert.equal(hasModulePackage(['db', 'queue'], roots), false);
  await app.write('node_modules/.pnpm/node_modules/queue/package.json', '{ "type": "module" }');
  assert.equal(hasModulePackage(['db', 'queue'], roots), true);
  assert.equal(hasModulePackage(['db'], roots), false);
  await app.write('packages/shop/node_modules/db/package.json', '{ "type": "module" }');
  assert.equal(hasModulePackage(['db'], roots), true);
});

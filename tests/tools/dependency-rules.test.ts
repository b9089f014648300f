import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const repositoryRoot = fileURLToPath(new URL('../../..', import.meta.url));
const script = join(repositoryRoot, 'tools/dependency-rules.mjs');
const trees = mkdtempSync(join(tmpdir(), 'clew-dependency-rules-'));
after(() => rmSync(trees, { recursive: true }));

const entry = { exports: { '.': './dist/index.js' } };

/** Keeps every rule in every form that an import can have. */
const cleanTree: Record<string, string> = {
  'packages/wire/package.json': JSON.stringify({ name: '@clew/wire', ...entry }),
  'packages/wire/src/index.ts': "export * from './native/block.ts';",
  'packages/wire/src/native/block.ts': 'export type Block = Uint8Array;',
  'packages/sdk/package.json': JSON.stringify({
    name: '@clew/sdk',
    peerDependencies: { '@opentelemetry/api': '1' },
    ...entry,
  }),
  'packages/sdk/src/index.ts':
    "import { readFileSync } from 'node:fs';\nexport type { Span } from '@opentelemetry/api';",
  // It is told by the app's packages what to load.
  'packages/sdk/src/instrument/community-import-thread.ts': 'await import(file);',
  'packages/model/package.json': JSON.stringify({ name: '@clew/model', ...entry }),
  'packages/model/src/index.ts': "import type { Block } from '@clew/wire';",
  'packages/server/package.json': JSON.stringify({ name: '@clew/server', dependencies: { pino: '1' }, ...entry }),
  'packages/server/src/index.ts': "export { start } from './main.ts';",
  'packages/server/src/main.ts': "import './store/load.ts';\nimport './serve/routes.ts';\nexport const start = 1;",
  'packages/server/src/config.ts': "import './config/read.ts';\nexport type Config = import('pino').Level;",
  'packages/server/src/config/read.ts': 'export const read = 1;',
  'packages/server/src/store/load.ts':
    "import { type Config } from '../config.ts';\nconst pino = await import('pino');",
  'packages/server/src/serve/routes.ts': "export const text = \"import('@clew/sdk')\"; // import '@clew/sdk'",
  'packages/cli/package.json': JSON.stringify({ name: 'clew' }),
  'packages/cli/src/main.ts': "const { start } = await import('@clew/server');",
};

/** Runs the check, as `npm run check` does, on a tree of these files. */
function runCheck(files: Record<string, string>): { status: number | null; stdout: string; stderr: string } {
  const root = mkdtempSync(join(trees, 'tree-'));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return spawnSync(process.execPath, [script, root], { encoding: 'utf8' });
}

/** Asserts that adding `line` to `file` of the clean tree is refused with a message that names file, line, import and rule. */
function assertRefused(file: string, line: string, specifier: string, rule: RegExp): void {
  const before = cleanTree[file] === undefined ? '' : `${cleanTree[file]}\n`;
  const { status, stderr } = runCheck({ ...cleanTree, [file]: before + line });
  assert.equal(status, 1, `not refused: ${line}`);
  const place = `${file}:${before.split('\n').length} imports ${JSON.stringify(specifier)}: `;
  assert.ok(stderr.startsWith(place), `"${stderr}" does not start with "${place}"`);
  assert.match(stderr, rule);
  assert.match(stderr, /1 of \d+ imports in \d+ files break a rule/);
}

describe('the dependency rules', () => {
  it('hold for a clean tree, and say how much was looked at', () => {
    const { status, stdout, stderr } = runCheck(cleanTree);
    assert.equal(stderr, '');
    assert.equal(status, 0);
    assert.equal(stdout, '13 imports in 12 files keep the rules\n');
  });

  for (const [form, line] of Object.entries({
    'a static import': "import { trace } from '@clew/sdk';",
    'an import for its effects': "import '@clew/sdk';",
    'a type-only import': "import type { Span } from '@clew/sdk';",
    'an inline type import': "type Span = import('@clew/sdk').Span;",
    'export … from': "export { trace } from '@clew/sdk';",
    'export * from': "export * from '@clew/sdk';",
    'an empty export from': "export {} from '@clew/sdk';",
    'a type-only export': "export type { Span } from '@clew/sdk';",
    'import()': "const sdk = await import('@clew/sdk');",
    'import() of a template': 'const sdk = await import(`@clew/sdk`);',
    'import = require()': "import sdk = require('@clew/sdk');",
    'require()': "const sdk = require('@clew/sdk');",
  })) {
    it(`refuse ${form} of a package that is not listed`, () => {
      assertRefused('packages/server/src/serve/routes.ts', line, '@clew/sdk', /server may import @clew\/wire, /);
    });
  }

  it('refuse any package of Clew in wire', () => {
    assertRefused('packages/wire/src/index.ts', "import '@clew/model';", '@clew/model', /no other package of Clew/);
  });

  it('refuse a file of another package that is no public entry', () => {
    const specifier = '@clew/server/dist/config.js';
    assertRefused('packages/cli/src/main.ts', `import '${specifier}';`, specifier, /only the public entries/);
  });

  it('refuse a relative path into another package', () => {
    const specifier = '../../server/src/config.ts';
    assertRefused('packages/cli/src/main.ts', `import '${specifier}';`, specifier, /stays inside packages\/cli/);
  });

  it('refuse modules of Node where code runs in the browser too, with and without node:', () => {
    assertRefused('packages/wire/src/index.ts', "import 'node:fs';", 'node:fs', /no Node module/);
    assertRefused('packages/model/src/index.ts', "import 'fs/promises';", 'fs/promises', /no Node module/);
  });

  it('refuse npm packages in wire, and others than the OpenTelemetry API in sdk', () => {
    assertRefused('packages/wire/src/index.ts', "import 'pino';", 'pino', /wire may import nothing from npm/);
    assertRefused('packages/sdk/src/index.ts', "import 'pino';", 'pino', /sdk may import @opentelemetry\/api from npm/);
  });

  it('refuse a stage that jumps back', () => {
    const specifier = '../serve/routes.ts';
    assertRefused(
      'packages/server/src/store/load.ts',
      `import '${specifier}';`,
      specifier,
      /stage store may import .*, not serve/,
    );
  });

  it('refuse a stage that imports the composition root', () => {
    assertRefused('packages/server/src/store/load.ts', "import '../main.ts';", '../main.ts', /no stage imports it/);
  });

  it('refuse a stage in a file beside the stages, which would lead around the rules', () => {
    assertRefused('packages/server/src/config.ts', "import './store/load.ts';", './store/load.ts', /imports none/);
  });

  it('refuse a folder that is no stage', () => {
    assertRefused('packages/server/src/utils/text.ts', "import '../config.ts';", '../config.ts', /utils is no stage/);
  });

  it('refuse what cannot be resolved', () => {
    const file = 'packages/server/src/serve/routes.ts';
    assertRefused(file, "import './gone.ts';", './gone.ts', /cannot be resolved/);
    assertRefused(file, "import './routes';", './routes', /cannot be resolved/);
    assertRefused(file, "import 'fastify';", 'fastify', /fastify is not in packages\/server\/package.json/);
    assertRefused(file, "import '@clew/traceql';", '@clew/traceql', /there is no packages\/traceql/);
    assertRefused(file, 'const name = "pino"; await import(name);', 'name', /with a literal/);
  });

  it('fail when there are no files to check', () => {
    for (const files of [{}, { 'packages/wire/package.json': '{}' }]) {
      const { status, stderr } = runCheck(files);
      assert.equal(status, 1);
      assert.match(stderr, /no \.ts or \.tsx file/);
    }
  });

  it('fail on a package without rules and on a file that cannot be parsed', () => {
    const stranger = runCheck({ ...cleanTree, 'packages/stranger/package.json': '{}' });
    assert.equal(stranger.status, 1);
    assert.match(stranger.stderr, /packages\/stranger has no rules/);
    const broken = runCheck({ ...cleanTree, 'packages/wire/src/broken.ts': 'import { from' });
    assert.equal(broken.status, 1);
    assert.match(broken.stderr, /broken\.ts cannot be parsed/);
  });
});

describe('the table of rules', () => {
  it('has no circle: no stage reaches itself through the stages that it may import', async () => {
    const { packageRules } = (await import(join(repositoryRoot, 'tools/package-rules.mjs'))) as {
      packageRules: Record<string, { stages: Record<string, readonly string[]> }>;
    };
    assert.ok(Object.keys(packageRules).length >= 6);
    for (const [name, { stages }] of Object.entries(packageRules)) {
      const visit = (stage: string, path: readonly string[]): void => {
        assert.ok(!path.includes(stage), `${name}: ${[...path, stage].join(' -> ')}`);
        assert.ok(stages[stage] !== undefined, `${name}: ${stage} is listed and is no stage`);
        for (const next of stages[stage]) visit(next, [...path, stage]);
      };
      for (const stage of Object.keys(stages)) visit(stage, []);
    }
  });
});

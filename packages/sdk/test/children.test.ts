import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { pinArguments, pinNodeOptions } from '#src/child-options.js';
import { OtlpSink } from './otlp-sink.js';
import { casesFolder, runNode } from './run-app.js';

const program = join(casesFolder, 'fork-cwd.mjs');
const waysToRegister: readonly { readonly args?: string[]; readonly env?: Record<string, string> }[] = [
  { args: ['--import', '@clew/sdk/register'] },
  { args: ['--import=@clew/sdk/register'] },
  { args: ['--require', '@clew/sdk/register'] },
  { args: ['-r', '@clew/sdk/register'] },
  { env: { NODE_OPTIONS: '--import @clew/sdk/register' } },
  { env: { NODE_OPTIONS: '--no-warnings --require=@clew/sdk/register --stack-trace-limit=20' } },
  { env: { NODE_OPTIONS: '"--import=@clew/sdk/register"' } },
];

for (const { args = [], env = {} } of waysToRegister) {
  test(`a child in another directory runs and is traced: ${[...args, ...Object.values(env)].join(' ')}`, async (t) => {
    const sink = await OtlpSink.start();
    t.after(() => sink.close());
    const app = runNode(
      t,
      [...args, program],
      { OTEL_EXPORTER_OTLP_ENDPOINT: sink.endpoint, ...env },
      join(import.meta.dirname, '..'),
    );
    assert.deepEqual(await app.exit(), { code: 0, signal: null });
    assert.equal(app.stdout, 'CHILD RAN\nCHILD EXIT 0\n', app.stderr);
    assert.deepEqual(
      sink.spans.map(({ name }) => name),
      ['in the child'],
    );
  });
}

const files = { path: '/a b/"c\\d/register.cjs', url: 'file:///a%20b/%22c%5Cd/register.js' };

test('only the name of the SDK is replaced in the options of Node, wherever it stands', () => {
  assert.deepEqual(pinArguments(['-r', 'x', '--import', '@clew/sdk/register', '--require=@clew/sdk/register'], files), [
    '-r',
    'x',
    '--import',
    files.url,
    `--require=${files.path}`,
  ]);
  for (const args of [
    ['--import', '@clew/sdk/register/x'],
    ['@clew/sdk/register'],
    ['--title', '@clew/sdk/register'],
  ]) {
    assert.deepEqual(pinArguments(args, files), args);
  }
  for (const options of [
    '',
    '--title=@clew/sdk/register',
    '--import @clew/sdk/register2',
    '--import "x @clew/sdk/register"',
  ]) {
    assert.equal(pinNodeOptions(options, files), options);
  }
});

test('a path with spaces, quotes and backslashes is quoted as Node reads NODE_OPTIONS', () => {
  const { NODE_OPTIONS: _, ...env } = process.env;
  for (const form of ['--require @clew/sdk/register', '-r "@clew/sdk/register"', '"--require=@clew/sdk/register"']) {
    const options = pinNodeOptions(`--no-warnings ${form}`, files);
    const { stderr } = spawnSync(process.execPath, ['--eval', ''], {
      env: { ...env, NODE_OPTIONS: options },
      encoding: 'utf8',
    });
    // Node names the file that it looks for.
    assert.ok(stderr.includes(`Cannot find module '${files.path}'`), `${options}: ${stderr}`);
  }
});

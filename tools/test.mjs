// npm test [-- NAMES] [-- --no-check]: the checks, then every test, the ones in a browser included.
//
// NAMES choose packages or folders of tests (`npm test -- wire e2e`); a choice of tests runs no checks.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { check } from './check.mjs';
import { ensureChromium } from './chromium.mjs';
import { ensureConformanceClients } from './conformance-clients.mjs';
import { ensureNodeVersions } from './node-versions.mjs';
import { prepare } from './prepare.mjs';
import { runCommand, runProcess } from './processes.mjs';
import { repositoryRoot } from './repository.mjs';
import { ensureTestServers } from './test-servers.mjs';

const help = `npm test [-- NAMES] [-- --no-check]

  NAMES        packages or folders of tests, such as "wire", "server", "e2e"; none: all of them, and the checks first
  --no-check   leaves out format, lint, types, dependency rules and dead code`;

// For a file, too: the longest take two and a half minutes with nothing beside them. What hangs must fail in CI's time.
const testTimeoutMs = 300_000;

// The SDK's whole suite on one version of Node, beside that on another.
const suiteTimeoutMs = 1_020_000;

/**
 * The tests in their compiled form, found by their sources: what a removed test left behind in a build never runs.
 *
 * @returns {{ name: string, file: string }[]} The name is the package, or the folder of `tests/`.
 */
function listTests() {
  const tests = [];
  const packages = readdirSync(join(repositoryRoot, 'packages')).sort();
  for (const project of [...packages.map((name) => `packages/${name}/test`), 'tests']) {
    const folder = join(repositoryRoot, project);
    if (!existsSync(join(folder, 'tsconfig.json'))) continue;
    const { outDir } = JSON.parse(readFileSync(join(folder, 'tsconfig.json'), 'utf8')).compilerOptions;
    const sources = readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((source) => /\.test\.tsx?$/.test(source) && !source.includes('node_modules'))
      .sort();
    for (const source of sources) {
      const [first = ''] = source.split('/');
      const name = project === 'tests' ? first : (project.split('/')[1] ?? '');
      tests.push({ name, file: relative(repositoryRoot, join(folder, outDir, source.replace(/\.tsx?$/, '.js'))) });
    }
  }
  return tests;
}

/**
 * @param {{ file: string }[]} tests @param {number} timeoutMs for each file. @param {NodeJS.ProcessEnv} env
 * @returns {Promise<number>} The exit code.
 */
async function runTests(tests, timeoutMs, env) {
  if (tests.length === 0) return 0;
  return runProcess(
    process.execPath,
    [
      '--test',
      '--enable-source-maps',
      '--test-concurrency=2',
      `--test-timeout=${timeoutMs}`,
      '--test-reporter=spec',
      '--test-reporter-destination=stdout',
      ...tests.map(({ file }) => file),
    ],
    { env },
  );
}

await runCommand(async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { 'no-check': { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
  });
  if (values.help) {
    console.log(help);
    return 0;
  }
  const all = listTests();
  const names = new Set(all.map(({ name }) => name));
  const unknown = positionals.find((name) => !names.has(name));
  if (unknown !== undefined) throw new Error(`there are no tests of "${unknown}": take ${[...names].join(', ')}`);
  const chosen = positionals.length === 0 ? all : all.filter(({ name }) => positionals.includes(name));

  await prepare();
  const checked = values['no-check'] || positionals.length > 0 || (await check());
  if (chosen.some(({ name }) => name === 'node-versions')) await ensureNodeVersions();
  const chromium = await ensureChromium();
  const needsServers = chosen.some(({ name }) => name === 'sdk' || name === 'node-versions');
  const servers = needsServers ? await ensureTestServers() : {};
  const clients = chosen.some(({ name }) => name === 'conformance') ? await ensureConformanceClients() : {};
  console.log(`\nRunning ${chosen.length} files of tests; the browser is ${chromium}\n`);
  // A whole suite on another Node is one test.
  const suites = chosen.filter(({ name }) => name === 'node-versions');
  const others = chosen.filter(({ name }) => name !== 'node-versions');
  const env = { CLEW_CHROMIUM: chromium, ...servers, ...clients };
  const codes = [await runTests(others, testTimeoutMs, env), await runTests(suites, suiteTimeoutMs, env)];
  const code = codes.find((each) => each !== 0) ?? 0;
  if (!checked) console.error('\nThe checks before the tests failed: run npm run check.');
  return checked ? code : 1;
});

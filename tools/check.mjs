// npm run check: format and lint, types, dependency rules, lock files, dead code, what the published packages contain.
// Runs all of it, and fails at the end when any part failed.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { prepare } from './prepare.mjs';
import { runCommand, runProcess } from './processes.mjs';
import { repositoryRoot } from './repository.mjs';

/**
 * Runs every check. The dependencies must be installed; the check of types is what builds the packages.
 *
 * @returns {Promise<boolean>} Whether all passed.
 */
export async function check() {
  const modules = join(repositoryRoot, 'node_modules');
  // Biome colours its output even into a file.
  const colors = process.stdout.isTTY ? 'force' : 'off';
  /** @type {[name: string, script: string, ...args: string[]][]} */
  const steps = [
    [
      'format and lint (biome)',
      join(modules, '@biomejs/biome/bin/biome'),
      'ci',
      '--error-on-warnings',
      `--colors=${colors}`,
    ],
    ['types (tsc)', join(modules, 'typescript/bin/tsc'), '-b'],
    ['types of tools (tsc)', join(modules, 'typescript/bin/tsc'), '-p', 'tools'],
    ['dependency rules', 'tools/dependency-rules.mjs'],
    ['hashes in the lock files', 'tools/lock-files.mjs'],
    ['dead code, unlisted dependencies (knip)', join(modules, 'knip/bin/knip.js'), '--no-progress'],
  ];
  for (const name of listPublishedPackages()) {
    steps.push([
      `contents of packages/${name} (publint)`,
      join(modules, 'publint/src/cli.js'),
      `packages/${name}`,
      '--strict',
    ]);
  }
  /** @type {string[]} */
  const failed = [];
  for (const [name, ...command] of steps) {
    console.log(`\n── ${name}`);
    const startMs = performance.now();
    const code = await runProcess(process.execPath, command);
    const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
    console.log(code === 0 ? `   passed in ${seconds} s` : `   FAILED in ${seconds} s`);
    if (code !== 0) failed.push(name);
  }
  console.log(failed.length === 0 ? `\nAll ${steps.length} checks passed.` : `\nFailed: ${failed.join('; ')}.`);
  return failed.length === 0;
}

function listPublishedPackages() {
  return readdirSync(join(repositoryRoot, 'packages'))
    .sort()
    .filter((name) => {
      const manifest = JSON.parse(readFileSync(join(repositoryRoot, 'packages', name, 'package.json'), 'utf8'));
      return manifest.private !== true;
    });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await runCommand(async () => {
    await prepare({ build: false });
    return (await check()) ? 0 : 1;
  });
}

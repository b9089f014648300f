// The other versions of Node that the SDK's tests run on, from npm, in a folder of their own: a package among the
// workspaces whose command is called `node` would take the place of the Node that runs everything.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startProcess } from './processes.mjs';
import { repositoryRoot } from './repository.mjs';

const home = join(repositoryRoot, 'tests', 'node-versions');

/**
 * Installs what is missing, where there are binaries: on Linux with x64. Elsewhere the tests say that they are skipped.
 *
 * @throws {Error} When npm cannot install them.
 */
export async function ensureNodeVersions() {
  if (process.platform !== 'linux' || process.arch !== 'x64') return;
  const { dependencies } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8'));
  const names = Object.keys(dependencies);
  if (names.every((name) => existsSync(join(home, 'node_modules', name, 'bin', 'node')))) return;
  console.log(`Installing ${names.join(', ')} for the tests of the SDK on each of them (npm) …`);
  let output = '';
  const npm = startProcess('npm', ['ci', '--no-audit', '--no-fund', '--prefix', home], {
    onOutput: (chunk) => {
      output += chunk;
    },
  });
  const code = await npm.exited;
  await npm.stop();
  if (code !== 0) throw new Error(`npm ci in tests/node-versions failed:\n${output}`);
}

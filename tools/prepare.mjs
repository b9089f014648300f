// What every command needs first: a Node that is new enough, the dependencies, and the built packages. Each step is
// skipped when its result is there already, so that a second run costs about a second.

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { runProcess } from './processes.mjs';
import { repositoryRoot } from './repository.mjs';

const oldestNode = /** @type {const} */ ([20, 19]);

/**
 * Installs and builds what is missing or out of date.
 *
 * @param {{ install?: boolean, build?: boolean }} [options] `install: false` leaves node_modules as it is, `build: false`
 *   the built packages.
 * @throws {Error} With the next step, when Node is too old, or a step fails.
 */
export async function prepare({ install = true, build = true } = {}) {
  checkNodeVersion(process.versions.node);
  if (install && !isInstalled(repositoryRoot)) await installDependencies();
  if (!build) return;
  await compile();
  await bundleSdk();
  await bundleWeb();
}

/** @param {string} version As `process.versions.node`. @throws {Error} When it is older than Clew runs on. */
function checkNodeVersion(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > oldestNode[0] || (major === oldestNode[0] && minor >= oldestNode[1])) return;
  throw new Error(
    `Node ${version} is too old: Clew needs Node ${oldestNode.join('.')} or newer, see https://nodejs.org`,
  );
}

/**
 * Whether node_modules holds what package-lock.json asks for. Contents are compared, not file times: a branch switch
 * touches the lock file without changing what is needed.
 *
 * @param {string} root
 */
function isInstalled(root) {
  const installedFile = join(root, 'node_modules/.package-lock.json');
  if (!existsSync(installedFile)) return false;
  /** @typedef {Record<string, { version?: string, optional?: boolean, devOptional?: boolean, peer?: boolean, link?: boolean }>} LockedPackages */
  /** @type {LockedPackages} */
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  /** @type {LockedPackages} */
  const installed = JSON.parse(readFileSync(installedFile, 'utf8')).packages;
  return Object.entries(wanted).every(([path, { version, optional, devOptional, peer }]) => {
    // The root, the workspaces themselves, and what npm may leave out on this platform.
    if (!path.includes('node_modules/') || optional || devOptional || peer) return true;
    return installed[path] !== undefined && installed[path].version === version;
  });
}

/**
 * What package-lock.json asks for, without a change to it. `npm ci` would do the same, but it refuses a lock file that
 * lacks the optional packages of other platforms, and mirrors of the registry often do not carry those.
 */
async function installDependencies() {
  console.log('Installing the dependencies (npm install) …');
  const args = ['install', '--no-save', '--include=dev', '--no-audit', '--no-fund'];
  // npm tells its scripts where it is; a bare `node tools/…` finds it on the PATH.
  const npmScript = process.env.npm_execpath;
  const code = npmScript ? await runProcess(process.execPath, [npmScript, ...args]) : await runProcess('npm', args);
  if (code !== 0) {
    throw new Error('npm install failed: see above. It needs the npm registry, or a mirror that your .npmrc names.');
  }
}

/** @throws {Error} When TypeScript reports an error. */
async function compile() {
  const compiler = join(repositoryRoot, 'node_modules/typescript/bin/tsc');
  if (!existsSync(compiler))
    throw new Error('the dependencies are not installed: leave out --no-install, or run npm install');
  const code = await runProcess(process.execPath, [compiler, '-b']);
  if (code !== 0) throw new Error('the packages do not compile: see the errors above');
}

/** @throws {Error} When the bundler fails. */
async function bundleSdk() {
  const result = join(repositoryRoot, 'packages/sdk/bundle/register.js');
  const inputs = ['packages/sdk/src', 'packages/wire/src', 'packages/sdk/package.json', 'tools/bundle-sdk.mjs'];
  if (isNewerThan(result, inputs)) return;
  console.log('Bundling the SDK …');
  const code = await runProcess(process.execPath, [join(repositoryRoot, 'tools/bundle-sdk.mjs')]);
  if (code !== 0) throw new Error('the SDK cannot be bundled: see the errors above');
}

/** @throws {Error} When the bundler fails. */
async function bundleWeb() {
  const web = join(repositoryRoot, 'packages/web');
  const inputs = ['packages/web', 'packages/model/src', 'packages/wire/src', 'package-lock.json'];
  if (isNewerThan(join(web, 'dist/index.html'), inputs)) return;
  console.log('Bundling the web UI …');
  const bundler = join(repositoryRoot, 'node_modules/vite/bin/vite.js');
  const code = await runProcess(process.execPath, [bundler, 'build', '--logLevel', 'warn', web]);
  if (code !== 0) throw new Error('the web UI does not build: see the errors above');
}

/**
 * Whether a build's result is newer than all of its sources.
 *
 * @param {string} result @param {string[]} inputs Relative to the repository.
 */
function isNewerThan(result, inputs) {
  const builtAt = existsSync(result) ? statSync(result).mtimeMs : 0;
  return inputs.every((path) => newestChange(join(repositoryRoot, path)) < builtAt);
}

/**
 * When the newest source of a folder was changed, in milliseconds since the epoch; results of builds and tests do not
 * count. A folder that is not there counts as never changed.
 *
 * @param {string} path @returns {number}
 */
function newestChange(path) {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return 0;
  if (!stat.isDirectory()) return stat.mtimeMs;
  const names = readdirSync(path).filter(
    (name) => !['node_modules', 'dist', 'dist-test', 'build', 'test'].includes(name),
  );
  // The folder's own time tells of files that were removed, except where builds and tests write beside the sources.
  const own = names.includes('package.json') ? 0 : stat.mtimeMs;
  return Math.max(own, ...names.map((name) => newestChange(join(path, name))));
}

// Whether every package that npm installs here is pinned by the hash of its contents. Without `integrity`, npm takes
// whatever the registry sends under a name and version.
//
// node tools/lock-files.mjs [ROOT]

import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { repositoryRoot } from './repository.mjs';

/** @typedef {{ link?: boolean, inBundle?: boolean, integrity?: string, resolved?: string }} LockedPackage */

/**
 * @param {string} folder
 * @returns {string[]} Absolute paths of the lock files below it, without those of installed packages.
 */
function findLockFiles(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return ['node_modules', '.git'].includes(entry.name) ? [] : findLockFiles(path);
    return /^(package-lock|npm-shrinkwrap)\.json$/.test(entry.name) ? [path] : [];
  });
}

/**
 * @param {string} file
 * @returns {string[]} What is wrong with it, one sentence for each entry.
 */
function checkLockFile(file) {
  /** @type {Record<string, LockedPackage>} */
  const packages = JSON.parse(readFileSync(file, 'utf8')).packages ?? {};
  // Workspaces are in the repository; a bundled package is part of the package that bundles it, and of its hash.
  const installed = Object.entries(packages).filter(
    ([path, { link, inBundle }]) => path.includes('node_modules/') && !link && !inBundle,
  );
  return installed.flatMap(([path, { integrity, resolved }]) => [
    ...(integrity === undefined ? [`${path} has no "integrity"`] : []),
    ...(integrity !== undefined && !integrity.startsWith('sha512-')
      ? [`${path} has the "integrity" "${integrity}": it must be a sha512`]
      : []),
    // An address would name one registry for everybody, and a mirror could not be used.
    ...(resolved === undefined ? [] : [`${path} has a "resolved" address`]),
  ]);
}

const root = process.argv[2] ?? repositoryRoot;
const files = findLockFiles(root);
const faults = files.flatMap((file) => checkLockFile(file).map((fault) => `${relative(root, file)}: ${fault}`));
if (files.length === 0) faults.push(`no package-lock.json below ${root}`);
for (const fault of faults) console.error(fault);
if (faults.length > 0) {
  console.error(
    '\nInstall each of these packages again with "npm install NAME@VERSION", from a registry that gives "integrity" (see ' +
      '"npm view NAME@VERSION dist.integrity") and with omit-lockfile-registry-resolved=true in your .npmrc.',
  );
  process.exitCode = 1;
}

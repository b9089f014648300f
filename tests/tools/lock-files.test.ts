import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const repositoryRoot = fileURLToPath(new URL('../../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'clew-lock-files-'));
after(() => rmSync(folder, { recursive: true }));

const good = { version: '1.0.0', integrity: 'sha512-AAAA' };

/** Runs the check, as `npm run check` does, on a folder whose lock file in `place` has these entries. */
function checkLockFile(packages: Record<string, object>, place = '.') {
  const root = mkdtempSync(join(folder, 'root-'));
  mkdirSync(join(root, place), { recursive: true });
  writeFileSync(join(root, place, 'package-lock.json'), JSON.stringify({ lockfileVersion: 3, packages }));
  return spawnSync(process.execPath, [join(repositoryRoot, 'tools/lock-files.mjs'), root], { encoding: 'utf8' });
}

describe('the check of lock files', () => {
  it('accepts packages with a sha512, workspaces, links to them, and what a package brings with it', () => {
    const packages = {
      '': {},
      'packages/wire': { version: '0.1.0' },
      'node_modules/@clew/wire': { resolved: 'packages/wire', link: true },
      'node_modules/a': good,
      'node_modules/a/node_modules/b': { version: '2.0.0', inBundle: true },
    };
    const { status, stderr } = checkLockFile(packages);
    assert.equal(stderr, '');
    assert.equal(status, 0);
  });

  for (const [what, entry, message] of [
    ['without a hash', { version: '1.0.0' }, /node_modules\/bad has no "integrity"/],
    ['with a sha1', { ...good, integrity: 'sha1-AAAA' }, /node_modules\/bad has the "integrity" "sha1-AAAA"/],
    ['with an address', { ...good, resolved: 'https://example.com/bad.tgz' }, /node_modules\/bad has a "resolved"/],
  ] as const) {
    it(`refuses a package ${what}, names it, and says what to do`, () => {
      const { status, stderr } = checkLockFile({ 'node_modules/a': good, 'node_modules/bad': entry });
      assert.equal(status, 1);
      assert.match(stderr, message);
      assert.match(stderr, /npm install NAME@VERSION/);
      assert.doesNotMatch(stderr, /node_modules\/a /);
    });
  }

  it('finds lock files in folders, and names the one that is wrong', () => {
    const { status, stderr } = checkLockFile({ 'node_modules/bad': { version: '1.0.0' } }, 'tests/other');
    assert.equal(status, 1);
    assert.match(stderr, /^tests\/other\/package-lock\.json: node_modules\/bad/);
  });

  it('fails when there is no lock file to look at', () => {
    const root = mkdtempSync(join(folder, 'empty-'));
    const { status } = spawnSync(process.execPath, [join(repositoryRoot, 'tools/lock-files.mjs'), root]);
    assert.equal(status, 1);
  });
});

import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { chooseSocketPath } from '#src/engine/socket-path.js';

let dataDir: string;
let directory: string;

beforeEach(() => {
  dataDir = join(mkdtempSync(join(tmpdir(), 'clew-test-')), 'd'.repeat(100));
  directory = dirname(chooseSocketPath(dataDir));
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
  rmSync(dirname(dataDir), { recursive: true });
});

describe('the socket of the engine', () => {
  test('is in the data directory as long as its path fits, to the byte', () => {
    const fits = `/${'d'.repeat(103 - '/engine.sock'.length - 1)}`;
    assert.equal(chooseSocketPath(fits), join(fits, 'engine.sock'));
    assert.equal(Buffer.byteLength(chooseSocketPath(fits)), 103);
    const longer = chooseSocketPath(`${fits}d`);
    assert.ok(longer.startsWith(join(tmpdir(), 'clew-')));
    rmSync(dirname(longer), { recursive: true });
  });

  test('is otherwise always the same, in a directory that is open to its user alone', () => {
    assert.equal(chooseSocketPath(dataDir), join(directory, 'engine.sock'));
    assert.equal(statSync(directory).mode & 0o777, 0o700);
  });

  test('is refused where others may write, or have put something else', () => {
    for (const mode of [0o701, 0o710, 0o777]) {
      chmodSync(directory, mode);
      assert.throws(() => chooseSocketPath(dataDir), {
        code: 'CLEW_DATA_DIR_UNUSABLE',
        message: new RegExp(`clew-[0-9a-f]{16}.*mode ${mode.toString(8)}, must be 700`),
      });
    }
    rmSync(directory, { recursive: true });
    writeFileSync(directory, '');
    assert.throws(() => chooseSocketPath(dataDir), /is not a directory/);
    rmSync(directory);
    const target = `${dataDir}-target`;
    mkdirSync(target, { mode: 0o700 });
    symlinkSync(target, directory);
    assert.throws(() => chooseSocketPath(dataDir), /is not a directory/);
  });
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatBytes, parseBytes } from '@clew/model';

for (const [text, bytes] of [
  ['0', 0],
  ['1073741824', 1_073_741_824],
  ['500 MB', 500e6],
  ['1.5KiB', 1_536],
  ['50GiB', 50 * 2 ** 30],
  ['9007199254740991', Number.MAX_SAFE_INTEGER],
  ['9007199254740992', undefined],
  ['1KB', undefined],
  ['-1', undefined],
  ['GiB', undefined],
] as const) {
  test(`${text} is ${bytes} bytes`, () => assert.equal(parseBytes(text), bytes));
}

for (const [bytes, text] of [
  [0, '0 B'],
  [44.26, '44.3 B'],
  [1_023, '1023 B'],
  [1_024, '1 KiB'],
  [1_536, '1.5 KiB'],
  [99.94 * 2 ** 20, '99.9 MiB'],
  [100.4 * 2 ** 20, '100 MiB'],
  [2 ** 60, '1048576 TiB'],
] as const) {
  test(`${bytes} bytes are written ${text}`, () => assert.equal(formatBytes(bytes), text));
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRandomness, readOtelSubkey, writeOtelSubkey } from '@clew/wire';
import fc from 'fast-check';

test('a sub-key is found by its whole name', () => {
  assert.equal(readOtelSubkey('th:c;rv:0123456789abcd', 'th'), 'c');
  assert.equal(readOtelSubkey('th:c;rv:0123456789abcd', 'rv'), '0123456789abcd');
  assert.equal(readOtelSubkey('xth:c;thx:d;th', 'th'), undefined);
  assert.equal(readOtelSubkey('th:', 'th'), '');
  assert.equal(readOtelSubkey('', 'th'), undefined);
  assert.equal(readOtelSubkey(undefined, 'th'), undefined);
});

test('a sub-key is set once and the others stay; the last one that goes leaves nothing', () => {
  assert.equal(writeOtelSubkey(undefined, 'th', 'c'), 'th:c');
  assert.equal(writeOtelSubkey('th:8;rv:0123456789abcd;a:1', 'th', 'c'), 'th:c;rv:0123456789abcd;a:1');
  assert.equal(writeOtelSubkey('rv:0123456789abcd;th:8;th:9', 'th', undefined), 'rv:0123456789abcd');
  assert.equal(writeOtelSubkey('th:8', 'th', undefined), undefined);
  assert.equal(writeOtelSubkey(undefined, 'th', undefined), undefined);
});

test('256 characters are set; beyond, the sub-key is left out and the old one is gone', () => {
  const fits = `a:${'x'.repeat(249)}`;
  assert.equal(writeOtelSubkey(fits, 'th', 'c')?.length, 256);
  assert.equal(writeOtelSubkey(`${fits}x`, 'th', 'c'), `${fits}x`);
  assert.equal(writeOtelSubkey(`${fits};th:8`, 'th', 'cc'), fits);
});

test('a randomness value is exactly 14 lower-case hex digits', () => {
  assert.deepEqual(parseRandomness('0123456789abcd'), { high: 0x012345, low: 0x6789abcd });
  assert.deepEqual(parseRandomness('ffffffffffffff'), { high: 0xffffff, low: 0xffffffff });
  for (const rv of ['0123456789abc', '0123456789abcde', '0123456789ABCD', '0123456789abcg', '', undefined]) {
    assert.equal(parseRandomness(rv), undefined);
  }
});

test('what is set is read back, whatever stood there before', () => {
  const before = fc.option(fc.string({ unit: fc.constantFrom(...'thrv:;a1') }), { nil: undefined });
  fc.assert(
    fc.property(before, (value) => {
      assert.equal(readOtelSubkey(writeOtelSubkey(value, 'th', 'fd70a4'), 'th'), 'fd70a4');
      assert.equal(readOtelSubkey(writeOtelSubkey(value, 'th', undefined), 'th'), undefined);
    }),
  );
});

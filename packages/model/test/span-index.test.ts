import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildSpanIndex } from '#src/span-index.js';

/** Ids that all want the same slot, as whoever knows the hash can choose them. */
function collidingIds(count: number): { high: Uint32Array; low: Uint32Array } {
  const low = Uint32Array.from({ length: count }, (_, i) => i + 1);
  // 0x0e8b2f51 undoes the multiplication by 0x9e3779b1.
  const high = low.map((word) => Math.imul(Math.imul(word, 0x85ebca6b), 0x0e8b2f51) ^ (word >>> 16));
  return { high, low };
}

/** The same array, with a count of what is read from it. */
function countReads(array: Uint32Array): { counted: Uint32Array; reads: () => number } {
  let reads = 0;
  const counted = new Proxy(array, {
    get(target, property) {
      reads++;
      return Reflect.get(target, property, target) as unknown;
    },
  });
  return { counted, reads: () => reads };
}

test('ids that collide are found, each at its first row, and one that is absent is not', () => {
  const { high, low } = collidingIds(1_000);
  const index = buildSpanIndex(Uint32Array.of(...high, ...high), Uint32Array.of(...low, ...low));
  for (let row = 0; row < 1_000; row++) assert.equal(index.rowOf(high[row]!, low[row]!), row);
  const { high: others, low: otherLows } = collidingIds(1_001);
  assert.equal(index.rowOf(others[1_000]!, otherLows[1_000]!), -1);
});

test('40,000 ids that collide take no more than a constant number of comparisons each', () => {
  const { high, low } = collidingIds(40_000);
  const { counted, reads } = countReads(high);
  const index = buildSpanIndex(counted, low);
  for (let row = 0; row < 40_000; row++) index.rowOf(high[row]!, low[row]!);
  assert.ok(reads() < 40_000 * 100, `${reads()} reads`);
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LowCardinalityColumnWriter } from '@clew/wire';
import { namesWithHash, namesWithLowBitsZero, ordinaryNames } from './colliding-keys.ts';

const collisions = [
  ['that have one hash', (count: number) => namesWithHash(0x1234_5678, count)],
  ['that want the same slot', namesWithLowBitsZero],
] as const;

describe('the dictionary of a LowCardinality column', () => {
  for (const [what, makeNames] of collisions) {
    it(`tells 1,000 names ${what} apart, while it grows and after clear`, () => {
      const column = new LowCardinalityColumnWriter();
      const numbers = Array.from({ length: 1_000 }, (_, i) => i);
      const numbersOf = () => makeNames(1_000).map((name) => column.keyOf(name, 0, name.length));
      for (let round = 0; round < 2; round++) {
        assert.deepEqual(numbersOf(), numbers);
        assert.deepEqual(numbersOf(), numbers);
        column.clear();
      }
    });

    it(`spends on 40,000 names ${what} a small multiple of what ordinary names take`, () => {
      const costOf = (names: readonly Uint8Array[]): number => {
        const column = new LowCardinalityColumnWriter();
        const { user } = process.cpuUsage();
        for (const name of names) column.append(name, 0, name.length);
        return process.cpuUsage().user - user;
      };
      const ordinary = ordinaryNames(40_000);
      const colliding = makeNames(40_000);
      for (const names of [ordinary, colliding]) costOf(names.slice(0, 2_000));
      const ordinaryCost = Math.max(costOf(ordinary), 1_000);
      // Comparing each name with all before it takes thousands of times as long as an ordinary search.
      assert.ok(costOf(colliding) < 200 * ordinaryCost);
    });
  }
});

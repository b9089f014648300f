import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildTree, parentInCycle } from '@clew/model';
import fc from 'fast-check';

const build = (...parents: number[]) => buildTree(Int32Array.from(parents), new Uint8Array(parents.length));

test('the order is parents before children, children by row', () => {
  //        0
  //      1   2
  //     3 4
  const tree = build(-1, 0, 0, 1, 1);
  assert.deepEqual([...tree.order], [0, 1, 3, 4, 2]);
  assert.deepEqual([...tree.depth], [0, 1, 1, 2, 2]);
  assert.deepEqual([...tree.subtreeSize], [5, 3, 1, 1, 1]);
  assert.deepEqual([...tree.childCount], [2, 2, 0, 0, 0]);
  assert.deepEqual([...tree.siblingIndex], [0, 0, 1, 0, 1]);
});

test('several roots are siblings of one another', () => {
  const tree = build(-1, 0, -1);
  assert.equal(tree.rootCount, 2);
  assert.deepEqual([...tree.order], [0, 1, 2]);
  assert.deepEqual([...tree.siblingIndex], [0, 0, 1]);
});

test('a circle is cut at its earliest row; what hangs on it stays', () => {
  const tree = build(-1, 3, 1, 2, 3);
  assert.deepEqual([...tree.parent], [-1, -1, 1, 2, 3]);
  assert.equal(tree.parentState[1], parentInCycle);
  assert.deepEqual([...tree.order], [0, 1, 2, 3, 4]);
});

test('a chain of 100,000 spans does not overflow the stack', () => {
  const tree = buildTree(
    Int32Array.from({ length: 100_000 }, (_, row) => row - 1),
    new Uint8Array(100_000),
  );
  assert.equal(tree.depth[99_999], 99_999);
  assert.equal(tree.subtreeSize[0], 100_000);
});

test('whatever the parents are, every row is in the order once and directly inside its parent', () => {
  fc.assert(
    fc.property(
      fc
        .integer({ min: 1, max: 40 })
        .chain((count) => fc.array(fc.integer({ min: -1, max: count - 1 }), { minLength: count, maxLength: count })),
      (parents) => {
        const tree = build(...parents);
        assert.deepEqual(
          [...tree.order].sort((a, b) => a - b),
          parents.map((_, row) => row),
        );
        for (let row = 0; row < parents.length; row++) {
          const up = tree.parent[row]!;
          assert.equal(tree.order[tree.place[row]!], row);
          if (up === -1) assert.equal(tree.depth[row], 0);
          else {
            assert.equal(up, parents[row]);
            assert.equal(tree.depth[row], tree.depth[up]! + 1);
            const offset = tree.place[row]! - tree.place[up]!;
            assert.ok(offset > 0 && offset < tree.subtreeSize[up]!);
          }
        }
      },
    ),
  );
});

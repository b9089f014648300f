import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildTree } from '@clew/model';
import { listVisibleRows, revealRow, toggleRow } from '#src/table/visible-rows.js';

//   0
//   ├ 1
//   │ ├ 3
//   │ └ 4
//   └ 2
const tree = buildTree(Int32Array.of(-1, 0, 0, 1, 1), new Uint8Array(5));

test('all rows are listed in the order of the tree', () => {
  const { rows, placeOf } = listVisibleRows(tree, new Set());
  assert.deepEqual([...rows], [0, 1, 3, 4, 2]);
  assert.deepEqual([...placeOf], [0, 1, 4, 2, 3]);
});

test('rows below a collapsed one are left out', () => {
  const { rows, placeOf } = listVisibleRows(tree, new Set([1]));
  assert.deepEqual([...rows], [0, 1, 2]);
  assert.equal(placeOf[3], -1);
});

test('a row is revealed by expanding what is above it, and nothing else', () => {
  assert.deepEqual([...revealRow(tree, new Set([0, 1, 2]), 3)], [2]);
  const untouched = new Set([1]);
  assert.equal(revealRow(tree, untouched, 1), untouched);
});

test('a row is toggled, one without children is not', () => {
  assert.deepEqual([...toggleRow(tree, new Set(), 1)], [1]);
  assert.deepEqual([...toggleRow(tree, new Set([1]), 1)], []);
  const none = new Set<number>();
  assert.equal(toggleRow(tree, none, 4), none);
});

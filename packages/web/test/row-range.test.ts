import assert from 'node:assert/strict';
import { test } from 'node:test';
import { contentHeight, maxContentPx, rangeInView, rowHeightPx, scrollTopToShow } from '#src/layout/row-range.js';

test('rows that are partly in view belong to the range', () => {
  assert.deepEqual(rangeInView(0, 48, 100), { first: 0, end: 2, offsetPx: 0 });
  assert.deepEqual(rangeInView(23, 48, 100), { first: 0, end: 3, offsetPx: -23 });
  assert.deepEqual(rangeInView(24, 48, 100), { first: 1, end: 3, offsetPx: 0 });
});

test('the range ends with the rows', () => {
  assert.equal(rangeInView(0, 500, 3).end, 3);
  assert.deepEqual(rangeInView(0, 500, 0), { first: 0, end: 0, offsetPx: 0 });
});

test('a row in view is not scrolled to, one next to it by as much as needed, a far one into the middle', () => {
  assert.equal(scrollTopToShow(5, 100, 240, 1_000), 100);
  assert.equal(scrollTopToShow(10, 0, 240, 1_000), rowHeightPx);
  assert.equal(scrollTopToShow(9, 240, 240, 1_000), 216);
  assert.equal(scrollTopToShow(500, 0, 240, 1_000), 500 * rowHeightPx - (240 - rowHeightPx) / 2);
});

test('the last row can be shown, and nothing is scrolled beyond it', () => {
  const top = scrollTopToShow(999, 0, 240, 1_000);
  assert.equal(top, 1_000 * rowHeightPx - 240);
  assert.equal(rangeInView(top, 240, 1_000).end, 1_000);
});

test('a list taller than an element may be is scrolled to its last row all the same', () => {
  const last = maxContentPx / rowHeightPx;
  assert.equal(contentHeight(last), maxContentPx);
  const rowCount = 5_000_000;
  assert.equal(contentHeight(rowCount), maxContentPx);
  assert.equal(rangeInView(maxContentPx - 600, 600, rowCount).end, rowCount);
  for (const index of [0, 1_234_567, rowCount - 1]) {
    const { first, end } = rangeInView(scrollTopToShow(index, 0, 600, rowCount), 600, rowCount);
    assert.ok(index >= first && index < end, `row ${index} in ${first} to ${end}`);
  }
});

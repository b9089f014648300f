import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rowOfSpan, tableFromNative } from '@clew/model';
import { listVisibleRows } from '#src/table/visible-rows.js';
import { neighbourRow, nextMatch, reduceTrace, stateOf } from '#src/views/trace/trace-state.js';
import { paymentSpanId, shopBlock } from './shop-trace.js';

const table = tableFromNative(shopBlock);
const row = (spanId: string): number => rowOfSpan(table, spanId);
const [root, orders, inventory] = [row('00f067aa0ba902b7'), row('00f067aa0ba90203'), row('00f067aa0ba90204')];

test('the span of the address is selected with its details; an unknown one is not', () => {
  assert.deepEqual(
    [stateOf(table, { span: paymentSpanId }).selectedRow, stateOf(table, { span: paymentSpanId }).isDetailsOpen],
    [row(paymentSpanId), true],
  );
  assert.equal(stateOf(table, { span: 'ffffffffffffffff' }).selectedRow, -1);
});

test('a selection inside a collapsed span expands it', () => {
  const folded = reduceTrace(table, stateOf(table, {}), { type: 'toggle', row: orders });
  const selected = reduceTrace(table, folded, { type: 'select', row: row(paymentSpanId) });
  assert.equal(folded.collapsed.has(orders), true);
  assert.equal(selected.collapsed.has(orders), false);
});

test('collapsing a span over the selection selects that span', () => {
  const state = reduceTrace(table, stateOf(table, { span: paymentSpanId }), { type: 'toggle', row: orders });
  assert.equal(state.selectedRow, orders);
});

test('collapse all leaves the roots open and the selection in sight', () => {
  const state = reduceTrace(table, stateOf(table, { span: paymentSpanId }), { type: 'collapseAll' });
  const { rows, placeOf } = listVisibleRows(table.tree, state.collapsed);
  assert.equal(state.collapsed.has(root), false);
  assert.ok(rows.length > 2 && rows.length < table.spanCount);
  assert.notEqual(placeOf[state.selectedRow], -1);
});

test('keys go to the first row when nothing is selected, and stop at the last', () => {
  const visible = listVisibleRows(table.tree, new Set());
  const last = visible.rows.at(-1)!;
  assert.equal(neighbourRow(visible, -1, 1), visible.rows[0]);
  assert.equal(neighbourRow(visible, visible.rows[0]!, 1), visible.rows[1]);
  assert.equal(neighbourRow(visible, last, 1), last);
  assert.equal(neighbourRow(visible, last, -20), visible.rows[0]);
});

test('matches are gone through in the order of the tree and around its end', () => {
  const matches = new Uint8Array(table.spanCount);
  matches[root] = 1;
  matches[inventory] = 1;
  assert.equal(nextMatch(table, matches, -1, 1), root);
  assert.equal(nextMatch(table, matches, root, 1), inventory);
  assert.equal(nextMatch(table, matches, inventory, 1), root);
  assert.equal(nextMatch(table, matches, root, -1), inventory);
  assert.equal(nextMatch(table, new Uint8Array(table.spanCount), root, 1), -1);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rowOfSpan, tableFromNative } from '@clew/model';
import { largeTrace, nativeTrace } from '@clew/model/fixtures';
import { fullWindow } from '#src/layout/time-window.js';
import { rowsToCollapse } from '#src/table/visible-rows.js';
import { formatTraceAddress, readTraceAddress, readZoom } from '#src/views/trace/trace-address.js';
import { reduceTrace, stateOf, type TraceAction } from '#src/views/trace/trace-state.js';
import { paymentSpanId, shopBlock } from './shop-trace.js';

const table = tableFromNative(shopBlock);
const row = (spanId: string): number => rowOfSpan(table, spanId);
const full = fullWindow(table.durationNs);

test('a view survives being written into the address and read from it', () => {
  const views: readonly (readonly TraceAction[])[] = [
    [],
    [{ type: 'select', row: row(paymentSpanId), details: true }],
    [{ type: 'select', row: row(paymentSpanId) }],
    [{ type: 'filter', text: 'a b&c=%é' }],
    [{ type: 'toggle', row: row('00f067aa0ba90204') }],
    [{ type: 'collapseAll' }],
    [{ type: 'collapseAll' }, { type: 'toggle', row: row('00f067aa0ba90203') }],
    [{ type: 'toggle', row: row('00f067aa0ba902b7') }],
  ];
  for (const actions of views) {
    const state = actions.reduce((before, action) => reduceTrace(table, before, action), stateOf(table, {}));
    const window = { fromNs: 12_000_000, toNs: 99_000_000 };
    const address = formatTraceAddress(table, state, window);
    assert.deepEqual(readTraceAddress({ ...address }), address);
    assert.deepEqual(stateOf(table, address), state, JSON.stringify(address));
    assert.deepEqual(readZoom(table, address), window);
  }
});

test('the whole trace with nothing folded, selected or filtered has an empty address', () => {
  assert.deepEqual(formatTraceAddress(table, stateOf(table, {}), full), {});
});

test('a large trace that is folded has a short address', () => {
  const large = tableFromNative(nativeTrace(largeTrace(5_000)));
  const collapsed = rowsToCollapse(large.tree);
  const state = { ...stateOf(large, {}), collapsed };
  assert.deepEqual(formatTraceAddress(large, state, fullWindow(large.durationNs)), { fold: 'all' });
  const [opened] = collapsed;
  const mostly = { ...state, collapsed: new Set([...collapsed].filter((one) => one !== opened)) };
  assert.equal(formatTraceAddress(large, mostly, fullWindow(large.durationNs)).fold!.length, 'all,'.length + 16);
});

test("Jaeger's link to a span has the span's id as its filter, and selects it", () => {
  const state = stateOf(table, readTraceAddress({ uiFind: paymentSpanId }));
  assert.deepEqual([state.selectedRow, state.filter], [row(paymentSpanId), paymentSpanId]);
  assert.equal(stateOf(table, { uiFind: 'alice' }).selectedRow, -1);
});

test('what cannot be read in the address shows the whole trace', () => {
  const address = readTraceAddress({ zoom: '5-x', fold: '../..', details: 'maybe', span: '', other: 'x' });
  assert.deepEqual(address, {});
  assert.deepEqual(readZoom(table, { zoom: '99999999999999-0' }), full);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parentInCycle, parentMissing, rowOfSpan, spanIdOf, TraceTableError, tableFromNative } from '@clew/model';
import { type FixtureSpan, largeTrace, nativeTrace } from '@clew/model/fixtures';
import { FixedColumnWriter, writeNativeBlock } from '@clew/wire';

const traceId = '5b8efff798038103d269b633813fc60c';
const startNs = 1_700_000_000_123_456_789n;
const id = (number: number): string => number.toString(16).padStart(16, '0');

function span(number: number, parent: number, spanStartNs: number, durationNs: number): FixtureSpan {
  const base = { id: id(number), service: 'shop', name: `span ${number}`, startNs: spanStartNs, durationNs };
  return parent === 0 ? base : { ...base, parent: id(parent) };
}

const tableOf = (...spans: FixtureSpan[]) => tableFromNative(nativeTrace({ traceId, startNs, spans }));

test('one span is a table of one row', () => {
  const table = tableOf({ ...span(1, 0, 0, 1_500), service: 'gateway', name: 'GET /', kind: 2, status: 2 });
  assert.equal(table.traceId, traceId);
  assert.equal(table.spanCount, 1);
  assert.equal(table.startNs, startNs);
  assert.equal(table.durationNs, 1_500);
  assert.equal(table.services[table.service[0]!], 'gateway');
  assert.equal(table.names[table.name[0]!], 'GET /');
  assert.equal(table.kind[0], 2);
  assert.equal(table.errorCount, 1);
  assert.equal(spanIdOf(table, 0), id(1));
  assert.deepEqual([...table.tree.order], [0]);
});

test('no bytes are a table without rows', () => {
  const table = tableFromNative(new Uint8Array(0));
  assert.equal(table.spanCount, 0);
  assert.equal(table.traceId, '');
  assert.equal(table.durationNs, 0);
});

test('rows are ordered by start, whatever order they come in and however many blocks they come in', () => {
  const first = nativeTrace({ traceId, startNs, spans: [span(3, 1, 50, 10), span(2, 1, 20, 10)] });
  const second = nativeTrace({ traceId, startNs, spans: [{ ...span(1, 0, 0, 100), service: 'gateway' }] });
  const table = tableFromNative(Buffer.concat([first, second]));
  assert.deepEqual([...table.spanStartNs], [0, 20, 50]);
  assert.deepEqual([...table.tree.parent], [-1, 0, 0]);
  assert.deepEqual(
    [0, 1, 2].map((row) => spanIdOf(table, row)),
    [id(1), id(2), id(3)],
  );
  assert.deepEqual(
    [0, 1, 2].map((row) => table.services[table.service[row]!]),
    ['gateway', 'shop', 'shop'],
  );
});

test('nanoseconds are kept: two starts one nanosecond apart stay apart', () => {
  const table = tableOf(span(1, 0, 0, 5), span(2, 1, 1, 1));
  assert.equal(table.spanStartNs[1], 1);
});

test('a span whose parent is not there is a root that says so', () => {
  const table = tableOf(span(1, 0, 0, 10), span(2, 99, 5, 10));
  assert.equal(table.tree.rootCount, 2);
  assert.equal(table.tree.parent[1], -1);
  assert.equal(table.tree.parentState[1], parentMissing);
  assert.equal(table.tree.parentState[0], 0);
});

test('spans that share an id all stay, and the earliest has the children', () => {
  const table = tableOf(span(1, 0, 0, 100), span(2, 1, 10, 50), span(2, 1, 11, 40), span(3, 2, 20, 5));
  assert.equal(table.spanCount, 4);
  assert.deepEqual([...table.tree.parent], [-1, 0, 0, 1]);
  assert.equal(rowOfSpan(table, id(2)), 1);
});

test('a span that is its own parent is a root', () => {
  const table = tableOf(span(1, 1, 0, 10));
  assert.equal(table.tree.parent[0], -1);
  assert.equal(table.tree.parentState[0], parentInCycle);
});

test('a negative duration counts as none', () => {
  assert.equal(tableOf(span(1, 0, 0, -5)).spanDurationNs[0], 0);
});

test('a span is found by its id in any case, and not by another id', () => {
  const table = tableOf({ ...span(1, 0, 0, 1), id: 'abcdef0123456789' });
  assert.equal(rowOfSpan(table, 'ABCDEF0123456789'), 0);
  assert.equal(rowOfSpan(table, 'abcdef0123456788'), -1);
  assert.equal(rowOfSpan(table, 'abcdef012345678'), -1);
});

test('an answer that lacks a column is refused with the name of the column', () => {
  const kinds = new FixedColumnWriter('UInt8', 1);
  kinds.appendByte(1);
  assert.throws(
    () => tableFromNative(writeNativeBlock([['kind', kinds]], 1)),
    (error) => error instanceof TraceTableError && /Column start is missing/.test(error.message),
  );
});

test('every span of a trace of 100,000 is found by its id and has its parent before it in the order', () => {
  const trace = largeTrace(100_000);
  const table = tableFromNative(nativeTrace(trace));
  assert.equal(table.spanCount, 100_000);
  assert.equal(table.tree.rootCount, 1);
  assert.equal(table.tree.subtreeSize[table.tree.order[0]!], 100_000);
  for (const row of [0, 1, 50_000, 99_999]) assert.equal(rowOfSpan(table, spanIdOf(table, row)), row);
  for (let row = 0; row < table.spanCount; row++) {
    const up = table.tree.parent[row]!;
    assert.ok(up === -1 || table.tree.place[up]! < table.tree.place[row]!);
  }
});

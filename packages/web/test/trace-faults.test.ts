import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tableFromNative } from '@clew/model';
import { type FixtureSpan, largeTrace, nativeTrace } from '@clew/model/fixtures';
import { countFaults, findFaults, spanFault } from '#src/table/trace-faults.js';

const id = (index: number): string => index.toString(16).padStart(16, '0');
const span = (index: number, part: Partial<FixtureSpan>): FixtureSpan => ({
  id: id(index),
  service: 'a',
  name: 'n',
  startNs: index,
  durationNs: 5,
  ...part,
});

test('each fault of a span is found', () => {
  const spans = [
    span(1, {}),
    span(2, { parent: id(99) }),
    span(3, { parent: id(4) }),
    span(4, { parent: id(3) }),
    span(5, { parent: id(1), id: id(1) }),
    span(6, { parent: id(1), durationNs: -3 }),
    span(7, { parent: id(1), durationNs: 0 }),
  ];
  const faults = findFaults(tableFromNative(nativeTrace({ traceId: '1'.repeat(32), startNs: 1_000n, spans })));
  const { parentMissing, cycle, duplicateId, endsBeforeStart } = spanFault;
  assert.deepEqual([...faults], [0, parentMissing, cycle, 0, duplicateId, endsBeforeStart, 0]);
  assert.deepEqual(countFaults(faults), [
    ['parentMissing', 1],
    ['cycle', 1],
    ['duplicateId', 1],
    ['endsBeforeStart', 1],
  ]);
});

test('a trace without faults has none, in several blocks and out of order, too', () => {
  const { spans, ...trace } = largeTrace(500);
  const blocks = [spans.slice(250), spans.slice(0, 250)].map((part) => nativeTrace({ ...trace, spans: part }));
  const bytes = new Uint8Array(blocks[0]!.length + blocks[1]!.length);
  bytes.set(blocks[0]!);
  bytes.set(blocks[1]!, blocks[0]!.length);
  assert.deepEqual(countFaults(findFaults(tableFromNative(bytes))), []);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildTree, computeSelfTimes, forEachUnion } from '@clew/model';
import fc from 'fast-check';

interface Interval {
  readonly start: number;
  readonly duration: number;
}

/** A root with children, which must be ordered by start. */
function familyOf(root: Interval, children: readonly Interval[]) {
  const spans = [root, ...children];
  const parent = Int32Array.from(spans, (_, row) => (row === 0 ? -1 : 0));
  return {
    tree: buildTree(parent, new Uint8Array(spans.length)),
    start: Float64Array.from(spans, (span) => span.start),
    duration: Float64Array.from(spans, (span) => span.duration),
  };
}

function selfTimeOf(root: Interval, ...children: Interval[]): number {
  const { tree, start, duration } = familyOf(root, children);
  return computeSelfTimes(tree, start, duration)[0]!;
}

test('a span without children is itself all the time', () => {
  assert.equal(selfTimeOf({ start: 5, duration: 10 }), 10);
});

test('children in series are both taken off', () => {
  assert.equal(selfTimeOf({ start: 0, duration: 10 }, { start: 1, duration: 3 }, { start: 4, duration: 2 }), 5);
});

test('children that overlap are taken off once', () => {
  assert.equal(selfTimeOf({ start: 0, duration: 10 }, { start: 1, duration: 5 }, { start: 2, duration: 2 }), 5);
  assert.equal(selfTimeOf({ start: 0, duration: 10 }, { start: 1, duration: 5 }, { start: 3, duration: 5 }), 3);
});

test('a child counts only as far as it lies inside the span', () => {
  assert.equal(selfTimeOf({ start: 10, duration: 10 }, { start: 0, duration: 12 }, { start: 19, duration: 50 }), 7);
  assert.equal(selfTimeOf({ start: 10, duration: 10 }, { start: 20, duration: 5 }), 10);
  assert.equal(selfTimeOf({ start: 10, duration: 10 }, { start: 0, duration: 50 }), 0);
});

test('self time is the number of nanoseconds in which no child runs', () => {
  const interval = fc.record({ start: fc.integer({ min: 0, max: 60 }), duration: fc.integer({ min: 0, max: 30 }) });
  fc.assert(
    fc.property(fc.array(interval, { maxLength: 12 }), (unsorted) => {
      const children = unsorted.toSorted((a, b) => a.start - b.start);
      const root = { start: 20, duration: 30 };
      let free = 0;
      for (let at = root.start; at < root.start + root.duration; at++) {
        if (!children.some((child) => at >= child.start && at < child.start + child.duration)) free++;
      }
      assert.equal(selfTimeOf(root, ...children), free);
    }),
  );
});

test('the covered intervals come in order and do not touch', () => {
  const { tree, start, duration } = familyOf({ start: 0, duration: 20 }, [
    { start: 1, duration: 2 },
    { start: 3, duration: 2 },
    { start: 8, duration: 1 },
  ]);
  const seen: number[][] = [];
  forEachUnion(tree, start, duration, 0, (from, to) => seen.push([from, to]));
  assert.deepEqual(seen, [
    [1, 5],
    [8, 9],
  ]);
});

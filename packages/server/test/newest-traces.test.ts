import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { nextSlice, type TimeSlice } from '#src/query/newest-traces.js';

/** Milliseconds, both ends included. */
function windowOf(startMs: number, endMs: number): TimeSlice {
  return { startNs: BigInt(startMs) * 1_000_000n, endNs: BigInt(endMs) * 1_000_000n + 1n };
}

describe('slices of the window', () => {
  test('cover it from its end to its start, both included, without gap and overlap', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 45), fc.nat(2 ** 45), fc.nat(20), (one, other, found) => {
        const window = windowOf(Math.min(one, other), Math.max(one, other));
        const first = nextSlice(window, undefined, 0, 21)!;
        assert.equal(first.endNs, window.endNs);
        let last = first;
        let count = 1;
        for (let slice = first as TimeSlice | undefined; slice !== undefined; count++) {
          assert.ok(slice.startNs < slice.endNs);
          last = slice;
          slice = nextSlice(window, last, found, 21);
          if (slice !== undefined) assert.equal(slice.endNs, last.startNs);
        }
        assert.equal(last.startNs, window.startNs);
        assert.ok(count <= 60, `${count} slices`);
      }),
    );
  });

  test('grow fourfold while nothing is found, and to what the matches let expect when something is', () => {
    // Ends 40 s after a minute began.
    const window = windowOf(0, 1e12);
    const first = nextSlice(window, undefined, 0, 21)!;
    const seconds = (slice: TimeSlice | undefined): number => Math.floor(Number(slice!.endNs - slice!.startNs) / 1e9);
    assert.equal(seconds(first), 40);
    assert.equal(seconds(nextSlice(window, first, 0, 21)), 180);
    assert.equal(seconds(nextSlice(window, first, 1, 21)), 180);
    assert.equal(seconds(nextSlice(window, first, 20, 21)), 60);
    const second = nextSlice(window, first, 0, 21)!;
    assert.equal(seconds(nextSlice(window, second, 0, 21)), 720);
    assert.equal(seconds(nextSlice(window, second, 14, 21)), 180);
  });

  test('start with a minute or with the window: no row is read for two of them', () => {
    const window = windowOf(1e12 - 1_000_000, 1e12);
    let slice = nextSlice(window, undefined, 0, 21);
    const starts: number[] = [];
    for (; slice !== undefined; slice = nextSlice(window, slice, 0, 21))
      starts.push(Number(slice.startNs / 1_000_000n));
    assert.deepEqual(
      starts.map((startMs) => startMs % 60_000),
      [0, 0, 0, (1e12 - 1_000_000) % 60_000],
    );
  });
});

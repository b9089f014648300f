import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  createTimeScale,
  fullWindow,
  isFullWindow,
  minWindowNs,
  panWindow,
  windowBetween,
  zoomWindow,
} from '#src/layout/time-window.js';

test('the time under the pointer stays there when zooming', () => {
  const before = createTimeScale({ fromNs: 200, toNs: 600 }, 100, 800);
  const after = createTimeScale(zoomWindow(before.window, 0.5, before.toNs(300), 1_000), 100, 800);
  assert.ok(Math.abs(after.toPx(before.toNs(300)) - 300) < 1e-6);
  assert.equal(after.window.toNs - after.window.fromNs, 200);
});

test('zooming in ends at the narrowest window', () => {
  const window = zoomWindow({ fromNs: 500, toNs: 512 }, 0.1, 506, 1_000);
  assert.equal(window.toNs - window.fromNs, minWindowNs);
});

test('zooming out ends at the whole trace', () => {
  assert.ok(isFullWindow(zoomWindow({ fromNs: 400, toNs: 600 }, 1_000, 410, 1_000), 1_000));
});

test('panning stops at both ends and keeps the width', () => {
  assert.deepEqual(panWindow({ fromNs: 100, toNs: 300 }, -500, 1_000), { fromNs: 0, toNs: 200 });
  assert.deepEqual(panWindow({ fromNs: 100, toNs: 300 }, 5_000, 1_000), { fromNs: 800, toNs: 1_000 });
  assert.deepEqual(panWindow({ fromNs: 100, toNs: 300 }, 50, 1_000), { fromNs: 150, toNs: 350 });
});

test('a range is the same dragged from left or from right', () => {
  assert.deepEqual(windowBetween(300, 700, 1_000), { fromNs: 300, toNs: 700 });
  assert.deepEqual(windowBetween(700, 300, 1_000), { fromNs: 300, toNs: 700 });
});

test('a trace without any duration can still be drawn', () => {
  assert.deepEqual(fullWindow(0), { fromNs: 0, toNs: minWindowNs });
  assert.equal(createTimeScale(fullWindow(0), 0, 100).toPx(0), 0);
});

test('no zooming and panning leaves the trace', () => {
  const move = fc.oneof(
    fc.record({
      zoom: fc.double({ min: 0.01, max: 100, noNaN: true }),
      at: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
    fc.record({ pan: fc.double({ min: -2, max: 2, noNaN: true }) }),
  );
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1e12 }), fc.array(move, { maxLength: 20 }), (totalNs, moves) => {
      let window = fullWindow(totalNs);
      for (const step of moves) {
        const width = window.toNs - window.fromNs;
        window =
          'zoom' in step
            ? zoomWindow(window, step.zoom, window.fromNs + width * step.at, totalNs)
            : panWindow(window, width * step.pan, totalNs);
        assert.ok(window.fromNs >= 0);
        assert.ok(window.toNs <= fullWindow(totalNs).toNs * (1 + 1e-12));
        assert.ok(window.toNs - window.fromNs >= minWindowNs * (1 - 1e-3));
      }
    }),
  );
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { chooseStep, computeTicks } from '#src/layout/time-ticks.js';
import { createTimeScale } from '#src/layout/time-window.js';

const labels = (fromNs: number, toNs: number, widthPx = 800): string[] =>
  computeTicks(createTimeScale({ fromNs, toNs }, 0, widthPx)).map((tick) => tick.label);

test('ticks stand at round times', () => {
  assert.deepEqual(labels(0, 455e6), ['0', '100 ms', '200 ms', '300 ms', '400 ms']);
});

test('ticks far from the start keep the decimals that tell them apart', () => {
  assert.deepEqual(labels(12.3456e9, 12.3458e9), ['12.3456 s', '12.34565 s', '12.3457 s', '12.34575 s', '12.3458 s']);
});

test('minutes and hours have steps of their own', () => {
  assert.deepEqual(labels(0, 300e9), ['0', '1 min', '2 min', '3 min', '4 min', '5 min']);
  assert.equal(chooseStep(20e9), 30e9);
  assert.equal(chooseStep(86_400e9 * 1.5), 86_400e9 * 2);
});

test('seconds are told apart after an hour, too', () => {
  assert.deepEqual(labels(3_595e9, 3_625e9, 440), ['60 min', '60 min 10 s', '60 min 20 s']);
});

test('a step is the smallest of 1, 2 and 5 that is enough', () => {
  assert.equal(chooseStep(0), 1);
  assert.equal(chooseStep(1), 1);
  assert.equal(chooseStep(1.01), 2);
  assert.equal(chooseStep(2_000), 2_000);
  assert.equal(chooseStep(2_001), 5_000);
  assert.equal(chooseStep(5_001), 10_000);
  assert.equal(chooseStep(1e9), 1e9);
});

test('whatever the window, ticks lie inside of it, are few, and no two read the same', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 3_600_000_000_000 }),
      fc.integer({ min: 10, max: 3_600_000_000_000 }),
      fc.integer({ min: 200, max: 4_000 }),
      (fromNs, widthNs, widthPx) => {
        const ticks = computeTicks(createTimeScale({ fromNs, toNs: fromNs + widthNs }, 0, widthPx));
        assert.ok(ticks.length <= widthPx / 100 + 2);
        for (const tick of ticks) assert.ok(tick.px >= -0.001 && tick.px <= widthPx + 0.001);
        assert.equal(new Set(ticks.map((tick) => tick.label)).size, ticks.length);
      },
    ),
  );
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatDuration } from '@clew/model';

for (const [ns, text] of [
  [0, '0 ns'],
  [1, '1 ns'],
  [999, '999 ns'],
  [1_000, '1 µs'],
  [1_234, '1.23 µs'],
  [999_499, '999 µs'],
  [999_500, '1 ms'],
  [12_345_678, '12.3 ms'],
  [999_499_999, '999 ms'],
  [1e9, '1 s'],
  [59.94e9, '59.9 s'],
  [59.4e9, '59.4 s'],
  [59.95e9, '1 min'],
  [60e9, '1 min'],
  [125e9, '2 min 5 s'],
  [3_599.4e9, '59 min 59 s'],
  [3_600e9, '1 h'],
  [7_260e9, '2 h 1 min'],
  [-1_500, '-1.5 µs'],
] as const) {
  test(`${ns} ns is written ${text}`, () => assert.equal(formatDuration(ns), text));
}

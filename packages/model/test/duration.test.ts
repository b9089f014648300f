import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatDuration, parseDurationNs, parseLookbackMs } from '@clew/model';

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

for (const [text, durationNs] of [
  ['7ns', 7],
  ['300us', 300e3],
  ['300µs', 300e3],
  ['300μs', 300e3],
  ['300 ms', 300e6],
  [' 20MS ', 20e6],
  ['1.5S', 1.5e9],
  ['2m', 120e9],
  ['2500h', 9e15],
  ['0s', 0],
  ['2500.1h', undefined],
  ['1.5', undefined],
  ['-1s', undefined],
  ['1.s', undefined],
  ['.5s', undefined],
  ['1d', undefined],
  ['1e3ms', undefined],
  ['1s 5ms', undefined],
  ['constructor', undefined],
  ['1constructor', undefined],
  ['', undefined],
] as const) {
  test(`the duration "${text}" is ${durationNs} ns`, () => assert.equal(parseDurationNs(text), durationNs));
}

for (const [text, lookbackMs] of [
  ['250ms', 250],
  ['90s', 90_000],
  ['15m', 900_000],
  ['1.5h', 5_400_000],
  ['2D', 172_800_000],
  ['1w', 604_800_000],
  ['14892w', 9_006_681_600_000],
  ['99999999999999999w', undefined],
  ['custom', undefined],
  ['1', undefined],
  ['1ns', undefined],
] as const) {
  test(`the look-back "${text}" is ${lookbackMs} ms`, () => assert.equal(parseLookbackMs(text), lookbackMs));
}

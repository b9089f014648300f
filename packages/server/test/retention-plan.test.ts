import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { cutoffMs, planRetention, type RetentionLimits, type StoredState } from '#src/retain/plan.js';
import { noLimits } from './data-fixture.js';

const nowMs = Date.parse('2026-11-25T12:34:56Z');
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** Days as `{ '2026-11-25': bytes }`; nothing else is stored. */
function plan(days: Record<string, number>, limits: Partial<RetentionLimits>, state: Partial<StoredState> = {}) {
  const stored = Object.entries(days).map(([day, bytes]) => ({ day, bytes }));
  const bytesUsed = stored.reduce((sum, { bytes }) => sum + bytes, 0);
  const all = { days: stored, bytesUsed, diskFreeBytes: 1e12, aheadSinceMs: new Map(), ...state };
  return planRetention(all, { ...noLimits, ...limits }, nowMs).map((step) => {
    if (step.kind === 'drop-day') return `drop ${step.day} (${step.reason})`;
    if (step.kind === 'trim') return `trim ${step.day} by ${step.bytes} (${step.reason})`;
    return `delete ${step.day} before ${new Date(step.beforeMs).toISOString()}`;
  });
}

describe('retention by age', () => {
  const days = { '1970-01-01': 1, '2026-11-17': 1, '2026-11-18': 1, '2026-11-19': 1, '2026-11-25': 1 };

  test('drops the days that are too old as a whole, and the hours that are of the day that is so in part', () => {
    assert.deepEqual(plan(days, { maxAgeMs: 7 * dayMs }), [
      'drop 1970-01-01 (age)',
      'drop 2026-11-17 (age)',
      'delete 2026-11-18 before 2026-11-18T12:00:00.000Z',
    ]);
  });

  test('a day goes when its last minute is too old, and not before', () => {
    const maxAgeMs = nowMs - Date.parse('2026-11-18T00:00:00Z');
    assert.deepEqual(plan({ '2026-11-17': 1 }, { maxAgeMs }), ['drop 2026-11-17 (age)']);
    assert.deepEqual(plan({ '2026-11-17': 1 }, { maxAgeMs: maxAgeMs + 1 }), [
      'delete 2026-11-17 before 2026-11-17T23:00:00.000Z',
    ]);
  });

  test('moves on in steps of an hour, or of a 24th of an age below a day, and never keeps less than the age', () => {
    const at = (age: number) => new Date(cutoffMs(nowMs, age)).toISOString();
    assert.equal(at(dayMs), '2026-11-24T12:00:00.000Z');
    assert.equal(at(12 * hourMs), '2026-11-25T00:30:00.000Z');
    assert.equal(at(60_000), '2026-11-25T12:33:00.000Z');
  });

  test('without a limit nothing goes', () => {
    assert.deepEqual(plan(days, {}), []);
  });
});

describe('days ahead of the clock', () => {
  const days = { '2026-11-25': 10, '2026-11-26': 10, '2026-11-27': 10, '2100-01-01': 10 };

  test('go when they have been here for the age', () => {
    const aheadSinceMs = new Map([
      ['2026-11-26', nowMs - dayMs],
      ['2026-11-27', nowMs - dayMs + 1],
      ['2100-01-01', nowMs - dayMs],
    ]);
    assert.deepEqual(plan(days, { maxAgeMs: dayMs }, { aheadSinceMs }), ['drop 2100-01-01 (ahead)']);
  });

  test('go first for bytes, the furthest ahead before all; tomorrow counts as now', () => {
    assert.deepEqual(plan(days, { maxBytes: 35 }), ['drop 2100-01-01 (bytes)']);
    assert.deepEqual(plan(days, { maxBytes: 20 }), ['drop 2100-01-01 (bytes)', 'drop 2026-11-27 (bytes)']);
  });
});

describe('retention by bytes', () => {
  const days = { '2026-11-23': 10, '2026-11-24': 10, '2026-11-25': 10 };

  test('drops whole days, the oldest first, until the rest is within the limit', () => {
    assert.deepEqual(plan(days, { maxBytes: 30 }), []);
    assert.deepEqual(plan(days, { maxBytes: 29 }), ['drop 2026-11-23 (bytes)']);
    assert.deepEqual(plan(days, { maxBytes: 19 }), ['drop 2026-11-23 (bytes)', 'drop 2026-11-24 (bytes)']);
  });

  test('cuts the oldest minutes off a day that would leave less than half of the limit, and makes room for a while', () => {
    assert.deepEqual(plan({ '2026-11-25': 1000 }, { maxBytes: 800 }), ['trim 2026-11-25 by 280 (bytes)']);
    const midnight = { '2026-11-23': 100, '2026-11-24': 900, '2026-11-25': 399 };
    assert.deepEqual(plan(midnight, { maxBytes: 800 }), ['drop 2026-11-23 (bytes)', 'trim 2026-11-24 by 579 (bytes)']);
    assert.deepEqual(plan({ ...midnight, '2026-11-25': 400 }, { maxBytes: 800 }), [
      'drop 2026-11-23 (bytes)',
      'drop 2026-11-24 (bytes)',
    ]);
  });

  test('what age removes is not counted again', () => {
    assert.deepEqual(plan(days, { maxBytes: 29, maxAgeMs: dayMs + 12 * hourMs }), ['drop 2026-11-23 (age)']);
  });

  test('a share of the disk is one of what is stored and what is free, so that others cannot use it up', () => {
    assert.deepEqual(plan(days, { maxDiskShare: 0.5 }, { diskFreeBytes: 30 }), []);
    assert.deepEqual(plan(days, { maxDiskShare: 0.5 }, { diskFreeBytes: 29 }), ['drop 2026-11-23 (disk)']);
    assert.deepEqual(plan(days, { maxDiskShare: 0.5, maxBytes: 29 }, { diskFreeBytes: 30 }), [
      'drop 2026-11-23 (bytes)',
    ]);
  });
});

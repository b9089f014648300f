import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseEndTime, parseSince, parseTime, readStart } from '#src/time-range.js';

describe('parseSince', () => {
  it('reads a number with a unit as milliseconds', () => {
    assert.equal(parseSince('250ms'), 250);
    assert.equal(parseSince('90s'), 90_000);
    assert.equal(parseSince('1.5h'), 5_400_000);
    assert.equal(parseSince('2w'), 1_209_600_000);
  });

  it('refuses a missing or unknown unit, a sign, and text around it', () => {
    for (const text of ['', '15', 'm', '-1h', '1y', '1h ago']) {
      assert.throws(() => parseSince(text), /Give a number with a unit/, text);
    }
  });
});

describe('parseTime', () => {
  for (const [text, timeMs] of [
    ['2026-11-23T05:44:01.123Z', 1_795_412_641_123],
    ['2026-11-23T06:44:01.123+01:00', 1_795_412_641_123],
    ['2026-11-23 06:44:01,123 +0100', 1_795_412_641_123],
    ['1795412641123', 1_795_412_641_123],
    ['2026-11-23', Date.UTC(2026, 10, 23)],
    ['2026-11-23T00:00', Date.UTC(2026, 10, 23)],
    ['2026-11-23T00:00:00', Date.UTC(2026, 10, 23)],
    ['2026-11-23t00:00:00z', Date.UTC(2026, 10, 23)],
    ['2024-02-29', Date.UTC(2024, 1, 29)],
    ['2261-06-14T14:00:00.123Z', Date.parse('2261-06-14T14:00:00.123Z')],
  ] as const) {
    it(`reads ${text} in UTC unless it names a zone`, () => {
      assert.equal(parseTime(text), timeMs);
      assert.equal(parseEndTime(text), timeMs);
    });
  }

  it('includes the nanoseconds of both ends', () => {
    assert.equal(parseTime('2026-11-23T05:44:01.123000001Z'), 1_795_412_641_123);
    assert.equal(parseEndTime('2026-11-23T05:44:01.123000001Z'), 1_795_412_641_124);
  });

  it('refuses Unix seconds, which would be read as 1970, and what is not a time', () => {
    for (const text of [
      ...['1795412641', '-1795412641123', 'yesterday', '2026-13-01', '2026-02-29', '2026-11-31T00:00:00Z', '2026-11'],
      ...['2026-11-23T25:00', '2026-11-23T05:60', '1969-12-31T23:59:59Z', '2026-11-23Tx', ''],
    ]) {
      assert.throws(() => parseTime(text), /Give a time/, text);
    }
  });
});

describe('readStart', () => {
  it('does not reach beyond 1970', () => assert.equal(readStart({ since: 1e15 }), 0));
});

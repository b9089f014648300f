import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseSince, parseTime } from '#src/time-range.js';

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
  it('reads ISO 8601 and Unix milliseconds', () => {
    assert.equal(parseTime('2026-11-23T05:44:01.123Z'), 1_795_412_641_123);
    assert.equal(parseTime('2026-11-23T06:44:01.123+01:00'), 1_795_412_641_123);
    assert.equal(parseTime('1795412641123'), 1_795_412_641_123);
  });

  it('refuses Unix seconds, which would be read as 1970, and what is no time', () => {
    for (const text of ['1795412641', 'yesterday', '2026-13-01', '']) {
      assert.throws(() => parseTime(text), /Give a time/, text);
    }
  });
});

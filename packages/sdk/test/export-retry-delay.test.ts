import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isRetryable, readRetryAfter, retryDelayMs } from '#src/export/retry-delay.js';

test('only the answers that OTLP/HTTP names are tried again', () => {
  const retried = Array.from({ length: 500 }, (_, index) => index + 100).filter(isRetryable);
  assert.deepEqual(retried, [429, 502, 503, 504]);
});

test('Retry-After is read as seconds or as a date; anything else is no wish', () => {
  const nowMs = Date.parse('Wed, 21 Oct 2026 07:28:00 GMT');
  for (const [text, waitMs] of [
    [undefined, 0],
    ['0', 0],
    ['120', 120_000],
    [' 3 ', 3_000],
    ['Wed, 21 Oct 2026 07:28:05 GMT', 5_000],
    ['Wed, 21 Oct 2026 07:27:55 GMT', 0],
    ['soon', 0],
    ['', 0],
  ] as const) {
    assert.equal(readRetryAfter(text, nowMs), waitMs, String(text));
  }
});

test('delays double from 500 ms to 15 s, by ±25 %, and what the collector asks for counts up to a minute', () => {
  for (const [failures, base] of [
    [1, 500],
    [2, 1_000],
    [5, 8_000],
    [6, 15_000],
    [1_000, 15_000],
  ] as const) {
    const delays = Array.from({ length: 200 }, () => retryDelayMs(failures, 0));
    assert.ok(Math.min(...delays) >= base * 0.75 && Math.max(...delays) <= base * 1.25);
    assert.ok(new Set(delays).size > 100, 'they differ');
  }
  assert.equal(retryDelayMs(1, 20_000), 20_000);
  assert.equal(retryDelayMs(1, 60_000), 60_000);
  assert.equal(retryDelayMs(1, 60_001), 60_000);
});

import type { TimeInput } from '@opentelemetry/api';

/**
 * A point where the monotonic clock and the wall clock were read together. Spans of one trace in one process share the
 * anchor of the first of them, so their durations and order come from the monotonic clock alone, however the wall clock
 * is set meanwhile; the next trace starts from a fresh look at the wall clock.
 */
export interface ClockAnchor {
  readonly monotonicMs: number;
  /** Wall time at that point. */
  readonly seconds: number;
  readonly nanos: number;
}

// Date.now() is cut off to whole milliseconds, so a difference of up to one means nothing.
const toleratedDriftMs = 2;

// How often the two clocks are compared, at most. Wall clocks are slewed by at most 0.5 ms a second.
const comparisonIntervalMs = 1_000;

let anchor = makeAnchor(0, performance.timeOrigin);
let comparedAtMs = 0;

/** The anchor for a trace that starts here. */
export function currentAnchor(nowMs: number): ClockAnchor {
  if (nowMs - comparedAtMs < comparisonIntervalMs) return anchor;
  comparedAtMs = nowMs;
  const wallMs = Date.now();
  const expectedMs = anchor.seconds * 1e3 + anchor.nanos / 1e6 + (nowMs - anchor.monotonicMs);
  if (Math.abs(wallMs - expectedMs) > toleratedDriftMs) anchor = makeAnchor(nowMs, wallMs);
  return anchor;
}

/** Whole seconds since the epoch at `nowMs` of `performance.now()`. */
export function secondsAt(from: ClockAnchor, nowMs: number): number {
  return from.seconds + Math.floor(nanosSinceSecond(from, nowMs) / 1e9);
}

/** The nanoseconds beyond {@link secondsAt}. */
export function nanosAt(from: ClockAnchor, nowMs: number): number {
  const nanos = nanosSinceSecond(from, nowMs) % 1e9;
  return nanos < 0 ? nanos + 1e9 : nanos;
}

function nanosSinceSecond(from: ClockAnchor, nowMs: number): number {
  return from.nanos + Math.round((nowMs - from.monotonicMs) * 1e6);
}

/**
 * Reads a time that the app gave: `[seconds, nanoseconds]`, a Date, milliseconds since the epoch, or a reading of
 * `performance.now()` (a number before the process started). Undefined when it is none of these.
 */
export function readTime(
  input: TimeInput,
  from: ClockAnchor,
): { readonly seconds: number; readonly nanos: number } | undefined {
  if (Array.isArray(input)) {
    const [seconds, nanos] = input;
    return isTime(seconds, nanos) ? { seconds, nanos } : undefined;
  }
  const ms = input instanceof Date ? input.getTime() : input;
  if (typeof ms !== 'number' || !(ms >= 0) || ms > maxEpochMs) return undefined;
  if (typeof input === 'number' && ms < performance.timeOrigin) {
    return { seconds: secondsAt(from, ms), nanos: nanosAt(from, ms) };
  }
  const seconds = Math.floor(ms / 1e3);
  return { seconds, nanos: Math.min(999_999_999, Math.round((ms - seconds * 1e3) * 1e6)) };
}

function isTime(seconds: unknown, nanos: unknown): boolean {
  return (
    Number.isInteger(seconds) &&
    Number.isInteger(nanos) &&
    (seconds as number) >= 0 &&
    (seconds as number) * 1e3 <= maxEpochMs &&
    (nanos as number) >= 0 &&
    (nanos as number) < 1e9
  );
}

// OTLP's unsigned 64-bit nanoseconds end in the year 2554.
const maxEpochMs = 18_446_744_073_000;

function makeAnchor(monotonicMs: number, wallMs: number): ClockAnchor {
  const seconds = Math.floor(wallMs / 1e3);
  return { monotonicMs, seconds, nanos: Math.round((wallMs - seconds * 1e3) * 1e6) };
}

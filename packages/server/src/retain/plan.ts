import type { RetentionReason } from '@clew/model';

/** What is kept; null sets no limit. */
export interface RetentionLimits {
  readonly maxAgeMs: number | null;
  /** Of what the store takes on disk. */
  readonly maxBytes: number | null;
  /** Of what the store takes and the disk has free together: what others fill is not Clew's to make up for. */
  readonly maxDiskShare: number | null;
}

/** What is stored of one day (UTC), over all tables. */
export interface StoredDay {
  /** `2026-11-25` */
  readonly day: string;
  readonly bytes: number;
}

export interface StoredState {
  readonly days: readonly StoredDay[];
  /** What the store takes on disk, with what belongs to no day. */
  readonly bytesUsed: number;
  readonly diskFreeBytes: number;
  /** Unix milliseconds at which a day that lies ahead was first seen. */
  readonly aheadSinceMs: ReadonlyMap<string, number>;
}

export type RetentionStep =
  | { readonly kind: 'drop-day'; readonly day: string; readonly reason: RetentionReason }
  /** Spans that start before that time are too old. */
  | { readonly kind: 'delete-before'; readonly day: string; readonly reason: 'age'; readonly beforeMs: number }
  /** The oldest minutes of the day, until so many bytes are free. */
  | { readonly kind: 'trim'; readonly day: string; readonly reason: 'bytes' | 'disk'; readonly bytes: number };

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

/** After minutes were cut off a day, so much room is left until that is needed again: it rewrites the day's files. */
const trimTo = 0.9;

/** A whole day goes at once unless less than this share of the limit would be left: then its oldest minutes do. */
const leastLeft = 0.5;

/** The day (UTC) of a time, as partitions are named. */
function dayOf(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(0, 10);
}

/** A clock in any time zone is less than a day ahead; what lies further ahead is a clock that is wrong. */
export function isAhead(day: string, nowMs: number): boolean {
  return Date.parse(day) > Date.parse(dayOf(nowMs)) + dayMs;
}

/** Spans that start before this are too old. It moves on in steps, as each of them costs a pass over the day's files. */
export function cutoffMs(nowMs: number, maxAgeMs: number): number {
  const stepMs = Math.min(hourMs, Math.max(minuteMs, Math.floor(maxAgeMs / 24 / minuteMs) * minuteMs));
  return Math.floor((nowMs - maxAgeMs) / stepMs) * stepMs;
}

/**
 * Decides what has to go: first by age, then, oldest first, what is over the limits of bytes.
 *
 * ```
 *   1970-01-01   2026-11-18   2026-11-19  …  2026-11-24   2026-11-25 (now)      2100-01-01
 *   └─ too old, dropped ──┘   └ its oldest   └─────────── kept ─────────┘      └ ahead: goes when it has been here for
 *                               hours go                                         the age, and first of all for bytes
 * ```
 */
export function planRetention(state: StoredState, limits: RetentionLimits, nowMs: number): readonly RetentionStep[] {
  const days = [...state.days].sort((a, b) => (a.day < b.day ? -1 : 1));
  const { steps, kept } = planAge(days, state.aheadSinceMs, limits.maxAgeMs, nowMs);
  const dropped = days.filter((day) => !kept.includes(day));
  const used = state.bytesUsed - sumBytes(dropped);
  return [...steps, ...planBytes(kept, used, findLimit(state, limits), nowMs)];
}

function planAge(
  days: readonly StoredDay[],
  aheadSinceMs: ReadonlyMap<string, number>,
  maxAgeMs: number | null,
  nowMs: number,
): { readonly steps: readonly RetentionStep[]; readonly kept: readonly StoredDay[] } {
  if (maxAgeMs === null) return { steps: [], kept: days };
  const steps: RetentionStep[] = [];
  const kept: StoredDay[] = [];
  const beforeMs = cutoffMs(nowMs, maxAgeMs);
  for (const stored of days) {
    const { day } = stored;
    const startMs = Date.parse(day);
    if (isAhead(day, nowMs) && (aheadSinceMs.get(day) ?? nowMs) <= nowMs - maxAgeMs) {
      steps.push({ kind: 'drop-day', day, reason: 'ahead' });
    } else if (startMs + dayMs <= beforeMs) {
      steps.push({ kind: 'drop-day', day, reason: 'age' });
    } else {
      if (startMs < beforeMs) steps.push({ kind: 'delete-before', day, reason: 'age', beforeMs });
      kept.push(stored);
    }
  }
  return { steps, kept };
}

interface BytesLimit {
  readonly bytes: number;
  readonly reason: 'bytes' | 'disk';
}

/** The tighter of the two limits. */
function findLimit({ bytesUsed, diskFreeBytes }: StoredState, limits: RetentionLimits): BytesLimit {
  const byBytes = limits.maxBytes ?? Number.POSITIVE_INFINITY;
  const byDisk =
    limits.maxDiskShare === null ? Number.POSITIVE_INFINITY : limits.maxDiskShare * (bytesUsed + diskFreeBytes);
  return byDisk < byBytes ? { bytes: byDisk, reason: 'disk' } : { bytes: byBytes, reason: 'bytes' };
}

/** @param days oldest first */
function planBytes(
  days: readonly StoredDay[],
  bytesUsed: number,
  limit: BytesLimit,
  nowMs: number,
): readonly RetentionStep[] {
  const steps: RetentionStep[] = [];
  const { reason } = limit;
  let used = bytesUsed;
  const ahead = days.filter(({ day }) => isAhead(day, nowMs)).reverse();
  for (const { day, bytes } of ahead) {
    if (used <= limit.bytes) return steps;
    steps.push({ kind: 'drop-day', day, reason });
    used -= bytes;
  }
  for (const stored of days) {
    if (used <= limit.bytes) return steps;
    if (ahead.includes(stored)) continue;
    const { day, bytes } = stored;
    if (used - bytes < limit.bytes * leastLeft) {
      steps.push({ kind: 'trim', day, reason, bytes: Math.ceil(used - limit.bytes * trimTo) });
      return steps;
    }
    steps.push({ kind: 'drop-day', day, reason });
    used -= bytes;
  }
  return steps;
}

function sumBytes(days: readonly StoredDay[]): number {
  return days.reduce((sum, { bytes }) => sum + bytes, 0);
}

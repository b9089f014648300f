import { writeSync } from 'node:fs';

/** `OTEL_LOG_LEVEL`, least talkative first. */
const levels = ['none', 'error', 'warn', 'info', 'debug', 'verbose', 'all'] as const;
export type NoticeLevel = (typeof levels)[number];

/** How loud a notice is. */
export type NoticeKind = Exclude<NoticeLevel, 'none' | 'all'>;

/** What `OTEL_LOG_LEVEL` asks for; undefined when it is not set, or says nothing that is known. */
export function noticeLevelFromEnvironment(): NoticeLevel | undefined {
  const asked = process.env.OTEL_LOG_LEVEL?.trim().toLowerCase();
  return levels.find((level) => level === asked);
}

let recorder: ((kind: NoticeKind, text: string) => void) | undefined;

/** Hands every notice from now on to `record` too, those included that `OTEL_LOG_LEVEL` keeps off stderr. */
export function recordNotices(record: (kind: NoticeKind, text: string) => void): void {
  recorder = record;
}

/**
 * Writes one line on stderr, unless `OTEL_LOG_LEVEL` (default `info`) asks for less. Synchronous, so that a line written
 * while the process ends is not lost; never throws.
 */
export function writeNotice(kind: NoticeKind, text: string): void {
  recorder?.(kind, text);
  if (levels.indexOf(kind) > levels.indexOf(noticeLevelFromEnvironment() ?? 'info')) return;
  try {
    writeSync(2, `clew: ${text}\n`);
  } catch {
    // stderr is closed or full; the app must not suffer for it.
  }
}

/** Says what is wrong with `OTEL_LOG_LEVEL` itself, if anything is. */
export function checkNoticeLevel(): void {
  const text = process.env.OTEL_LOG_LEVEL?.trim();
  if (text === undefined || text === '' || noticeLevelFromEnvironment() !== undefined) return;
  writeNotice('warn', `OTEL_LOG_LEVEL=${text} is unknown, info is used: ${levels.join(', ')}`);
}

/**
 * Makes a callback of ours safe to be called by Node: what it throws is reported and goes no further. It would be an
 * uncaught error of the app.
 */
export function guard<Args extends readonly unknown[]>(
  place: string,
  callback: (...args: Args) => void,
): (...args: Args) => void {
  return (...args) => {
    try {
      callback(...args);
    } catch (error) {
      reportFailure(place, error);
    }
  };
}

const reported = new Set<string>();

/** Reports a failure of our own code: once for each place, so that a hot path cannot flood stderr. */
export function reportFailure(place: string, error: unknown): void {
  if (reported.has(place)) return;
  reported.add(place);
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
  writeNotice('error', `a failure in ${place}, reported once; the app goes on untouched. Please report it: ${detail}`);
}

import { writeSync } from 'node:fs';

/** `OTEL_LOG_LEVEL`, least talkative first. */
const levels = ['none', 'error', 'warn', 'info', 'debug', 'verbose', 'all'] as const;
export type NoticeLevel = (typeof levels)[number];

/**
 * Writes one line on stderr, unless `OTEL_LOG_LEVEL` (default `info`) asks for less. Synchronous, so that a line written
 * while the process ends is not lost; never throws.
 */
export function writeNotice(level: 'error' | 'warn' | 'info', text: string): void {
  const asked = process.env.OTEL_LOG_LEVEL?.trim().toLowerCase() as NoticeLevel | undefined;
  const threshold = asked !== undefined && levels.includes(asked) ? asked : 'info';
  if (levels.indexOf(level) > levels.indexOf(threshold)) return;
  try {
    writeSync(2, `clew: ${text}\n`);
  } catch {
    // stderr is closed or full; the app must not suffer for it.
  }
}

const reported = new Set<string>();

/** Reports a failure of our own code: once for each place, so that a hot path cannot flood stderr. */
export function reportFailure(place: string, error: unknown): void {
  if (reported.has(place)) return;
  reported.add(place);
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
  writeNotice('error', `a failure in ${place}, reported once; the app goes on untouched. Please report it: ${detail}`);
}

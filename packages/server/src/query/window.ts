import { type RawParameters, readInteger, refuse } from './parameters.ts';

const hourMs = 3_600_000;

/** The engine's times end in the year 2262. */
export const maxTimeMs = 9_000_000_000_000;

/** Unix milliseconds, both ends included. */
export interface Window {
  readonly startMs: number;
  readonly endMs: number;
}

/** The parameters `start` and `end`; the last hour when there are none. @throws ClewError CLEW_PARAMETER_INVALID */
export function readWindow(raw: RawParameters, nowMs: number): Window {
  const endMs = readInteger(raw, 'end', 0, maxTimeMs) ?? nowMs;
  const startMs = readInteger(raw, 'start', 0, maxTimeMs) ?? Math.max(0, endMs - hourMs);
  if (startMs > endMs) refuse('start', startMs, `at most the end, ${endMs}`);
  return { startMs, endMs };
}

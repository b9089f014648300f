import { type RawParameters, readInteger, refuse } from './parameters.ts';

const hourMs = 3_600_000;

/** The last millisecond whose nanoseconds fit into 63 bits, in the year 2262; no span starts later. */
export const maxTimeMs = 9_223_372_036_854;

/** Unix milliseconds, both ends included. */
export interface Window {
  readonly startMs: number;
  readonly endMs: number;
}

/**
 * The parameters `start` and `end`; where there are none, those of the window before, else the last hour.
 * @throws ClewError CLEW_PARAMETER_INVALID
 */
export function readWindow(raw: RawParameters, nowMs: number, before?: Window): Window {
  const endMs = readInteger(raw, 'end', 0, maxTimeMs) ?? before?.endMs ?? nowMs;
  const startMs = readInteger(raw, 'start', 0, maxTimeMs) ?? before?.startMs ?? Math.max(0, endMs - hourMs);
  if (startMs > endMs) refuse('start', startMs, `at most the end, ${endMs}`);
  return { startMs, endMs };
}

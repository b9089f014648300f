import { lookbackSyntax, parseLookbackMs } from '@clew/model';
import { InvalidArgumentError } from 'commander';

/**
 * A length of time back from now, as `90s`, `15m`, `1.5h`, `7d`.
 *
 * @returns Milliseconds.
 * @throws {InvalidArgumentError} When it is anything else.
 */
export function parseSince(text: string): number {
  const lookbackMs = parseLookbackMs(text);
  if (lookbackMs === undefined) throw new InvalidArgumentError(`Give ${lookbackSyntax}.`);
  return lookbackMs;
}

/**
 * A point in time: ISO 8601 (`2026-11-23T05:44:01Z`; without a zone, local time), or Unix time in milliseconds.
 *
 * @returns Unix milliseconds.
 * @throws {InvalidArgumentError} When it is anything else.
 */
export function parseTime(text: string): number {
  const timeMs = /^\d{11,14}$/.test(text) ? Number(text) : /^\d{4}-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(timeMs)) {
    throw new InvalidArgumentError('Give a time such as 2026-11-23T05:44:01Z, or Unix time in milliseconds.');
  }
  return timeMs;
}

/** Where a window begins, Unix milliseconds: so long back from now, or at a time; undefined when neither is given. */
export function readStart({ since, start }: { readonly since?: number; readonly start?: number }): number | undefined {
  return since === undefined ? start : Date.now() - since;
}

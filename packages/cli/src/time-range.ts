import { lookbackSyntax, parseLookbackMs } from '@clew/model/text';
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

/** How a point in time is written, for help and messages. */
export const timeSyntax = 'such as 2026-11-23T05:44:01Z or 2026-11-23 (UTC unless it has a zone), or Unix milliseconds';

const isoTime = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(:\d\d)?(?:[.,](\d{1,9}))?)?\s*(Z|[+-]\d\d:?\d\d)?$/i;

/**
 * A point in time: ISO 8601, in UTC unless it has a zone, as the times that clew prints, or Unix time in milliseconds.
 *
 * @returns Unix milliseconds; what is finer is cut off.
 * @throws {InvalidArgumentError} When it is anything else, or before 1970.
 */
export function parseTime(text: string): number {
  return readTime(text).timeMs;
}

/** As {@link parseTime}, but rounded up: an end is included. */
export function parseEndTime(text: string): number {
  const { timeMs, isWhole } = readTime(text);
  return isWhole ? timeMs : timeMs + 1;
}

function readTime(text: string): { readonly timeMs: number; readonly isWhole: boolean } {
  const time = /^\d{11,14}$/.test(text) ? { timeMs: Number(text), isWhole: true } : readIsoTime(text.trim());
  if (time === undefined || time.timeMs < 0) throw new InvalidArgumentError(`Give a time ${timeSyntax}.`);
  return time;
}

function readIsoTime(text: string): { readonly timeMs: number; readonly isWhole: boolean } | undefined {
  const match = isoTime.exec(text);
  if (match === null) return undefined;
  const [, day, minute = '00:00', second = ':00', fraction = '', zone = 'Z'] = match;
  // Date.parse takes days that a month does not have for days of the next one.
  const dayMs = Date.parse(`${day}T00:00:00Z`);
  if (Number.isNaN(dayMs) || new Date(dayMs).toISOString().slice(0, 10) !== day) return undefined;
  const offset = zone.toUpperCase().replace(/(\d\d):?(\d\d)$/, '$1:$2');
  const timeMs = Date.parse(`${day}T${minute}${second}.${fraction.slice(0, 3).padEnd(3, '0')}${offset}`);
  return Number.isNaN(timeMs) ? undefined : { timeMs, isWhole: /^0*$/.test(fraction.slice(3)) };
}

/** Where a window begins, Unix milliseconds: so long back from now, or at a time; undefined when neither is given. */
export function readStart({ since, start }: { readonly since?: number; readonly start?: number }): number | undefined {
  return since === undefined ? start : Math.max(0, Date.now() - since);
}

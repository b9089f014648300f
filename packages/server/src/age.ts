import { parseQuantity } from '@clew/model/text';

const minuteMs = 60_000;
const ageUnitsMs: Readonly<Record<string, number>> = {
  m: minuteMs,
  h: 60 * minuteMs,
  d: 1440 * minuteMs,
  w: 10_080 * minuteMs,
};

/** How an age is written, for messages. */
export const ageSyntax = 'an age such as 90m, 12h, 7d or 4w, from 1m to 5200w';

/** Reads `90m`, `12h`, `7d`, `1.5d` or `4w`; answers milliseconds, or undefined when it is none of these. */
export function parseAgeMs(text: string): number | undefined {
  const ageMs = Math.round(parseQuantity(text, ageUnitsMs) ?? Number.NaN);
  return isAgeMs(ageMs) ? ageMs : undefined;
}

/** A minute is the finest that the store can tell apart; a century is longer than it can tell. */
export function isAgeMs(ageMs: number): boolean {
  return Number.isSafeInteger(ageMs) && ageMs >= minuteMs && ageMs <= 5200 * ageUnitsMs.w!;
}

/** Writes an age in the largest unit in which it is whole: `7d`, `36h`, `90m`. */
export function formatAge(ageMs: number): string {
  const unit = (['d', 'h', 'm'] as const).find((name) => ageMs % ageUnitsMs[name]! === 0) ?? 'm';
  return `${ageMs / ageUnitsMs[unit]!}${unit}`;
}

const minuteMs = 60_000;
const ageUnitsMs: Readonly<Record<string, number>> = {
  m: minuteMs,
  h: 60 * minuteMs,
  d: 1440 * minuteMs,
  w: 10_080 * minuteMs,
};

const byteUnits: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

/** How an age is written, for messages. */
export const ageSyntax = 'an age such as 90m, 12h, 7d or 4w, from 1m to 5200w';

/** How a size is written, for messages. */
export const bytesSyntax = 'a number of bytes such as 500MB, 50GiB or 1073741824';

/** Reads `90m`, `12h`, `7d`, `1.5d` or `4w`; answers milliseconds, or undefined when it is none of these. */
export function parseAgeMs(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(m|h|d|w)$/.exec(text);
  if (match === null) return undefined;
  const ageMs = Math.round(Number(match[1]) * ageUnitsMs[match[2]!]!);
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

/** Reads `50GiB`, `500 MB` or `1073741824`; answers whole bytes, or undefined when it is none of these. */
export function parseBytes(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?) ?([kKMGT]?i?B|)$/.exec(text);
  const unit = byteUnits[match?.[2] ?? 'none'];
  if (match === null || unit === undefined) return undefined;
  const bytes = Math.round(Number(match[1]) * unit);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

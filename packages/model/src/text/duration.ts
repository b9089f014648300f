import { parseQuantity } from './quantity.ts';

const unitsNs = { ns: 1, us: 1e3, µs: 1e3, μs: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 };

/** Beyond this, nanoseconds are no longer exact in a number. */
const maxNs = 2500 * unitsNs.h;

/** How a duration is written, for messages. */
export const durationSyntax: string = 'a duration such as 1.5s, 200ms, 300us, 7ns, 2m or 1h, up to 2500h';

/**
 * Reads the duration of a span as it is written in requests, links and forms: `1.5s`, `200 ms`, `300µs`, `7ns`, `2m`,
 * `1h`. Answers whole nanoseconds, or undefined when the text is something else or more than 2,500 hours.
 */
export function parseDurationNs(text: string): number | undefined {
  const durationNs = parseQuantity(text.toLowerCase(), unitsNs);
  return durationNs === undefined || durationNs > maxNs ? undefined : Math.round(durationNs);
}

const unitsMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** How a length of time back from now is written, for messages. */
export const lookbackSyntax: string = 'a number with a unit (s, m, h, d, w), such as 15m, 1.5h or 7d';

/** Reads how far back a window reaches: `90s`, `15m`, `1.5h`, `7d`. Answers milliseconds, or undefined. */
export function parseLookbackMs(text: string): number | undefined {
  const lookbackMs = parseQuantity(text.toLowerCase(), unitsMs);
  return lookbackMs === undefined || !Number.isSafeInteger(Math.round(lookbackMs)) ? undefined : Math.round(lookbackMs);
}

const shownUnits = [
  { symbol: 's', sizeNs: 1e9 },
  { symbol: 'ms', sizeNs: 1e6 },
  { symbol: 'µs', sizeNs: 1e3 },
] as const;

/**
 * A duration in nanoseconds with three significant digits, in the largest unit that gives at least 1: `1.23 ms`,
 * `999 µs`, `0 ns`. From a minute on, two whole units instead of decimals: `2 min 5 s`.
 */
export function formatDuration(durationNs: number): string {
  if (durationNs < 0) return `-${formatDuration(-durationNs)}`;
  for (const { symbol, sizeNs } of shownUnits) {
    // Compared after rounding, so that 999.9996 µs is 1 ms and not 1000 µs.
    const value = Number((durationNs / sizeNs).toPrecision(3));
    if (symbol === 's' && value >= 60) return formatLong(Math.round(durationNs / 1e9));
    if (value >= 1) return `${value} ${symbol}`;
  }
  return `${Math.round(durationNs)} ns`;
}

function formatLong(seconds: number): string {
  if (seconds < 3600) return twoUnits(seconds, 'min', 's');
  return twoUnits(Math.round(seconds / 60), 'h', 'min');
}

function twoUnits(count: number, large: string, small: string): string {
  const rest = count % 60;
  return `${Math.floor(count / 60)} ${large}${rest === 0 ? '' : ` ${rest} ${small}`}`;
}

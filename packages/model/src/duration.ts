const units = [
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
  for (const { symbol, sizeNs } of units) {
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

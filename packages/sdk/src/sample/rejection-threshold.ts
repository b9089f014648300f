/**
 * The rejection threshold of a sampling probability: how many of 2^56 traces are refused, rounded to four significant
 * hex digits (leading f's do not count), as the specification recommends: OpenTelemetry, "TraceState: Probability
 * Sampling", "Converting floating-point probability to threshold value".
 *
 * @param ratio 2^-56 to 1.
 */
export function thresholdOfRatio(ratio: number): bigint {
  const exact = all - BigInt(Math.round(ratio * 2 ** 56));
  // Leading f's of the threshold are leading zeros of the ratio.
  const leadingDigits = Math.max(0, Math.floor(-(Math.floor(Math.log2(ratio)) + 1) / 4));
  const unit = 16n ** BigInt(14 - Math.min(14, significantDigits + leadingDigits));
  return ((exact + unit / 2n) / unit) * unit;
}

/** The value of `th`: 14 hex digits, without the trailing zeros. */
export function formatThreshold(threshold: bigint): string {
  const digits = threshold.toString(16).padStart(14, '0').replace(/0+$/, '');
  return digits === '' ? '0' : digits;
}

/** Reads a `th`: 1 to 14 hex digits, behind which zeros were left out; undefined for everything else. */
export function parseThreshold(th: string | undefined): bigint | undefined {
  return th !== undefined && /^[0-9a-f]{1,14}$/.test(th) ? BigInt(`0x${th.padEnd(14, '0')}`) : undefined;
}

/** The smallest probability that is one. */
export const leastRatio: number = 2 ** -56;

const all = 2n ** 56n;
const significantDigits = 4;

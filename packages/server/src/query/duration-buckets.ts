/** Pairs of a bucket and how many durations are in it, see `operation_minutes`. */
export type DurationBuckets = readonly (readonly [bucket: number, count: number])[];

/** Buckets for each doubling of a duration. */
const bucketsPerDoubling = 8;

/**
 * The duration that a share of all are not longer than, in nanoseconds, at most 4.5 % off: the middle of its bucket, as
 * ratios go. Zero when there is none.
 * @param buckets in ascending order
 * @param share above 0, up to 1
 */
export function readQuantileNs(buckets: DurationBuckets, share: number): number {
  const all = buckets.reduce((sum, [, count]) => sum + count, 0);
  let seen = 0;
  for (const [bucket, count] of buckets) {
    seen += count;
    if (seen >= share * all) return bucket === 0 ? 1 : Math.round(2 ** ((bucket - 0.5) / bucketsPerDoubling));
  }
  return 0;
}

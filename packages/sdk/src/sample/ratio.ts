/** A ratio as samplers use it: what lies outside 0 to 1 is taken as the nearer end, what is no number as 0. */
export function clampRatio(ratio: number): number {
  return Number.isNaN(ratio) ? 0 : Math.min(1, Math.max(0, ratio));
}

import type { TraceTree } from './tree.ts';

/**
 * Self time of each row in nanoseconds: its duration without the time in which at least one of its children ran.
 * Children count only as far as they lie inside the span; two that overlap are counted once.
 */
export function computeSelfTimes(tree: TraceTree, startNs: Float64Array, durationNs: Float64Array): Float64Array {
  const selfNs = new Float64Array(startNs.length);
  for (let row = 0; row < startNs.length; row++) {
    let uncovered = durationNs[row]!;
    forEachUnion(tree, startNs, durationNs, row, (from, to) => {
      uncovered -= to - from;
    });
    selfNs[row] = uncovered;
  }
  return selfNs;
}

/**
 * Calls `visit` with the intervals of `row` that its children cover, in order, disjoint, clipped to the span.
 * Times are those of `startNs`.
 */
export function forEachUnion(
  tree: TraceTree,
  startNs: Float64Array,
  durationNs: Float64Array,
  row: number,
  visit: (fromNs: number, toNs: number) => void,
): void {
  const spanStart = startNs[row]!;
  const spanEnd = spanStart + durationNs[row]!;
  let from = spanStart;
  let to = spanStart;
  for (let child = tree.firstChild[row]!; child !== -1; child = tree.nextSibling[child]!) {
    const childStart = Math.max(startNs[child]!, spanStart);
    const childEnd = Math.min(startNs[child]! + durationNs[child]!, spanEnd);
    if (childEnd <= childStart) continue;
    if (childStart > to) {
      if (to > from) visit(from, to);
      from = childStart;
      to = childEnd;
    } else if (childEnd > to) {
      to = childEnd;
    }
  }
  if (to > from) visit(from, to);
}

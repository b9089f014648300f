/**
 * Row by span id, for ids as two 32-bit halves. Open addressing in typed arrays: 100,000 ids as strings or bigints in a
 * Map cost more than the whole of the rest of a table.
 *
 * ```
 *   slot -> row + 1 (0: free)      the id itself stays in the caller's columns: high[row], low[row]
 * ```
 */
export interface SpanIndex {
  /** The first row that was given with this id, or -1. */
  rowOf(high: number, low: number): number;
}

/** Of rows with the same id the first wins. The columns are kept, not copied, and must not change. */
export function buildSpanIndex(high: Uint32Array, low: Uint32Array): SpanIndex {
  // At most half full, so that a probe ends soon.
  const slotCount = 2 ** Math.ceil(Math.log2(Math.max(high.length, 1) * 2));
  const mask = slotCount - 1;
  const slots = new Uint32Array(slotCount);

  const slotOf = (idHigh: number, idLow: number): number => {
    // Not every id is random (tests, counters), so all bits are mixed.
    let slot = (Math.imul(idHigh ^ (idLow >>> 16), 0x9e3779b1) ^ Math.imul(idLow, 0x85ebca6b)) >>> 0;
    slot = (slot ^ (slot >>> 15)) & mask;
    for (;;) {
      const row = slots[slot]! - 1;
      if (row === -1 || (high[row] === idHigh && low[row] === idLow)) return slot;
      slot = (slot + 1) & mask;
    }
  };

  for (let row = 0; row < high.length; row++) {
    const slot = slotOf(high[row]!, low[row]!);
    if (slots[slot] === 0) slots[slot] = row + 1;
  }
  return { rowOf: (idHigh, idLow) => slots[slotOf(idHigh >>> 0, idLow >>> 0)]! - 1 };
}

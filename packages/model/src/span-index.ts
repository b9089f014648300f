/**
 * Row by span id, for ids as two 32-bit halves. Open addressing in typed arrays: 100,000 ids as strings or bigints in a
 * Map cost more than the whole of the rest of a table.
 *
 * ```
 *   slot -> row + 1 (0: free)      the id itself stays in the caller's columns: high[row], low[row]
 * ```
 *
 * Senders choose the ids. One that finds no slot within {@link maxProbes} is kept in a `Map` by its text, which V8 hashes
 * with a secret seed: ids that were chosen to collide take no more than linear time.
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

  const crowded = new Map<string, number>();

  /** The slot of the id, or the free one for it; -1 when all that it may have are taken by others. */
  const slotOf = (idHigh: number, idLow: number): number => {
    // Not every id is random (tests, counters), so all bits are mixed.
    const mixed = (Math.imul(idHigh ^ (idLow >>> 16), 0x9e3779b1) ^ Math.imul(idLow, 0x85ebca6b)) >>> 0;
    const first = (mixed ^ (mixed >>> 15)) & mask;
    for (let probe = 0; probe < maxProbes; probe++) {
      const slot = (first + probe) & mask;
      const row = slots[slot]! - 1;
      if (row === -1 || (high[row] === idHigh && low[row] === idLow)) return slot;
    }
    return -1;
  };

  for (let row = 0; row < high.length; row++) {
    const slot = slotOf(high[row]!, low[row]!);
    if (slot === -1) {
      const text = textOf(high[row]!, low[row]!);
      if (!crowded.has(text)) crowded.set(text, row);
    } else if (slots[slot] === 0) slots[slot] = row + 1;
  }
  return {
    rowOf: (idHigh, idLow) => {
      const slot = slotOf(idHigh >>> 0, idLow >>> 0);
      return slot === -1 ? (crowded.get(textOf(idHigh >>> 0, idLow >>> 0)) ?? -1) : slots[slot]! - 1;
    },
  };
}

// At half full, ids that were not chosen to collide get this far once in several hundred.
const maxProbes = 32;

/** It begins with a letter: V8 hashes text that is an array index without its seed. */
function textOf(high: number, low: number): string {
  return `i${high}:${low}`;
}

import type { TraceTree } from '@clew/model';

/** The rows that the waterfall lists, and where each stands in the list. */
export interface VisibleRows {
  /** Rows in pre-order, without those inside a collapsed subtree. */
  readonly rows: Uint32Array;
  /** Place of a row in `rows`, or -1. */
  readonly placeOf: Int32Array;
}

export function listVisibleRows(tree: TraceTree, collapsed: ReadonlySet<number>): VisibleRows {
  const rows = new Uint32Array(tree.order.length);
  const placeOf = new Int32Array(tree.order.length).fill(-1);
  let count = 0;
  let at = 0;
  while (at < tree.order.length) {
    const row = tree.order[at]!;
    rows[count] = row;
    placeOf[row] = count++;
    at += collapsed.has(row) ? tree.subtreeSize[row]! : 1;
  }
  return { rows: rows.subarray(0, count), placeOf };
}

/** The rows that "collapse all" folds: all with children, except for roots. */
export function rowsToCollapse({ depth, childCount }: TraceTree): Set<number> {
  const rows = new Set<number>();
  for (let row = 0; row < depth.length; row++) if (depth[row]! > 0 && childCount[row]! > 0) rows.add(row);
  return rows;
}

/** The set without the ancestors of `row`, so that it is listed; the same set when it is already. */
export function revealRow(tree: TraceTree, collapsed: ReadonlySet<number>, row: number): ReadonlySet<number> {
  const opened = new Set(collapsed);
  for (let up = row === -1 ? -1 : tree.parent[row]!; up !== -1; up = tree.parent[up]!) opened.delete(up);
  return opened.size === collapsed.size ? collapsed : opened;
}

/** The set with `row` collapsed, or expanded when it is; the same set for a row without children. */
export function toggleRow(tree: TraceTree, collapsed: ReadonlySet<number>, row: number): ReadonlySet<number> {
  if (tree.childCount[row] === 0) return collapsed;
  const changed = new Set(collapsed);
  if (!changed.delete(row)) changed.add(row);
  return changed;
}

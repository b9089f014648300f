/**
 * The tree of one trace, as columns. A row is a span; rows are ordered by start, so children listed by row are listed
 * by start.
 *
 * ```
 *   row          0     1     2     3     4          0 gateway
 *   parent      -1     0     0     1     1          ├─ 1 orders
 *   firstChild   1     3    -1    -1    -1          │  ├─ 3 select
 *   nextSibling -1     2    -1     4    -1          │  └─ 4 insert
 *   depth        0     1     1     2     2          └─ 2 payments
 *   order        0     1     3     4     2          (rows, parents before children)
 *   subtreeSize  5     3     1     1     1          (order[i] .. order[i + size - 1] is a subtree)
 * ```
 *
 * Whatever arrives, the tree is a forest over all rows: a span whose parent is not in the trace is a root, a circle of
 * parents is cut at its earliest span, and of spans that share an id the first row is the one that has the children.
 */
export interface TraceTree {
  /** Row of the parent, or -1. */
  readonly parent: Int32Array;
  /** Row of the first child, or -1. */
  readonly firstChild: Int32Array;
  /** Row of the next child of the same parent (of the next root, for a root), or -1. */
  readonly nextSibling: Int32Array;
  /** 0 for roots. */
  readonly depth: Uint32Array;
  readonly childCount: Uint32Array;
  /** Place among the siblings, from 0. */
  readonly siblingIndex: Uint32Array;
  /** Spans in the subtree, the row itself counted. */
  readonly subtreeSize: Uint32Array;
  /** Rows in pre-order. */
  readonly order: Uint32Array;
  /** Place of a row in `order`. */
  readonly place: Uint32Array;
  readonly rootCount: number;
  /** One of {@link linked}, {@link parentMissing}, {@link parentInCycle} a row. */
  readonly parentState: Uint8Array;
}

/** The parent is in the trace, or the span has none. */
export const linked = 0;
/** The span names a parent that is not in the trace: not arrived, not sampled, or lost on the way. */
export const parentMissing = 1;
/** The span was its own ancestor; the link to its parent is ignored. */
export const parentInCycle = 2;

const noRow = -1;

/**
 * Builds the tree. `parent` (row or -1) and `parentState` are taken over, and changed where a circle is cut.
 * Runs in time linear in the rows and without recursion: a chain of 100,000 spans is as good as a fan of them.
 */
export function buildTree(parent: Int32Array, parentState: Uint8Array): TraceTree {
  const count = parent.length;
  cutCycles(parent, parentState);

  const firstChild = new Int32Array(count).fill(noRow);
  const nextSibling = new Int32Array(count).fill(noRow);
  const childCount = new Uint32Array(count);
  let firstRoot = noRow;
  let rootCount = 0;
  for (let row = count - 1; row >= 0; row--) {
    const up = parent[row]!;
    if (up === noRow) {
      nextSibling[row] = firstRoot;
      firstRoot = row;
      rootCount++;
    } else {
      nextSibling[row] = firstChild[up]!;
      firstChild[up] = row;
      childCount[up]!++;
    }
  }

  const depth = new Uint32Array(count);
  const siblingIndex = new Uint32Array(count);
  const order = new Uint32Array(count);
  const place = new Uint32Array(count);
  let at = 0;
  let row = firstRoot;
  while (row !== noRow) {
    order[at] = row;
    place[row] = at;
    at++;
    const child = firstChild[row]!;
    if (child !== noRow) {
      depth[child] = depth[row]! + 1;
      row = child;
      continue;
    }
    while (row !== noRow && nextSibling[row] === noRow) row = parent[row]!;
    if (row === noRow) break;
    const next = nextSibling[row]!;
    depth[next] = depth[row]!;
    siblingIndex[next] = siblingIndex[row]! + 1;
    row = next;
  }

  const subtreeSize = new Uint32Array(count).fill(1);
  for (let i = count - 1; i >= 0; i--) {
    const up = parent[order[i]!]!;
    if (up !== noRow) subtreeSize[up]! += subtreeSize[order[i]!]!;
  }
  return {
    parent,
    firstChild,
    nextSibling,
    depth,
    childCount,
    siblingIndex,
    subtreeSize,
    order,
    place,
    rootCount,
    parentState,
  };
}

/** Walks up from every row; a walk that meets its own track has found a circle, which is cut at its earliest row. */
function cutCycles(parent: Int32Array, parentState: Uint8Array): void {
  const walkOf = new Uint32Array(parent.length);
  for (let start = 0; start < parent.length; start++) {
    const walk = start + 1;
    let row = start;
    while (row !== noRow && walkOf[row] === 0) {
      walkOf[row] = walk;
      row = parent[row]!;
    }
    if (row === noRow || walkOf[row] !== walk) continue;
    let earliest = row;
    for (let member = parent[row]!; member !== row; member = parent[member]!) {
      if (member < earliest) earliest = member;
    }
    parent[earliest] = noRow;
    parentState[earliest] = parentInCycle;
  }
}

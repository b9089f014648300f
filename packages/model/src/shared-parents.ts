import { type NativeBlock, stringAt } from '@clew/wire';
import { columnOf } from './columns.ts';
import type { SpanIndex } from './span-index.ts';
import { linked, parentMissing } from './tree.ts';

/** The span that a row names as its parent, as two halves of its id. */
export interface ParentIds {
  readonly high: Uint32Array;
  readonly low: Uint32Array;
}

/**
 * Keeps a trace of Zipkin whole in which the client's half of a shared span is missing. The server's half (attribute
 * `zipkin.shared`) has an id of its own and names the shared id as its parent: where nobody else has that id, the server's
 * half takes its place, as in Zipkin. It hangs on the parent of the shared span (`zipkin.parent_id`), or is a root without
 * one, and the spans that name the shared id hang on it.
 *
 * ```
 * id 2 is missing     f(2), parent 2, zipkin.parent_id 1      ->   1 ── f(2) ── 3
 *                     3, parent 2
 * ```
 *
 * Changes `parent` and `parentState` of rows whose parent is missing.
 */
export function linkSharedParents(
  parent: Int32Array,
  parentState: Uint8Array,
  ids: ParentIds,
  spanIds: SpanIndex,
  blockOfRow: (row: number) => { readonly block: NativeBlock; readonly at: number },
): void {
  const standIns = new Map<string, number>();
  const halves: number[] = [];
  for (let row = 0; row < parent.length; row++) {
    if (parentState[row] !== parentMissing) continue;
    const { block, at } = blockOfRow(row);
    if (indexOfAttribute(block, 'attr_bool', at, 'zipkin.shared') === -1) continue;
    halves.push(row);
    const key = keyOf(ids.high[row]!, ids.low[row]!);
    if (!standIns.has(key)) standIns.set(key, row);
  }
  if (halves.length === 0) return;
  const link = (row: number, high: number, low: number): void => {
    const found = spanIds.rowOf(high, low);
    const up = found === -1 ? (standIns.get(keyOf(high, low)) ?? -1) : found;
    if (up === -1 || up === row) return;
    parent[row] = up;
    parentState[row] = linked;
  };
  const isHalf = new Set(halves);
  for (let row = 0; row < parent.length; row++) {
    if (parentState[row] === parentMissing && !isHalf.has(row)) link(row, ids.high[row]!, ids.low[row]!);
  }
  for (const row of halves) {
    const { block, at } = blockOfRow(row);
    const index = indexOfAttribute(block, 'attr_string', at, 'zipkin.parent_id');
    const text = index === -1 ? '' : stringAt(columnOf(block, 'attr_string', 'map').values, index);
    if (!/^[0-9a-f]{16}$/.test(text)) parentState[row] = linked;
    else link(row, Number.parseInt(text.slice(0, 8), 16), Number.parseInt(text.slice(8), 16));
  }
}

function keyOf(high: number, low: number): string {
  return `${high} ${low}`;
}

/** Where the value of an attribute stands in its column, or -1. */
function indexOfAttribute(block: NativeBlock, column: string, at: number, key: string): number {
  const { ends, keys } = columnOf(block, column, 'map');
  for (let index = at === 0 ? 0 : ends[at - 1]!; index < ends[at]!; index++) {
    if (stringAt(keys, index) === key) return index;
  }
  return -1;
}

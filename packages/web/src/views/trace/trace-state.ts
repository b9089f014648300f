import { rowOfSpan, type TraceTable } from '@clew/model';
import { revealRow, rowsToCollapse, toggleRow, type VisibleRows } from '../../table/visible-rows.ts';
import { readFolds, type TraceAddress, type TraceState } from './trace-address.ts';

export type TraceAction =
  | { readonly type: 'select'; readonly row: number; readonly details?: boolean }
  | { readonly type: 'toggle'; readonly row: number }
  | { readonly type: 'collapseAll' | 'expandAll' | 'toggleDetails' | 'closeDetails' }
  | { readonly type: 'filter'; readonly text: string }
  | { readonly type: 'follow'; readonly address: TraceAddress };

/**
 * The state that an address describes. Its span is selected, if it is in the trace; Jaeger's links to a span have the
 * span's id as their filter instead.
 */
export function stateOf(table: TraceTable, address: TraceAddress): TraceState {
  const selectedRow = rowOfSpan(table, address.span ?? address.uiFind ?? '');
  return {
    collapsed: revealRow(table.tree, readFolds(table, address), selectedRow),
    selectedRow,
    isDetailsOpen: selectedRow !== -1 && address.details !== 'closed',
    filter: address.uiFind ?? '',
  };
}

export function reduceTrace(table: TraceTable, state: TraceState, action: TraceAction): TraceState {
  switch (action.type) {
    case 'select':
      return {
        ...state,
        selectedRow: action.row,
        collapsed: revealRow(table.tree, state.collapsed, action.row),
        isDetailsOpen: action.details ?? state.isDetailsOpen,
      };
    case 'toggle': {
      const collapsed = toggleRow(table.tree, state.collapsed, action.row);
      // A selection must not vanish into a folded subtree: its top takes over.
      const isHidden = state.selectedRow !== -1 && revealRow(table.tree, collapsed, state.selectedRow) !== collapsed;
      return { ...state, collapsed, selectedRow: isHidden ? action.row : state.selectedRow };
    }
    case 'collapseAll': {
      const collapsed = rowsToCollapse(table.tree);
      return { ...state, collapsed, selectedRow: topmostCollapsed(table, collapsed, state.selectedRow) };
    }
    case 'expandAll':
      return { ...state, collapsed: new Set() };
    case 'toggleDetails':
      return { ...state, isDetailsOpen: !state.isDetailsOpen && state.selectedRow !== -1 };
    case 'closeDetails':
      return { ...state, isDetailsOpen: false };
    case 'filter':
      return { ...state, filter: action.text };
    case 'follow':
      return stateOf(table, action.address);
  }
}

function topmostCollapsed(table: TraceTable, collapsed: ReadonlySet<number>, row: number): number {
  let shown = row;
  for (let up = row; up !== -1; up = table.tree.parent[up]!) if (collapsed.has(up)) shown = up;
  return shown;
}

/** The row that a key leads to from the selected one, or -1 to stay. */
export function neighbourRow(visible: VisibleRows, selectedRow: number, step: number): number {
  const { rows, placeOf } = visible;
  if (rows.length === 0) return -1;
  const place = selectedRow === -1 ? -1 : placeOf[selectedRow]!;
  if (place === -1) return rows[step > 0 ? 0 : rows.length - 1]!;
  return rows[Math.min(Math.max(place + step, 0), rows.length - 1)]!;
}

/** The next row in the order of the tree that the filter found, around the end; -1 when there is none. */
export function nextMatch(table: TraceTable, matches: Uint8Array, selectedRow: number, step: 1 | -1): number {
  const { order, place } = table.tree;
  const start = selectedRow === -1 ? (step === 1 ? -1 : 0) : place[selectedRow]!;
  for (let distance = 1; distance <= order.length; distance++) {
    const row = order[(start + step * distance + 2 * order.length) % order.length]!;
    if (matches[row] === 1) return row;
  }
  return -1;
}

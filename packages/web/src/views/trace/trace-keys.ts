import type { TraceTable } from '@clew/model';
import { type RefObject, useEffect, useRef } from 'react';
import { fullWindow, panWindow, type TimeWindow, zoomWindow } from '../../layout/time-window.ts';
import type { VisibleRows } from '../../table/visible-rows.ts';
import type { TraceState } from './trace-address.ts';
import { neighbourRow, type TraceAction } from './trace-state.ts';
import type { ViewportStore } from './viewport.ts';

export interface TraceKeysOptions {
  readonly table: TraceTable;
  readonly visible: VisibleRows;
  readonly state: TraceState;
  readonly dispatch: (action: TraceAction) => void;
  readonly store: ViewportStore;
  readonly filterInput: RefObject<HTMLInputElement | null>;
  readonly toggleHelp: () => void;
}

const zoomStep = 0.7;
const panShare = 0.15;
const pageRows = 20;

/** The keys of the trace page, wherever the focus is, except while text is typed. */
export function useTraceKeys(options: TraceKeysOptions): void {
  const latest = useRef(options);
  latest.current = options;
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event)) return;
      if (handleKey(event.key, event.target, latest.current)) event.preventDefault();
    };
    window.addEventListener('keydown', onKeyDown);
    return () => window.removeEventListener('keydown', onKeyDown);
  }, []);
}

function isTyping({ target }: KeyboardEvent): boolean {
  return target instanceof HTMLElement && target.matches('input, textarea, select, dialog *');
}

/** Whether the key meant something here. */
function handleKey(key: string, target: EventTarget | null, options: TraceKeysOptions): boolean {
  const { table, visible, state, dispatch, store } = options;
  const { tree } = table;
  const row = state.selectedRow;
  const select = (to: number): true => {
    if (to !== -1 && to !== row) dispatch({ type: 'select', row: to });
    return true;
  };
  const zoom = (factor: number): true => {
    const { window } = store.get();
    store.set({ window: zoomWindow(window, factor, anchorOf(window), table.durationNs) });
    return true;
  };
  /** What stays in its place: the middle of the selected span where it is in view, or else of the view. */
  const anchorOf = ({ fromNs, toNs }: TimeWindow): number => {
    const middleNs = row === -1 ? -1 : table.spanStartNs[row]! + table.spanDurationNs[row]! / 2;
    return middleNs >= fromNs && middleNs <= toNs ? middleNs : (fromNs + toNs) / 2;
  };
  const pan = (share: number): true => {
    const { window } = store.get();
    store.set({ window: panWindow(window, (window.toNs - window.fromNs) * share, table.durationNs) });
    return true;
  };
  switch (key) {
    case 'ArrowDown':
    case 'j':
      return select(neighbourRow(visible, row, 1));
    case 'ArrowUp':
    case 'k':
      return select(neighbourRow(visible, row, -1));
    case 'PageDown':
      return select(neighbourRow(visible, row, pageRows));
    case 'PageUp':
      return select(neighbourRow(visible, row, -pageRows));
    case 'Home':
      return select(visible.rows[0] ?? -1);
    case 'End':
      return select(visible.rows.at(-1) ?? -1);
    case 'ArrowRight':
      if (row === -1) return select(neighbourRow(visible, row, 1));
      if (state.collapsed.has(row)) dispatch({ type: 'toggle', row });
      else if (tree.firstChild[row] !== -1) select(tree.firstChild[row]!);
      return true;
    case 'ArrowLeft':
      if (row === -1) return true;
      if (tree.childCount[row]! > 0 && !state.collapsed.has(row)) dispatch({ type: 'toggle', row });
      else select(tree.parent[row]!);
      return true;
    case 'Enter':
      // On a button or a link the key is theirs.
      if (target instanceof HTMLElement && target.closest('button, a') !== null) return false;
      dispatch({ type: 'toggleDetails' });
      return true;
    case 'Escape':
      if (state.isDetailsOpen) dispatch({ type: 'closeDetails' });
      else dispatch({ type: 'filter', text: '' });
      return true;
    case 'w':
      return zoom(zoomStep);
    case 's':
      return zoom(1 / zoomStep);
    case 'a':
      return pan(-panShare);
    case 'd':
      return pan(panShare);
    case '0':
      store.set({ window: fullWindow(table.durationNs) });
      return true;
    case 'f':
    case '/':
      options.filterInput.current?.focus();
      return true;
    case '?':
      options.toggleHelp();
      return true;
    default:
      return false;
  }
}

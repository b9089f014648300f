import { formatDuration, type TraceTable } from '@clew/model';
import { type ReactNode, type RefObject, useCallback, useSyncExternalStore } from 'react';
import { showControls } from '../../draw/visible-text.ts';
import { rangeInView, rowHeightPx } from '../../layout/row-range.ts';
import type { VisibleRows } from '../../table/visible-rows.ts';
import { useText } from '../text.ts';
import type { TraceState } from './trace-address.ts';
import type { ViewportStore } from './viewport.ts';

export interface SpanTreeProps {
  readonly table: TraceTable;
  readonly visible: VisibleRows;
  readonly state: TraceState;
  readonly store: ViewportStore;
  readonly scroller: RefObject<HTMLDivElement | null>;
  readonly contentPx: number;
}

/**
 * The tree that the canvas is a picture of, for screen readers and tests (WAI-ARIA tree view). Only the rows in view are
 * elements, and the selected one; the tree itself has the focus and says which item is active.
 */
export function SpanTree({ table, visible, state, store, scroller, contentPx }: SpanTreeProps): ReactNode {
  const say = useText();
  const { rows, placeOf } = visible;
  const rowCount = rows.length;
  const range = useRange(store, rowCount);
  const selectedPlace = state.selectedRow === -1 ? -1 : placeOf[state.selectedRow]!;
  const places = Array.from({ length: range.end - range.first }, (_, index) => range.first + index);
  if (selectedPlace !== -1 && (selectedPlace < range.first || selectedPlace >= range.end)) places.push(selectedPlace);

  return (
    <div
      className="span-tree"
      ref={scroller}
      role="tree"
      tabIndex={0}
      aria-label={say('trace.tree')}
      aria-activedescendant={selectedPlace === -1 ? undefined : itemId(state.selectedRow)}
      // What is under the pointer has moved on.
      onScroll={(event) => store.set({ scrollTopPx: event.currentTarget.scrollTop, hoveredRow: -1 })}
    >
      <div role="none" style={{ height: contentPx }}>
        {places.map((place) => {
          const row = rows[place]!;
          const { tree } = table;
          const up = tree.parent[row]!;
          const error = table.status[row] === 2 ? `, ${say('span.error')}` : '';
          return (
            <div
              key={row}
              id={itemId(row)}
              role="treeitem"
              tabIndex={-1}
              className="span-tree-item"
              aria-level={tree.depth[row]! + 1}
              aria-setsize={up === -1 ? tree.rootCount : tree.childCount[up]!}
              aria-posinset={tree.siblingIndex[row]! + 1}
              aria-expanded={tree.childCount[row] === 0 ? undefined : !state.collapsed.has(row)}
              aria-selected={row === state.selectedRow}
              aria-label={`${nameOf(table.services[table.service[row]!]!)}, ${nameOf(table.names[table.name[row]!]! || say('span.noName'))}, ${formatDuration(
                table.spanDurationNs[row]!,
              )}${error}`}
              style={{ top: Math.min(place * rowHeightPx, contentPx - rowHeightPx) }}
            />
          );
        })}
      </div>
    </div>
  );
}

/** Long names are cut: nobody listens to 5,000 characters. */
function nameOf(text: string): string {
  return showControls(text.length > 300 ? `${text.slice(0, 300)}…` : text);
}

function itemId(row: number): string {
  return `span-${row}`;
}

/** The rows in view; renders anew when another row comes into view, not with every pixel. */
function useRange(store: ViewportStore, rowCount: number): { first: number; end: number } {
  const read = useCallback(() => {
    const { scrollTopPx, viewPx } = store.get();
    const { first, end } = rangeInView(scrollTopPx, viewPx, rowCount);
    return `${first}-${end}`;
  }, [store, rowCount]);
  const [first, end] = useSyncExternalStore(store.subscribe, read).split('-');
  return { first: Number(first), end: Number(end) };
}

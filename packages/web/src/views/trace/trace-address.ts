import { rowOfSpan, spanIdOf, type TraceTable } from '@clew/model';
import type { PageQuery } from '../../fetch/search-address.ts';
import { fullWindow, isFullWindow, type TimeWindow, windowBetween } from '../../layout/time-window.ts';
import { rowsToCollapse } from '../../table/visible-rows.ts';

/** What is selected, folded and looked for. What changes with every frame (scroll, zoom) is in the viewport. */
export interface TraceState {
  readonly collapsed: ReadonlySet<number>;
  /** Row of the table, or -1. */
  readonly selectedRow: number;
  readonly isDetailsOpen: boolean;
  readonly filter: string;
}

/**
 * The view of a trace as it stands in the address of its page, so that a reload and a link show the same:
 *
 * ```
 * span     id of the selected span
 * details  "closed" when the panel with its details is not shown
 * uiFind   the filter, under Jaeger's name
 * zoom     the part of the trace that is shown: nanoseconds after its start, "1200-88000"
 * fold     ids of folded spans, with commas between them; after "all", of those that are open
 * ```
 */
export interface TraceAddress {
  readonly span?: string;
  readonly details?: 'closed';
  readonly uiFind?: string;
  readonly zoom?: string;
  readonly fold?: string;
}

/** What cannot be read in the address is left out: it changes the view, not what is shown. */
export function readTraceAddress(query: PageQuery): TraceAddress {
  const text = (name: keyof TraceAddress): string | undefined => {
    const value = [query[name] ?? []].flat().at(-1);
    return value === '' ? undefined : value;
  };
  const [span, uiFind, zoom, fold] = [text('span'), text('uiFind'), text('zoom'), text('fold')];
  return {
    ...(span !== undefined && { span }),
    ...(text('details') === 'closed' && { details: 'closed' }),
    ...(uiFind !== undefined && { uiFind }),
    ...(zoom !== undefined && /^\d+-\d+$/.test(zoom) && { zoom }),
    ...(fold !== undefined && /^(all|[0-9a-f]{16})(,[0-9a-f]{16})*$/.test(fold) && { fold }),
  };
}

/** More spans than this that are folded by hand do not fit into an address. */
const maxFolds = 200;

export function formatTraceAddress(table: TraceTable, state: TraceState, window: TimeWindow): TraceAddress {
  const { selectedRow, filter } = state;
  const fold = formatFolds(table, state.collapsed);
  return {
    ...(selectedRow !== -1 && { span: spanIdOf(table, selectedRow) }),
    ...(selectedRow !== -1 && !state.isDetailsOpen && { details: 'closed' }),
    ...(filter !== '' && { uiFind: filter }),
    ...(!isFullWindow(window, table.durationNs) && { zoom: `${Math.floor(window.fromNs)}-${Math.ceil(window.toNs)}` }),
    ...(fold !== '' && { fold }),
  };
}

function formatFolds(table: TraceTable, collapsed: ReadonlySet<number>): string {
  if (collapsed.size === 0) return '';
  const all = rowsToCollapse(table.tree);
  const opened = [...all].filter((row) => !collapsed.has(row));
  const idsOf = (rows: readonly number[]): string[] => rows.slice(0, maxFolds).map((row) => spanIdOf(table, row));
  const isMostlyFolded = opened.length < collapsed.size && [...collapsed].every((row) => all.has(row));
  return isMostlyFolded ? ['all', ...idsOf(opened)].join(',') : idsOf([...collapsed]).join(',');
}

/** The folded rows that the address names. */
export function readFolds(table: TraceTable, { fold }: TraceAddress): ReadonlySet<number> {
  const [first, ...rest] = fold?.split(',') ?? [];
  if (first === undefined) return new Set();
  const rowsOf = (ids: readonly string[]): number[] =>
    ids.map((id) => rowOfSpan(table, id)).filter((row) => row !== -1 && table.tree.childCount[row]! > 0);
  if (first !== 'all') return new Set(rowsOf([first, ...rest]));
  const collapsed = rowsToCollapse(table.tree);
  for (const row of rowsOf(rest)) collapsed.delete(row);
  return collapsed;
}

/** The part of the trace that the address names, or all of it. */
export function readZoom({ durationNs }: TraceTable, { zoom }: TraceAddress): TimeWindow {
  const [fromNs, toNs] = zoom?.split('-').map(Number) ?? [];
  return fromNs === undefined || toNs === undefined ? fullWindow(durationNs) : windowBetween(fromNs, toNs, durationNs);
}

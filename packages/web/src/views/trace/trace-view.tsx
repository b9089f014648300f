import { findText, rowOfSpan, type TraceTable } from '@clew/model';
import { type ReactNode, useDeferredValue, useEffect, useMemo, useReducer, useRef, useState } from 'react';
import { showControls } from '../../draw/visible-text.ts';
import { findFaults } from '../../table/trace-faults.ts';
import { listVisibleRows } from '../../table/visible-rows.ts';
import { useServiceColours } from '../service-colours.tsx';
import { useText } from '../text.ts';
import { Announcement } from './announcement.tsx';
import { KeyboardHelp } from './keyboard-help.tsx';
import { Minimap } from './minimap.tsx';
import { SpanDetailsPanel } from './span-details.tsx';
import { readZoom, type TraceAddress, type TraceState } from './trace-address.ts';
import { TraceFaults } from './trace-faults.tsx';
import { TraceHeader } from './trace-header.tsx';
import { useTraceKeys } from './trace-keys.ts';
import { nextMatch, reduceTrace, stateOf, type TraceAction } from './trace-state.ts';
import { useViewInAddress } from './view-in-address.ts';
import { createViewportStore } from './viewport.ts';
import { Waterfall } from './waterfall.tsx';

export interface TraceViewProps {
  readonly table: TraceTable;
  readonly address: TraceAddress;
  readonly isRefreshing: boolean;
  /** Asks for the spans that have arrived since. */
  onRefresh(): void;
}

export function TraceView({ table, address, isRefreshing, onRefresh }: TraceViewProps): ReactNode {
  const say = useText();
  const [state, dispatch] = useReducer(
    (before: TraceState, action: TraceAction) => reduceTrace(table, before, action),
    undefined,
    () => stateOf(table, address),
  );
  const [isHelpOpen, setHelpOpen] = useState(false);
  const [store] = useState(() => createViewportStore(readZoom(table, address)));
  const filterInput = useRef<HTMLInputElement>(null);
  const visible = useMemo(() => listVisibleRows(table.tree, state.collapsed), [table, state.collapsed]);
  const colours = useServiceColours();
  const serviceColours = useMemo(() => table.services.map((service) => colours.get(service)!), [table, colours]);
  const faults = useMemo(() => findFaults(table), [table]);
  const wanted = useDeferredValue(state.filter.trim());
  const matches = useMemo(() => (wanted === '' ? undefined : findText(table, wanted)), [table, wanted]);
  const matchCount = useMemo(() => matches?.reduce((sum, mark) => sum + mark, 0), [matches]);
  useViewInAddress(table, state, store, address, dispatch);
  useTraceKeys({ table, visible, state, dispatch, store, filterInput, toggleHelp: () => setHelpOpen((open) => !open) });

  const rootRow = table.tree.order[0]!;
  const title = `${table.services[table.service[rootRow]!]}: ${table.names[table.name[rootRow]!]}`;
  useEffect(() => {
    document.title = `${showControls(title.slice(0, 200))} – Clew`;
  }, [title]);

  const isSpanMissing = address.span !== undefined && rowOfSpan(table, address.span) === -1;
  const isDetailsShown = state.isDetailsOpen && state.selectedRow !== -1;
  return (
    <div className={`trace-page ${isDetailsShown ? 'with-details' : ''}`}>
      <TraceHeader
        table={table}
        filter={state.filter}
        matchCount={matchCount}
        filterInput={filterInput}
        onFilter={(text) => dispatch({ type: 'filter', text })}
        onNextMatch={(step) => {
          const row = matches === undefined ? -1 : nextMatch(table, matches, state.selectedRow, step);
          if (row !== -1) dispatch({ type: 'select', row });
        }}
        onCollapseAll={() => dispatch({ type: 'collapseAll' })}
        onExpandAll={() => dispatch({ type: 'expandAll' })}
        onHelp={() => setHelpOpen(true)}
      />
      {isSpanMissing && (
        <p className="trace-warning" role="alert">
          {say('trace.spanMissing', { spanId: address.span! })}
        </p>
      )}
      <TraceFaults faults={faults} onRefresh={onRefresh} isRefreshing={isRefreshing} />
      <Announcement table={table} store={store} matchCount={matchCount} />
      <div className="trace-body">
        <div className="trace-picture">
          <Minimap table={table} rows={visible.rows} store={store} serviceColours={serviceColours} />
          <Waterfall
            table={table}
            visible={visible}
            state={state}
            dispatch={dispatch}
            store={store}
            matches={matches}
            faults={faults}
            serviceColours={serviceColours}
          />
        </div>
        {isDetailsShown && (
          <SpanDetailsPanel
            table={table}
            row={state.selectedRow}
            faults={faults[state.selectedRow]!}
            onClose={() => dispatch({ type: 'closeDetails' })}
            onSelect={(row) => dispatch({ type: 'select', row })}
          />
        )}
      </div>
      {isHelpOpen && <KeyboardHelp onClose={() => setHelpOpen(false)} />}
    </div>
  );
}

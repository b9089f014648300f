import type { TraceTable } from '@clew/model';
import { useNavigate } from '@tanstack/react-router';
import { type Dispatch, useEffect, useRef } from 'react';
import { formatTraceAddress, readZoom, type TraceAddress, type TraceState } from './trace-address.ts';
import { stateOf, type TraceAction } from './trace-state.ts';
import type { ViewportStore } from './viewport.ts';

/** How long a view must rest before it is in the address: browsers refuse hundreds of changes a minute. */
const addressDelayMs = 200;

/** Keeps what is shown in the address, and follows the address when it leads to another view of the trace. */
export function useViewInAddress(
  table: TraceTable,
  state: TraceState,
  store: ViewportStore,
  address: TraceAddress,
  dispatch: Dispatch<TraceAction>,
): void {
  const navigate = useNavigate();
  const given = JSON.stringify(address);
  const lastGiven = useRef(given);
  const written = useRef<string | undefined>(undefined);
  // An address that names what is not there is left as it is until the view changes.
  written.current ??= JSON.stringify(formatTraceAddress(table, stateOf(table, address), readZoom(table, address)));

  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const write = (): void => {
      const next = formatTraceAddress(table, state, store.get().window);
      if (JSON.stringify(next) === written.current) return;
      written.current = JSON.stringify(next);
      void navigate({ to: '.', search: { ...next }, replace: true });
    };
    let { window } = store.get();
    const schedule = (): void => {
      clearTimeout(timer);
      timer = setTimeout(write, addressDelayMs);
    };
    schedule();
    const stop = store.subscribe(() => {
      if (store.get().window === window) return;
      window = store.get().window;
      schedule();
    });
    return () => {
      clearTimeout(timer);
      stop();
    };
  }, [table, state, store, navigate]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: `given` is the address
  useEffect(() => {
    if (given === lastGiven.current) return;
    lastGiven.current = given;
    if (given === written.current) return;
    written.current = given;
    dispatch({ type: 'follow', address });
    store.set({ window: readZoom(table, address) });
  }, [given, table, store, dispatch]);
}

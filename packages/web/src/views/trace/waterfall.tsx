import type { TraceTable } from '@clew/model';
import { type Dispatch, type ReactNode, useEffect, useLayoutEffect, useRef } from 'react';
import { prepareCanvas, readCanvasColours } from '../../draw/canvas-colours.ts';
import { drawWaterfall, rulerHeightPx } from '../../draw/waterfall.ts';
import { contentHeight, rangeInView, scrollTopToShow } from '../../layout/row-range.ts';
import { panWindow } from '../../layout/time-window.ts';
import type { VisibleRows } from '../../table/visible-rows.ts';
import { usePreferences } from '../preferences.tsx';
import { useText } from '../text.ts';
import { usePixelRatio } from './pixel-ratio.ts';
import { SpanTree } from './span-tree.tsx';
import type { TraceState } from './trace-address.ts';
import type { TraceAction } from './trace-state.ts';
import { barScale, drawOnChange, type ViewportStore } from './viewport.ts';
import { useWaterfallPointer } from './waterfall-pointer.ts';
import { WaterfallTooltip } from './waterfall-tooltip.tsx';

/** The column of names at first: this part of the width, within these bounds, and never more than two fifths. */
const namesShare = 0.24;
const leastNamesPx = 340;
const mostNamesPx = 620;

export interface WaterfallProps {
  readonly table: TraceTable;
  readonly visible: VisibleRows;
  readonly state: TraceState;
  readonly dispatch: Dispatch<TraceAction>;
  readonly store: ViewportStore;
  readonly matches: Uint8Array | undefined;
  readonly serviceColours: readonly string[];
  /** By row, see findFaults. */
  readonly faults: Uint8Array;
}

/** The canvas, and over it the scrolled tree that it is a picture of. */
export function Waterfall(props: WaterfallProps): ReactNode {
  const { table, visible, state, dispatch, store, matches, serviceColours, faults } = props;
  const noName = useText()('span.noName');
  const { theme } = usePreferences();
  const ratio = usePixelRatio();
  const frame = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const scroller = useRef<HTMLDivElement>(null);

  useLayoutEffect(() => {
    const element = scroller.current!;
    const measure = (): void => store.set({ widthPx: element.clientWidth, viewPx: element.clientHeight });
    const widthPx = element.clientWidth;
    const namesPx = Math.min(Math.max(widthPx * namesShare, leastNamesPx), mostNamesPx, widthPx * 0.4);
    store.set({ nameWidthPx: Math.round(namesPx) });
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    measure();
    return () => observer.disconnect();
  }, [store]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: theme and ratio change what is read from the page
  useEffect(() => {
    const colours = readCanvasColours(canvas.current!);
    return drawOnChange(store, () => {
      const viewport = store.get();
      const heightPx = viewport.viewPx + rulerHeightPx;
      const context = prepareCanvas(canvas.current!, viewport.widthPx, heightPx);
      if (context === undefined) return;
      drawWaterfall(context, {
        table,
        rows: visible.rows,
        collapsed: state.collapsed,
        range: rangeInView(viewport.scrollTopPx, viewport.viewPx, visible.rows.length),
        widthPx: viewport.widthPx,
        heightPx,
        nameWidthPx: viewport.nameWidthPx,
        scale: barScale(viewport),
        drag: viewport.drag,
        selectedRow: state.selectedRow,
        hoveredRow: viewport.hoveredRow,
        matches,
        faults,
        noName,
        colours,
        serviceColours,
      });
    });
  }, [table, visible, state, store, matches, serviceColours, faults, noName, theme, ratio]);

  useLayoutEffect(() => {
    const element = scroller.current!;
    const place = state.selectedRow === -1 ? -1 : visible.placeOf[state.selectedRow]!;
    if (place === -1) return;
    element.scrollTop = scrollTopToShow(place, element.scrollTop, element.clientHeight, visible.rows.length);
    store.set({ scrollTopPx: element.scrollTop });
  }, [state.selectedRow, visible, store]);

  useEffect(() => {
    if (state.selectedRow === -1) return;
    const fromNs = table.spanStartNs[state.selectedRow]!;
    const toNs = fromNs + table.spanDurationNs[state.selectedRow]!;
    const { window } = store.get();
    if (toNs >= window.fromNs && fromNs <= window.toNs) return;
    store.set({ window: panWindow(window, (fromNs + toNs - window.fromNs - window.toNs) / 2, table.durationNs) });
  }, [table, state.selectedRow, store]);

  const { tooltip, pointerHandlers } = useWaterfallPointer({ table, visible, dispatch, store, frame, scroller });
  return (
    <div className="waterfall" ref={frame} {...pointerHandlers}>
      <canvas ref={canvas} aria-hidden />
      <SpanTree
        table={table}
        visible={visible}
        state={state}
        store={store}
        scroller={scroller}
        contentPx={contentHeight(visible.rows.length)}
      />
      <WaterfallTooltip ref={tooltip} table={table} store={store} faults={faults} />
    </div>
  );
}

import type { TraceTable } from '@clew/model';
import { type Dispatch, type PointerEvent, type RefObject, useEffect, useRef } from 'react';
import { rulerHeightPx } from '../../draw/waterfall.ts';
import { isOnChevron } from '../../draw/waterfall-names.ts';
import { rangeInView, rowHeightPx } from '../../layout/row-range.ts';
import { panWindow, windowBetween, zoomWindow } from '../../layout/time-window.ts';
import type { VisibleRows } from '../../table/visible-rows.ts';
import type { TraceAction } from './trace-state.ts';
import { barScale, type Viewport, type ViewportStore } from './viewport.ts';

/** Less movement than this is a click. */
const dragThresholdPx = 4;
const splitterReachPx = 4;
const leastNamePx = 160;
const leastBarsPx = 200;
/** One notch of a mouse wheel is about 100 px. */
const zoomPerWheelPx = 1.0022;

interface PointerOptions {
  readonly table: TraceTable;
  readonly visible: VisibleRows;
  readonly dispatch: Dispatch<TraceAction>;
  readonly store: ViewportStore;
  readonly frame: RefObject<HTMLDivElement | null>;
  readonly scroller: RefObject<HTMLDivElement | null>;
}

export interface WaterfallPointer {
  /** For the element that follows the pointer. */
  readonly tooltip: RefObject<HTMLDivElement | null>;
  /** For the frame around canvas and tree. */
  readonly pointerHandlers: {
    onPointerDown(event: PointerEvent): void;
    onPointerMove(event: PointerEvent): void;
    onPointerUp(event: PointerEvent): void;
    onPointerCancel(): void;
    onPointerLeave(): void;
  };
}

/** What the pressed pointer is doing. */
type Gesture =
  | { readonly type: 'press'; readonly xPx: number; readonly yPx: number }
  | { readonly type: 'range'; readonly xPx: number; readonly fromNs: number }
  | { readonly type: 'split' };

/** Hover, click, drag to zoom, the edge between names and bars, and the wheel. */
export function useWaterfallPointer(options: PointerOptions): WaterfallPointer {
  const { table, visible, dispatch, store, frame, scroller } = options;
  const tooltip = useRef<HTMLDivElement>(null);
  const gesture = useRef<Gesture | undefined>(undefined);

  useEffect(() => {
    const element = frame.current!;
    // Not passive, as React's would be: zooming must keep the page from zooming too.
    const onWheel = (event: WheelEvent): void => {
      const viewport = store.get();
      const xPx = event.clientX - element.getBoundingClientRect().left;
      if (event.ctrlKey || event.metaKey) {
        event.preventDefault();
        const factor = zoomPerWheelPx ** event.deltaY;
        store.set({ window: zoomWindow(viewport.window, factor, barScale(viewport).toNs(xPx), table.durationNs) });
        return;
      }
      const sidewaysPx = event.shiftKey && event.deltaX === 0 ? event.deltaY : event.deltaX;
      if (Math.abs(sidewaysPx) <= Math.abs(event.shiftKey ? 0 : event.deltaY)) return;
      event.preventDefault();
      const nsPerPx = (viewport.window.toNs - viewport.window.fromNs) / barScale(viewport).widthPx;
      store.set({ window: panWindow(viewport.window, sidewaysPx * nsPerPx, table.durationNs) });
    };
    element.addEventListener('wheel', onWheel, { passive: false });
    return () => element.removeEventListener('wheel', onWheel);
  }, [frame, store, table]);

  const pointOf = (event: PointerEvent): { xPx: number; yPx: number } => {
    const box = frame.current!.getBoundingClientRect();
    return { xPx: event.clientX - box.left, yPx: event.clientY - box.top };
  };
  const rowAt = (yPx: number): number => {
    const viewport = store.get();
    if (yPx < rulerHeightPx) return -1;
    const range = rangeInView(viewport.scrollTopPx, viewport.viewPx, visible.rows.length);
    const place = range.first + Math.floor((yPx - rulerHeightPx - range.offsetPx) / rowHeightPx);
    return place < range.end ? visible.rows[place]! : -1;
  };

  const pointerHandlers = {
    onPointerDown(event: PointerEvent): void {
      const { xPx, yPx } = pointOf(event);
      const viewport = store.get();
      // The scroll bar is not ours.
      if (event.button !== 0 || xPx >= viewport.widthPx) return;
      frame.current!.setPointerCapture(event.pointerId);
      const { nameWidthPx } = viewport;
      if (Math.abs(xPx - nameWidthPx) <= splitterReachPx) gesture.current = { type: 'split' };
      else if (xPx > nameWidthPx) gesture.current = { type: 'range', xPx, fromNs: barScale(viewport).toNs(xPx) };
      else gesture.current = { type: 'press', xPx, yPx };
      scroller.current!.focus({ preventScroll: true });
    },
    onPointerMove(event: PointerEvent): void {
      const { xPx, yPx } = pointOf(event);
      const viewport = store.get();
      const active = gesture.current;
      if (active?.type === 'split') {
        const mostPx = Math.max(viewport.widthPx - leastBarsPx, leastNamePx);
        store.set({ nameWidthPx: Math.min(Math.max(xPx, leastNamePx), mostPx) });
      } else if (active?.type === 'range') {
        const isDrag = Math.abs(xPx - active.xPx) >= dragThresholdPx || viewport.drag !== undefined;
        if (isDrag) {
          store.set({
            drag: windowBetween(active.fromNs, barScale(viewport).toNs(xPx), table.durationNs),
            hoveredRow: -1,
          });
        }
      } else {
        const isOnSplitter = Math.abs(xPx - viewport.nameWidthPx) <= splitterReachPx;
        frame.current!.style.cursor = isOnSplitter ? 'col-resize' : 'default';
        const hoveredRow = xPx < viewport.widthPx ? rowAt(yPx) : -1;
        if (hoveredRow !== viewport.hoveredRow) store.set({ hoveredRow });
        placeTooltip(tooltip.current, xPx, yPx, viewport);
      }
    },
    onPointerUp(event: PointerEvent): void {
      const { xPx, yPx } = pointOf(event);
      const active = gesture.current;
      gesture.current = undefined;
      const viewport = store.get();
      if (active === undefined || active.type === 'split') return;
      if (viewport.drag !== undefined) {
        store.set({ window: viewport.drag, drag: undefined });
        return;
      }
      const row = rowAt(yPx);
      if (row === -1) return;
      const isChevron =
        table.tree.childCount[row]! > 0 && isOnChevron(xPx, table.tree.depth[row]!, viewport.nameWidthPx);
      dispatch(isChevron ? { type: 'toggle', row } : { type: 'select', row, details: true });
    },
    onPointerCancel(): void {
      gesture.current = undefined;
      store.set({ drag: undefined });
    },
    onPointerLeave(): void {
      store.set({ hoveredRow: -1 });
    },
  };
  return { tooltip, pointerHandlers };
}

/** Beside the pointer, on the side where there is room. */
function placeTooltip(element: HTMLElement | null, xPx: number, yPx: number, viewport: Viewport): void {
  if (element === null) return;
  const isRight = xPx + 16 + element.offsetWidth > viewport.widthPx;
  const isLow = yPx + 20 + element.offsetHeight > viewport.viewPx + rulerHeightPx;
  const left = isRight ? xPx - 12 - element.offsetWidth : xPx + 16;
  const top = isLow ? yPx - 12 - element.offsetHeight : yPx + 20;
  element.style.transform = `translate(${Math.max(left, 4)}px, ${Math.max(top, 4)}px)`;
}

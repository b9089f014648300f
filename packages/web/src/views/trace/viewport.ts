import { createTimeScale, type TimeScale, type TimeWindow } from '../../layout/time-window.ts';

/** Bars end this far from the right edge, so that the last one has room for its edge. */
const rightMarginPx = 16;
const leftMarginPx = 8;

/** What one frame depends on and the next may not: kept outside of React, which would be too slow to scroll with. */
export interface Viewport {
  readonly scrollTopPx: number;
  readonly widthPx: number;
  /** Of the rows, without the ruler. */
  readonly viewPx: number;
  readonly nameWidthPx: number;
  readonly window: TimeWindow;
  /** A time range being dragged, here or in the minimap. */
  readonly drag: TimeWindow | undefined;
  /** Row of the table, or -1. */
  readonly hoveredRow: number;
}

export interface ViewportStore {
  get(): Viewport;
  set(change: Partial<Viewport>): void;
  /** Calls back after every change; returns how to stop that. */
  subscribe(listener: () => void): () => void;
}

export function createViewportStore(window: TimeWindow): ViewportStore {
  let viewport: Viewport = {
    scrollTopPx: 0,
    widthPx: 0,
    viewPx: 0,
    nameWidthPx: 0,
    window,
    drag: undefined,
    hoveredRow: -1,
  };
  const listeners = new Set<() => void>();
  return {
    get: () => viewport,
    set(change) {
      viewport = { ...viewport, ...change };
      for (const listener of listeners) listener();
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** The scale of the bars in this viewport. */
export function barScale({ window, nameWidthPx, widthPx }: Viewport): TimeScale {
  const leftPx = nameWidthPx + leftMarginPx;
  return createTimeScale(window, leftPx, Math.max(widthPx - leftPx - rightMarginPx, 1));
}

/** Calls `draw` in the next frame, once, however often the store changes until then. Returns how to stop. */
export function drawOnChange(store: ViewportStore, draw: () => void): () => void {
  let frame = 0;
  const request = (): void => {
    if (frame !== 0) return;
    frame = requestAnimationFrame(() => {
      frame = 0;
      draw();
    });
  };
  const stop = store.subscribe(request);
  request();
  return () => {
    stop();
    cancelAnimationFrame(frame);
  };
}

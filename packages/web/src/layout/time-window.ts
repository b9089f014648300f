/** The part of a trace that is on screen, in nanoseconds after its start. */
export interface TimeWindow {
  readonly fromNs: number;
  readonly toNs: number;
}

/** Closer than this there is nothing to see: times are whole nanoseconds. */
export const minWindowNs = 10;

/** All of a trace. One without any duration still needs a width to be drawn on. */
export function fullWindow(totalNs: number): TimeWindow {
  return { fromNs: 0, toNs: Math.max(totalNs, minWindowNs) };
}

/** The window between two times in any order, at least {@link minWindowNs} wide and inside of the trace. */
export function windowBetween(aNs: number, bNs: number, totalNs: number): TimeWindow {
  const full = fullWindow(totalNs);
  const widthNs = Math.min(Math.max(Math.abs(bNs - aNs), minWindowNs), full.toNs);
  const fromNs = Math.min(Math.max(Math.min(aNs, bNs), 0), full.toNs - widthNs);
  return { fromNs, toNs: fromNs + widthNs };
}

/** Zooms by `factor` (below 1: closer) so that `anchorNs` stays where it is on screen. */
export function zoomWindow(window: TimeWindow, factor: number, anchorNs: number, totalNs: number): TimeWindow {
  const oldNs = window.toNs - window.fromNs;
  const newNs = Math.min(Math.max(oldNs * factor, minWindowNs), fullWindow(totalNs).toNs);
  const fromNs = anchorNs - ((anchorNs - window.fromNs) / oldNs) * newNs;
  return windowBetween(fromNs, fromNs + newNs, totalNs);
}

/** Moves the window; it stops at the ends of the trace and keeps its width. */
export function panWindow(window: TimeWindow, byNs: number, totalNs: number): TimeWindow {
  const widthNs = window.toNs - window.fromNs;
  const fromNs = Math.min(Math.max(window.fromNs + byNs, 0), fullWindow(totalNs).toNs - widthNs);
  return { fromNs, toNs: fromNs + widthNs };
}

export function isFullWindow(window: TimeWindow, totalNs: number): boolean {
  return window.fromNs === 0 && window.toNs === fullWindow(totalNs).toNs;
}

/** Times to pixels and back. */
export interface TimeScale {
  readonly window: TimeWindow;
  readonly leftPx: number;
  readonly widthPx: number;
  toPx(ns: number): number;
  toNs(px: number): number;
}

export function createTimeScale(window: TimeWindow, leftPx: number, widthPx: number): TimeScale {
  const pxPerNs = widthPx / (window.toNs - window.fromNs);
  return {
    window,
    leftPx,
    widthPx,
    toPx: (ns) => leftPx + (ns - window.fromNs) * pxPerNs,
    toNs: (px) => window.fromNs + (px - leftPx) / pxPerNs,
  };
}

import type { MinimapRuns } from '../layout/minimap-runs.ts';
import type { TimeScale, TimeWindow } from '../layout/time-window.ts';
import type { CanvasColours } from './canvas-colours.ts';

/** The picture of the whole trace, in device pixels. It changes with the rows only, so it is painted once and copied. */
export function paintMinimap(
  { runs, linePx }: MinimapRuns,
  widthPx: number,
  heightPx: number,
  serviceColours: readonly string[],
  colours: CanvasColours,
): OffscreenCanvas {
  const picture = new OffscreenCanvas(Math.max(widthPx, 1), Math.max(heightPx, 1));
  const context = picture.getContext('2d')!;
  for (const run of runs) {
    context.fillStyle = run.isError ? colours.danger : serviceColours[run.service]!;
    context.fillRect(run.x, run.y, run.width, linePx);
  }
  return picture;
}

/** Dims what is outside of the window and marks its edges. `drag` is a range being chosen. */
export function drawMinimapWindow(
  context: CanvasRenderingContext2D,
  scale: TimeScale,
  heightPx: number,
  window: TimeWindow,
  colours: CanvasColours,
  drag: TimeWindow | undefined,
): void {
  const fromPx = scale.toPx(window.fromNs);
  const toPx = scale.toPx(window.toNs);
  const rightPx = scale.leftPx + scale.widthPx;
  // Half a pixel: scaling rounds.
  if (fromPx > scale.leftPx + 0.5 || toPx < rightPx - 0.5) {
    context.fillStyle = colours.veil;
    context.fillRect(scale.leftPx, 0, fromPx - scale.leftPx, heightPx);
    context.fillRect(toPx, 0, rightPx - toPx, heightPx);
    context.fillStyle = colours.accent;
    context.fillRect(fromPx - 1, 0, 2, heightPx);
    context.fillRect(toPx - 1, 0, 2, heightPx);
  }
  if (drag !== undefined) {
    context.fillStyle = colours.selected;
    context.globalAlpha = 0.6;
    context.fillRect(scale.toPx(drag.fromNs), 0, scale.toPx(drag.toNs) - scale.toPx(drag.fromNs), heightPx);
    context.globalAlpha = 1;
  }
}

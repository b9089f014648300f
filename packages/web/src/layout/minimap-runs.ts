import type { TraceTable } from '@clew/model';

/** An error is marked at the start of its span: a whole red line would hide whose span it is. */
const errorMarkPx = 6;

/** A piece of a line of the minimap, in device pixels, in the colour of a service. */
export interface MinimapRun {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly service: number;
  readonly isError: boolean;
}

export interface MinimapRuns {
  readonly runs: readonly MinimapRun[];
  /** Height of every run. */
  readonly linePx: number;
}

/**
 * The whole trace on `widthPx` x `heightPx` pixels: rows share a line when there are more rows than lines.
 *
 * Each pixel is given once, to the first span that asks for it, marks of errors before all. `free` leads from a taken pixel to the
 * next free one, so the work is one step a span and one a pixel, and 100,000 spans that all lie in one place cost no
 * more than 100,000 that do not.
 */
export function computeMinimapRuns(
  table: TraceTable,
  rows: Uint32Array,
  widthPx: number,
  heightPx: number,
): MinimapRuns {
  const runs: MinimapRun[] = [];
  const linePx = Math.min(3, Math.max(1, Math.floor(heightPx / Math.max(rows.length, 1))));
  const lineCount = Math.floor(heightPx / linePx);
  const pxPerNs = widthPx / Math.max(table.durationNs, 1);
  const free = new Int32Array(widthPx + 1);

  const fill = (row: number, y: number, isError: boolean): void => {
    const from = Math.min(Math.floor(table.spanStartNs[row]! * pxPerNs), widthPx - 1);
    const spanEnd = Math.ceil((table.spanStartNs[row]! + table.spanDurationNs[row]!) * pxPerNs);
    const to = isError ? Math.min(from + errorMarkPx, widthPx) : Math.min(Math.max(spanEnd, from + 1), widthPx);
    let x = nextFree(free, from);
    while (x < to) {
      const start = x;
      while (x < to && free[x] === x) free[x++] = to;
      runs.push({ x: start, y, width: x - start, service: table.service[row]!, isError });
      x = nextFree(free, x);
    }
  };

  let place = 0;
  for (let line = 0; line < lineCount && place < rows.length; line++) {
    const end = rows.length <= lineCount ? place + 1 : Math.floor(((line + 1) * rows.length) / lineCount);
    for (let x = 0; x <= widthPx; x++) free[x] = x;
    for (let at = place; at < end; at++) if (table.status[rows[at]!] === 2) fill(rows[at]!, line * linePx, true);
    for (let at = place; at < end; at++) fill(rows[at]!, line * linePx, false);
    place = end;
  }
  return { runs, linePx };
}

/** The first free pixel from `x` on, or the width; shortens the way there for the next one. */
function nextFree(free: Int32Array, x: number): number {
  let at = x;
  while (free[at] !== at) {
    free[at] = free[free[at]!]!;
    at = free[at]!;
  }
  return at;
}

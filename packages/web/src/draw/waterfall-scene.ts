import type { TraceTable } from '@clew/model';
import type { RowRange } from '../layout/row-range.ts';
import type { TimeScale, TimeWindow } from '../layout/time-window.ts';
import type { CanvasColours } from './canvas-colours.ts';

/** All that one frame shows. Pixels are CSS pixels; the ruler is at the top, the names are on the left. */
export interface WaterfallScene {
  readonly table: TraceTable;
  /** The rows that are listed, see listVisibleRows. */
  readonly rows: Uint32Array;
  readonly collapsed: ReadonlySet<number>;
  readonly range: RowRange;
  readonly widthPx: number;
  readonly heightPx: number;
  readonly nameWidthPx: number;
  readonly scale: TimeScale;
  /** A time range being dragged. */
  readonly drag: TimeWindow | undefined;
  /** Row of the table, or -1. */
  readonly selectedRow: number;
  readonly hoveredRow: number;
  /** Rows that the filter found, or undefined when there is no filter. */
  readonly matches: Uint8Array | undefined;
  /** By row, see findFaults: 0 where nothing is wrong with the span. */
  readonly faults: Uint8Array;
  /** Stands for an empty name. */
  readonly noName: string;
  readonly colours: CanvasColours;
  /** By index of the service. */
  readonly serviceColours: readonly string[];
}

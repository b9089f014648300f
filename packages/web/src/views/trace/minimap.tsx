import type { TraceTable } from '@clew/model';
import {
  type PointerEvent,
  type ReactNode,
  useEffect,
  useLayoutEffect,
  useRef,
  useState,
  useSyncExternalStore,
} from 'react';
import { prepareCanvas, readCanvasColours } from '../../draw/canvas-colours.ts';
import { drawMinimapWindow, paintMinimap } from '../../draw/minimap.ts';
import { computeMinimapRuns } from '../../layout/minimap-runs.ts';
import { createTimeScale, fullWindow, isFullWindow, windowBetween } from '../../layout/time-window.ts';
import { usePreferences } from '../preferences.tsx';
import { useText } from '../text.ts';
import { usePixelRatio } from './pixel-ratio.ts';
import { drawOnChange, type ViewportStore } from './viewport.ts';

const heightPx = 56;
/** Less movement than this is a click. */
const dragThresholdPx = 4;

export interface MinimapProps {
  readonly table: TraceTable;
  readonly rows: Uint32Array;
  readonly store: ViewportStore;
  readonly serviceColours: readonly string[];
}

/** The whole trace; a drag chooses the part that the waterfall shows. */
export function Minimap({ table, rows, store, serviceColours }: MinimapProps): ReactNode {
  const say = useText();
  const { theme } = usePreferences();
  const ratio = usePixelRatio();
  const canvas = useRef<HTMLCanvasElement>(null);
  const [widthPx, setWidth] = useState(0);
  const dragStart = useRef<number | undefined>(undefined);
  const isZoomed = useSyncExternalStore(store.subscribe, () => !isFullWindow(store.get().window, table.durationNs));
  const full = fullWindow(table.durationNs);

  useLayoutEffect(() => {
    const observer = new ResizeObserver(([frame]) => setWidth(frame!.contentRect.width));
    observer.observe(canvas.current!.parentElement!);
    return () => observer.disconnect();
  }, []);

  // biome-ignore lint/correctness/useExhaustiveDependencies: theme and ratio change what is read from the page
  useEffect(() => {
    if (widthPx === 0) return;
    const colours = readCanvasColours(canvas.current!);
    const [width, height] = [Math.round(widthPx * ratio), Math.round(heightPx * ratio)];
    const picture = paintMinimap(
      computeMinimapRuns(table, rows, width, height),
      width,
      height,
      serviceColours,
      colours,
    );
    const scale = createTimeScale(fullWindow(table.durationNs), 0, widthPx);
    return drawOnChange(store, () => {
      const context = prepareCanvas(canvas.current!, widthPx, heightPx);
      if (context === undefined) return;
      context.drawImage(picture, 0, 0, widthPx, heightPx);
      const { window: shown, drag } = store.get();
      drawMinimapWindow(context, scale, heightPx, shown, colours, drag);
    });
  }, [table, rows, store, serviceColours, widthPx, theme, ratio]);

  const timeAt = (event: PointerEvent): number => {
    const box = event.currentTarget.getBoundingClientRect();
    return ((event.clientX - box.left) / box.width) * full.toNs;
  };
  return (
    <div className="minimap">
      <canvas
        ref={canvas}
        role="img"
        aria-label={say('trace.minimap')}
        onPointerDown={(event) => {
          if (event.button !== 0) return;
          event.currentTarget.setPointerCapture(event.pointerId);
          dragStart.current = timeAt(event);
        }}
        onPointerMove={(event) => {
          if (dragStart.current === undefined) return;
          store.set({ drag: windowBetween(dragStart.current, timeAt(event), table.durationNs) });
        }}
        onPointerUp={(event) => {
          if (dragStart.current === undefined) return;
          const movedPx = (Math.abs(timeAt(event) - dragStart.current) / full.toNs) * widthPx;
          const chosen = windowBetween(dragStart.current, timeAt(event), table.durationNs);
          dragStart.current = undefined;
          store.set(movedPx < dragThresholdPx ? { drag: undefined } : { drag: undefined, window: chosen });
        }}
        onDoubleClick={() => store.set({ window: full })}
      />
      {isZoomed && (
        <button type="button" className="button small reset-zoom" onClick={() => store.set({ window: full })}>
          {say('trace.resetZoom')}
        </button>
      )}
    </div>
  );
}

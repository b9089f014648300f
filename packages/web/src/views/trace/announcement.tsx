import { formatDuration, type TraceTable } from '@clew/model';
import { type ReactNode, useEffect, useState } from 'react';
import { isFullWindow } from '../../layout/time-window.ts';
import { useText } from '../text.ts';
import type { ViewportStore } from './viewport.ts';

/** How long a zoom must rest before it is read out. */
const restMs = 500;

export interface AnnouncementProps {
  readonly table: TraceTable;
  readonly store: ViewportStore;
  /** Undefined without a filter. */
  readonly matchCount: number | undefined;
}

/** Tells screen readers what the picture shows after zooming and filtering. */
export function Announcement({ table, store, matchCount }: AnnouncementProps): ReactNode {
  const say = useText();
  const [zoom, setZoom] = useState('');
  useEffect(() => {
    let { window } = store.get();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const announce = (): void => {
      const [from, to] = [formatDuration(window.fromNs), formatDuration(window.toNs)];
      const total = formatDuration(table.durationNs);
      setZoom(
        isFullWindow(window, table.durationNs) ? say('trace.resetZoom') : say('trace.zoomed', { from, to, total }),
      );
    };
    const stop = store.subscribe(() => {
      if (store.get().window === window) return;
      window = store.get().window;
      clearTimeout(timer);
      timer = setTimeout(announce, restMs);
    });
    return () => {
      clearTimeout(timer);
      stop();
    };
  }, [table, store, say]);
  const found = matchCount === undefined ? '' : say('trace.matches', { count: matchCount });
  return (
    <p className="visually-hidden" role="status">
      {[zoom, found].filter((text) => text !== '').join('. ')}
    </p>
  );
}

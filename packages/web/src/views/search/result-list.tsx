import type { SearchResponse } from '@clew/model';
import { useVirtualizer } from '@tanstack/react-virtual';
import { type ReactNode, useLayoutEffect, useMemo, useRef } from 'react';
import { useIntl } from 'react-intl';
import { underBase } from '../../fetch/base-path.ts';
import type { SearchAddress } from '../../fetch/search-address.ts';
import { CopyButton } from '../copy-button.tsx';
import { ServiceColoursProvider } from '../service-colours.tsx';
import { useText } from '../text.ts';
import { useZoneName } from '../time-text.ts';
import { toMicroseconds } from './local-time.ts';
import { ResultRow } from './result-row.tsx';

const rowHeightPx = 68;

/** How far each list was scrolled, by its place in the history of the browser: Back leads there. */
const scrollTops = new Map<string, number>();

export interface ResultListProps {
  readonly result: SearchResponse;
  readonly address: SearchAddress;
  /** The page's place in the history of the browser. */
  readonly visit: string;
}

/** The traces that were found, newest first, and how many more there are. */
export function ResultList({ result, address, visit }: ResultListProps): ReactNode {
  const say = useText();
  const intl = useIntl();
  const scroller = useRef<HTMLDivElement>(null);
  const virtualizer = useVirtualizer({
    count: result.traces.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeightPx,
    overscan: 6,
    initialOffset: () => scrollTops.get(visit) ?? 0,
  });
  useLayoutEffect(() => {
    scroller.current!.scrollTop = scrollTops.get(visit) ?? 0;
  }, [visit]);
  const zone = useZoneName();
  const services = useMemo(
    () => result.traces.flatMap((trace) => trace.services.map(({ service }) => service)),
    [result],
  );
  const longestNs = result.traces.reduce((longest, trace) => Math.max(longest, trace.durationNs), 1);
  const time = (ms: number): string =>
    intl.formatDate(ms, { dateStyle: 'medium', timeStyle: 'medium', hourCycle: 'h23' });
  return (
    <ServiceColoursProvider services={services}>
      <div className="results-head">
        <h1>{say(result.hasMore ? 'search.newest' : 'search.all', { count: result.traces.length })}</h1>
        <span className="results-window">
          {say('search.window', { start: time(result.start), end: time(result.end), zone })}
        </span>
        <CopyButton text={linkTo(address, result)} label={say('search.copyLink')} />
      </div>
      <div
        className="results-scroll"
        ref={scroller}
        onScroll={(event) => scrollTops.set(visit, event.currentTarget.scrollTop)}
      >
        <ul style={{ height: virtualizer.getTotalSize() }} aria-label={say('search.results')}>
          {virtualizer.getVirtualItems().map((item) => (
            <ResultRow
              key={item.key}
              trace={result.traces[item.index]!}
              longestNs={longestNs}
              topPx={item.start}
              heightPx={rowHeightPx}
            />
          ))}
        </ul>
      </div>
    </ServiceColoursProvider>
  );
}

/** The address with the window that was searched: it shows the same again, also later and elsewhere. */
function linkTo(address: SearchAddress, { start, end }: SearchResponse): string {
  const query = new URLSearchParams({ ...address, start: toMicroseconds(start), end: toMicroseconds(end) });
  return `${window.location.origin}${underBase('/search')}?${query}`;
}

import type { SearchResponse } from '@clew/model';
import { useVirtualizer } from '@tanstack/react-virtual';
import { type ReactNode, useRef } from 'react';
import { useIntl } from 'react-intl';
import type { SearchAddress } from '../../fetch/search-address.ts';
import { CopyButton } from '../copy-button.tsx';
import { useText } from '../text.ts';
import { ResultRow } from './result-row.tsx';

const rowHeightPx = 68;

export interface ResultListProps {
  readonly result: SearchResponse;
  readonly address: SearchAddress;
}

/** The traces that were found, newest first, and how many more there are. */
export function ResultList({ result, address }: ResultListProps): ReactNode {
  const say = useText();
  const intl = useIntl();
  const scroller = useRef<HTMLDivElement>(null);
  const virtualizer = useVirtualizer({
    count: result.traces.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeightPx,
    overscan: 6,
  });
  const longestNs = result.traces.reduce((longest, trace) => Math.max(longest, trace.durationNs), 1);
  const time = (ms: number): string =>
    intl.formatDate(ms, { dateStyle: 'medium', timeStyle: 'medium', hourCycle: 'h23' });
  return (
    <>
      <div className="results-head">
        <h1>{say(result.hasMore ? 'search.newest' : 'search.all', { count: result.traces.length })}</h1>
        <span className="results-window">
          {say('search.window', { start: time(result.start), end: time(result.end) })}
        </span>
        <CopyButton text={linkTo(address, result)} label={say('search.copyLink')} />
      </div>
      <div className="results-scroll" ref={scroller}>
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
    </>
  );
}

/** The address with the window that was searched: it shows the same again, also later and elsewhere. */
function linkTo(address: SearchAddress, { start, end }: SearchResponse): string {
  const query = new URLSearchParams({ ...address, start: String(start * 1000), end: String(end * 1000) });
  return `${window.location.origin}/search?${query}`;
}

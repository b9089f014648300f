import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { CircleAlert, LoaderCircle, SearchX } from 'lucide-react';
import { type ReactNode, useEffect, useRef } from 'react';
import { searchQuery, servicesQuery } from '../../fetch/queries.ts';
import type { SearchReading } from '../../fetch/search-address.ts';
import { ErrorNotice } from '../error-notice.tsx';
import { Notice } from '../notice.tsx';
import { useText } from '../text.ts';
import { FirstSpans } from './first-spans.tsx';
import { ResultList } from './result-list.tsx';
import { SearchForm } from './search-form.tsx';
import './search-page.css';

/** While the store is empty, how often to look whether the first spans have come. */
const firstSpansPollMs = 2_000;

export interface SearchPageProps {
  readonly reading: SearchReading;
  /** The page's place in the history of the browser. */
  readonly visit: string;
}

/** The list of traces and the conditions on it. */
export function SearchPage({ reading, visit }: SearchPageProps): ReactNode {
  const say = useText();
  const navigate = useNavigate();
  const { address } = reading;
  const isUnderstood = reading.unknown.length === 0 && Object.keys(reading.errors).length === 0;
  const services = useQuery({
    ...servicesQuery,
    refetchInterval: ({ state }) => (state.data?.services.length === 0 ? firstSpansPollMs : false),
  });
  const result = useQuery({ ...searchQuery(address, visit), enabled: isUnderstood });
  const serviceCount = services.data?.services.length;
  const { refetch } = result;
  useEffect(() => {
    document.title = `${say('search.title')} – Clew`;
  }, [say]);
  // The first spans have come: what was asked before they did is out of date.
  const wasEmpty = useRef(false);
  useEffect(() => {
    if (wasEmpty.current && serviceCount !== undefined && serviceCount > 0) void refetch();
    wasEmpty.current = serviceCount === 0;
  }, [serviceCount, refetch]);

  const showTraces = (): ReactNode => {
    if (!isUnderstood) return <NotUnderstood reading={reading} />;
    if (result.error !== null) return <ErrorNotice error={result.error} onRetry={() => void refetch()} />;
    if (result.data === undefined) {
      return <Notice icon={LoaderCircle} title={say('search.loading')} />;
    }
    if (result.data.traces.length > 0) return <ResultList result={result.data} address={address} visit={visit} />;
    if (serviceCount === 0) return <FirstSpans />;
    return (
      <Notice icon={SearchX} title={say('search.none')}>
        <p>{say('search.noneHint')}</p>
      </Notice>
    );
  };
  return (
    <div className="search-page">
      <SearchForm
        key={JSON.stringify(reading)}
        reading={reading}
        services={services.data?.services ?? []}
        isSearching={result.isFetching}
        onSearch={(next) => {
          // The same conditions over the same time again: nothing in the address changes.
          if (isUnderstood && JSON.stringify(next) === JSON.stringify(address)) void refetch();
          else void navigate({ to: '/search', search: { ...next } });
        }}
      />
      <div className="search-results">{showTraces()}</div>
    </div>
  );
}

/** Nothing is searched for: with a condition less, the list would show traces that the address does not ask for. */
function NotUnderstood({ reading }: { readonly reading: SearchReading }): ReactNode {
  const say = useText();
  return (
    <Notice icon={CircleAlert} tone="danger" title={say('search.notUnderstood')}>
      {reading.unknown.length === 0 ? (
        <p>{say('search.notUnderstoodFields')}</p>
      ) : (
        <>
          <p>{say('search.unknownParameters')}</p>
          <pre className="command">{reading.unknown.join('\n')}</pre>
          <Link to="/search" search={{ ...reading.address }} className="button primary">
            {say('search.withoutThem')}
          </Link>
        </>
      )}
    </Notice>
  );
}

import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { LoaderCircle, SearchX } from 'lucide-react';
import { type ReactNode, useEffect } from 'react';
import { searchQuery, servicesQuery } from '../../fetch/queries.ts';
import type { SearchAddress } from '../../fetch/search-address.ts';
import { ErrorNotice } from '../error-notice.tsx';
import { Notice } from '../notice.tsx';
import { useText } from '../text.ts';
import { FirstSpans } from './first-spans.tsx';
import { ResultList } from './result-list.tsx';
import { SearchForm } from './search-form.tsx';
import './search-page.css';

/** While the store is empty, how often to look whether the first spans have come. */
const firstSpansPollMs = 2_000;

/** The list of traces and the conditions on it. */
export function SearchPage({ address }: { readonly address: SearchAddress }): ReactNode {
  const say = useText();
  const navigate = useNavigate();
  const services = useQuery({
    ...servicesQuery,
    refetchInterval: ({ state }) => (state.data?.services.length === 0 ? firstSpansPollMs : false),
  });
  const result = useQuery(searchQuery(address));
  const serviceCount = services.data?.services.length;
  const { refetch } = result;
  useEffect(() => {
    document.title = `${say('search.title')} – Clew`;
  }, [say]);
  // The first spans have come: what was asked before they did is out of date.
  useEffect(() => {
    if (serviceCount !== undefined && serviceCount > 0) void refetch();
  }, [serviceCount, refetch]);

  const showTraces = (): ReactNode => {
    if (result.error !== null) return <ErrorNotice error={result.error} onRetry={() => void refetch()} />;
    if (result.data === undefined) {
      return <Notice icon={LoaderCircle} title={say('search.loading')} />;
    }
    if (result.data.traces.length > 0) return <ResultList result={result.data} address={address} />;
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
        key={JSON.stringify(address)}
        address={address}
        services={services.data?.services ?? []}
        isSearching={result.isFetching}
        onSearch={(next) => {
          // The same conditions over the same time again: nothing in the address changes.
          if (JSON.stringify(next) === JSON.stringify(address)) void refetch();
          else void navigate({ to: '/search', search: { ...next } });
        }}
      />
      <div className="search-results">{showTraces()}</div>
    </div>
  );
}

import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { SearchX } from 'lucide-react';
import type { ReactNode } from 'react';
import { RefusedError } from '../../fetch/http.ts';
import { traceQuery } from '../../table/load-trace.ts';
import { ErrorNotice } from '../error-notice.tsx';
import { Notice } from '../notice.tsx';
import { ServiceColoursProvider } from '../service-colours.tsx';
import { useText } from '../text.ts';
import type { TraceAddress } from './trace-address.ts';
import { TraceLoading } from './trace-loading.tsx';
import { TraceView } from './trace-view.tsx';
import './trace-page.css';

export interface TracePageProps {
  readonly traceId: string;
  readonly address: TraceAddress;
}

export function TracePage({ traceId, address }: TracePageProps): ReactNode {
  const say = useText();
  const trace = useQuery(traceQuery(traceId));
  const isMissing = (trace.error instanceof RefusedError && trace.error.status === 404) || trace.data?.spanCount === 0;
  if (isMissing) {
    return (
      <Notice icon={SearchX} title={say('trace.missing')}>
        <p className="trace-id">{traceId}</p>
        <p>{say('trace.missingHint')}</p>
        <div className="notice-actions">
          <button type="button" className="button primary" onClick={() => void trace.refetch()}>
            {say('error.retry')}
          </button>
          <Link to="/search" search={{}} className="button">
            {say('notFound.toSearch')}
          </Link>
        </div>
      </Notice>
    );
  }
  if (trace.error !== null && trace.data === undefined)
    return <ErrorNotice error={trace.error} onRetry={() => void trace.refetch()} />;
  if (trace.data === undefined) return <TraceLoading traceId={traceId} />;
  return (
    <ServiceColoursProvider services={trace.data.services}>
      {/* Rows are of one table: a view of another one starts from the address, which has all of it. */}
      <TraceView
        key={trace.dataUpdatedAt}
        table={trace.data}
        address={address}
        isRefreshing={trace.isFetching}
        onRefresh={() => void trace.refetch()}
      />
    </ServiceColoursProvider>
  );
}

import { formatBytes } from '@clew/model';
import { useQueryClient } from '@tanstack/react-query';
import { LoaderCircle } from 'lucide-react';
import { type ReactNode, useState, useSyncExternalStore } from 'react';
import { loadingProgress, onLoadingProgress, traceQuery } from '../../table/load-trace.ts';
import { Notice } from '../notice.tsx';
import { useText } from '../text.ts';

/** Stands in the place of a trace while it comes: how much of it has arrived, and a way out. */
export function TraceLoading({ traceId }: { readonly traceId: string }): ReactNode {
  const say = useText();
  const queries = useQueryClient();
  const bytes = useSyncExternalStore(onLoadingProgress, () => loadingProgress(traceId));
  const [isCancelled, setCancelled] = useState(false);
  const { queryKey } = traceQuery(traceId);
  if (isCancelled) {
    return (
      <Notice icon={LoaderCircle} title={say('trace.cancelled')}>
        <button
          type="button"
          className="button primary"
          onClick={() => {
            setCancelled(false);
            void queries.refetchQueries({ queryKey: queryKey! });
          }}
        >
          {say('error.retry')}
        </button>
      </Notice>
    );
  }
  return (
    <Notice icon={LoaderCircle} title={say('trace.loading')}>
      {bytes > 0 && <p>{say('trace.loaded', { size: formatBytes(bytes) })}</p>}
      <button
        type="button"
        className="button"
        onClick={() => {
          setCancelled(true);
          void queries.cancelQueries({ queryKey: queryKey! });
        }}
      >
        {say('trace.cancel')}
      </button>
    </Notice>
  );
}

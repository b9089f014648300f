import { type TraceTable, tableFromNative, tracePath } from '@clew/model';
import type { UseQueryOptions } from '@tanstack/react-query';
import { CutOffError, fetchBytes } from '../fetch/http.ts';
import { shouldRetry } from '../fetch/queries.ts';

const arrived = new Map<string, number>();
const listeners = new Set<() => void>();

/** Bytes of the trace that have arrived while it is being loaded. */
export function loadingProgress(traceId: string): number {
  return arrived.get(traceId) ?? 0;
}

export function onLoadingProgress(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function report(traceId: string, bytes: number): void {
  if (bytes === 0) arrived.delete(traceId);
  else arrived.set(traceId, bytes);
  for (const listener of listeners) listener();
}

export function traceQuery(traceId: string): UseQueryOptions<TraceTable> {
  return {
    queryKey: ['trace', traceId],
    async queryFn({ signal }) {
      try {
        return tableFromNative(await fetchBytes(tracePath(traceId), signal, (bytes) => report(traceId, bytes)));
      } finally {
        report(traceId, 0);
      }
    },
    // A large trace that was cut off would be loaded three times: whoever wants it asks again.
    retry: (failureCount, error) => !(error instanceof CutOffError) && shouldRetry(failureCount, error),
    // A table is typed arrays: comparing an old and a new one field by field would take longer than building it.
    structuralSharing: false,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 60_000,
  };
}

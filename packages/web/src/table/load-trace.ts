import { type TraceTable, tableFromNative, tracePath } from '@clew/model';
import type { UseQueryOptions } from '@tanstack/react-query';
import { fetchBytes } from '../fetch/http.ts';

export function traceQuery(traceId: string): UseQueryOptions<TraceTable> {
  return {
    queryKey: ['trace', traceId],
    queryFn: async ({ signal }) => tableFromNative(await fetchBytes(tracePath(traceId), signal)),
    // A table is typed arrays: comparing an old and a new one field by field would take longer than building it.
    structuralSharing: false,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 60_000,
  };
}

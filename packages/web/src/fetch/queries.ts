import {
  type OperationsResponse,
  operationsPath,
  type ReceiversResponse,
  receiversPath,
  type SearchResponse,
  type ServicesResponse,
  type StatsResponse,
  searchPath,
  servicesPath,
  statsPath,
} from '@clew/model';
import type { UseQueryOptions } from '@tanstack/react-query';
import { fetchJson, RefusedError, UnreachableError } from './http.ts';
import { requestOf, type SearchAddress } from './search-address.ts';

/** Of the server, which is busy or starting, and of a proxy before it. */
const passingStatuses: ReadonlySet<number> = new Set([502, 503, 504]);

/**
 * Whether to ask again without being told to: only where nothing was answered, and the same request may succeed. A
 * refusal stays one however often it is asked for, and a large answer that broke off would be sent all over again.
 */
export function shouldRetry(failureCount: number, error: Error): boolean {
  const mayPass =
    error instanceof UnreachableError || (error instanceof RefusedError && passingStatuses.has(error.status));
  return mayPass && failureCount < 2;
}

export const servicesQuery: UseQueryOptions<ServicesResponse> = {
  queryKey: ['services'],
  queryFn: ({ signal }) => fetchJson<ServicesResponse>(servicesPath, signal),
};

export const receiversQuery: UseQueryOptions<ReceiversResponse> = {
  queryKey: ['receivers'],
  queryFn: ({ signal }) => fetchJson<ReceiversResponse>(receiversPath, signal),
};

export const statsQuery: UseQueryOptions<StatsResponse> = {
  queryKey: ['stats'],
  queryFn: ({ signal }) => fetchJson<StatsResponse>(statsPath, signal),
};

export function operationsQuery(service: string): UseQueryOptions<OperationsResponse> {
  return {
    queryKey: ['operations', service],
    queryFn: ({ signal }) => fetchJson<OperationsResponse>(operationsPath(service), signal),
    enabled: service !== '',
  };
}

/** How long a list stays as it was for those who come back to it. */
const keepListMs = 30 * 60_000;

/**
 * A look-back counts from the moment of asking. Whoever goes back to a page sees what it showed, so nothing is asked
 * again for the same visit.
 *
 * @param visit The page's place in the history of the browser.
 */
export function searchQuery(address: SearchAddress, visit: string): UseQueryOptions<SearchResponse> {
  return {
    queryKey: ['search', address, visit],
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: keepListMs,
    queryFn: ({ signal }) => fetchJson<SearchResponse>(searchPath(requestOf(address, Date.now())), signal),
  };
}

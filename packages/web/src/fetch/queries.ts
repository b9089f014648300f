import {
  type OperationsResponse,
  operationsPath,
  type SearchResponse,
  type ServicesResponse,
  searchPath,
  servicesPath,
} from '@clew/model';
import type { UseQueryOptions } from '@tanstack/react-query';
import { fetchJson, RefusedError } from './http.ts';
import { requestOf, type SearchAddress } from './search-address.ts';

/** A refusal stays one however often it is asked for; anything else may pass. */
export function shouldRetry(failureCount: number, error: Error): boolean {
  return failureCount < 2 && !(error instanceof RefusedError && error.status < 500);
}

export const servicesQuery: UseQueryOptions<ServicesResponse> = {
  queryKey: ['services'],
  queryFn: ({ signal }) => fetchJson<ServicesResponse>(servicesPath, signal),
};

export function operationsQuery(service: string): UseQueryOptions<OperationsResponse> {
  return {
    queryKey: ['operations', service],
    queryFn: ({ signal }) => fetchJson<OperationsResponse>(operationsPath(service), signal),
    enabled: service !== '',
  };
}

/** A look-back counts from the moment of asking. */
export function searchQuery(address: SearchAddress): UseQueryOptions<SearchResponse> {
  return {
    queryKey: ['search', address],
    queryFn: ({ signal }) => fetchJson<SearchResponse>(searchPath(requestOf(address, Date.now())), signal),
  };
}

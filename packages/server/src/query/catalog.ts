import type { OperationsResponse, ServicesResponse } from '@clew/model';
import type { StoreClient } from '../store/client.ts';
import { fetchRows, type Statement } from './statement.ts';

export function buildServicesStatement(): Statement {
  return { sql: 'SELECT DISTINCT service FROM operations ORDER BY service', params: {} };
}

export function buildOperationsStatement(service: string): Statement {
  return {
    sql: 'SELECT DISTINCT name FROM operations WHERE service = {service:String} ORDER BY name',
    params: { service },
  };
}

/** Names of all services that have spans, sorted. Throws StoreError. */
export async function listServices(client: StoreClient): Promise<ServicesResponse> {
  const rows = await fetchRows<{ service: string }>(client, buildServicesStatement());
  return { services: rows.map(({ service }) => service) };
}

/** Names of the spans of a service, sorted; none when there is no such service. Throws StoreError. */
export async function listOperations(client: StoreClient, service: string): Promise<OperationsResponse> {
  const rows = await fetchRows<{ name: string }>(client, buildOperationsStatement(service));
  return { operations: rows.map(({ name }) => name) };
}

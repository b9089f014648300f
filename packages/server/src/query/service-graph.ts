import type { ServiceGraphEdge, ServiceGraphResponse } from '@clew/model';
import type { StoreClient } from '../store/client.ts';
import { type RawParameters, refuseUnknown } from './parameters.ts';
import { fetchRows, type Statement } from './statement.ts';
import { readWindow, type Window } from './window.ts';

const maxEdges = 10_000;

/** @throws ClewError CLEW_PARAMETER_INVALID, CLEW_PARAMETER_UNKNOWN */
export function parseServiceGraphQuery(raw: RawParameters, nowMs: number): Window {
  refuseUnknown(raw, ['start', 'end']);
  return readWindow(raw, nowMs);
}

/** Calls between services in minutes that begin in the window. */
export function buildServiceGraphStatement({ startMs, endMs }: Window): Statement {
  return {
    sql: `SELECT client, server, connection_type AS connectionType, sum(service_edges.calls) AS calls, sum(service_edges.errors) AS errors,
  round(sum(duration_ns) / sum(service_edges.calls)) AS meanNs
FROM service_edges FINAL
WHERE minute >= toStartOfMinute(fromUnixTimestamp64Milli({start:Int64}, 'UTC'))
  AND minute <= fromUnixTimestamp64Milli({end:Int64}, 'UTC')
GROUP BY client, server, connectionType
ORDER BY calls DESC, client, server, connectionType
LIMIT {limit:UInt32}`,
    params: { start: startMs, end: endMs, limit: maxEdges + 1 },
  };
}

/** Answers `GET /clew/v1/service-graph`: the edges with the most calls first. @throws StoreError */
export async function readServiceGraph(client: StoreClient, window: Window): Promise<ServiceGraphResponse> {
  const edges = await fetchRows<ServiceGraphEdge>(client, buildServiceGraphStatement(window));
  return {
    edges: edges.slice(0, maxEdges),
    hasMore: edges.length > maxEdges,
    start: window.startMs,
    end: window.endMs,
  };
}

import type { SearchResponse, TraceSummary } from '@clew/model';
import type { StoreClient } from '../store/client.ts';
import { type AttributePlaces, buildPlacesStatement } from './conditions.ts';
import { type FoundTrace, findNewestTraces, windowOf } from './newest-traces.ts';
import { formatCursor } from './search-cursor.ts';
import type { Search } from './search-request.ts';
import { spanDuration } from './span-duration.ts';
import { fetchRows, type Statement } from './statement.ts';
import { givenTraces, whereTraceIn } from './trace-rows.ts';

/** Summaries over all spans of the traces, whether they matched or not. */
export function buildSummaryStatement(traceIds: readonly string[]): Statement {
  return {
    sql: `SELECT lower(hex(trace_id)) AS traceId,
  argMin(service, (parent_span_id != toFixedString('', 8), start, span_id)) AS firstService,
  argMin(name, (parent_span_id != toFixedString('', 8), start, span_id)) AS firstName,
  countIf(parent_span_id = toFixedString('', 8)) AS rootCount,
  toString(toUnixTimestamp64Nano(min(start))) AS startNs,
  max(toUnixTimestamp64Nano(start) + ${spanDuration}) - toUnixTimestamp64Nano(min(start)) AS durationNs,
  count() AS spanCount,
  countIf(status_code = 2) AS errorCount,
  arraySort(entry -> (-entry.2, entry.1), CAST(sumMap(map(toString(service), toUInt64(1))), 'Array(Tuple(String, UInt64))')) AS services
FROM spans
WHERE ${whereTraceIn(givenTraces)}
GROUP BY trace_id`,
    params: { traceIds },
  };
}

interface SummaryRow extends Omit<TraceSummary, 'services'> {
  readonly services: readonly (readonly [service: string, spanCount: number])[];
}

/** Answers `GET /clew/v1/search`: newest trace first, by the start of its newest matching span. Throws StoreError. */
export async function searchTraces(client: StoreClient, search: Search): Promise<SearchResponse> {
  const window = { start: search.startMs, end: search.endMs };
  // One more than is shown tells whether there are more.
  const found = await findNewestTraces(client, search, await findPlaces(client, search), search.limit + 1);
  const ids = found.slice(0, search.limit).map(({ id }) => id);
  if (ids.length === 0) return { traces: [], hasMore: false, ...window };
  const rows = await fetchRows<SummaryRow>(client, buildSummaryStatement(ids));
  const byId = new Map(rows.map((row) => [row.traceId, row]));
  return {
    // A trace that retention has taken away between the two statements is left out.
    traces: ids.flatMap((id) => byId.get(id) ?? []).map(toSummary),
    hasMore: found.length > ids.length,
    ...(found.length > ids.length && { next: describeEnd(found[ids.length - 1]!, search) }),
    ...window,
  };
}

async function findPlaces(client: StoreClient, search: Search): Promise<readonly AttributePlaces[]> {
  if (search.attributes.length === 0) return [];
  const statement = buildPlacesStatement(search.attributes, windowOf(search));
  const [row] = await fetchRows<{ onResources: number[]; inArrays: number[] }>(client, statement);
  const { onResources, inArrays } = row!;
  return onResources.map((holds, index) => ({ onResources: holds === 1, inArrays: inArrays[index] === 1 }));
}

function describeEnd({ id, newestNs }: FoundTrace, { startMs, endMs }: Search): string {
  return formatCursor({ newestNs: BigInt(newestNs), traceId: id, window: { startMs, endMs } });
}

function toSummary(row: SummaryRow): TraceSummary {
  return { ...row, services: row.services.map(([service, spanCount]) => ({ service, spanCount })) };
}

import type { SearchResponse, TraceSummary } from '@clew/model';
import type { StoreClient } from '../store/client.ts';
import { buildConditions, buildResourceStatement } from './conditions.ts';
import type { Search } from './search-request.ts';
import { fetchRows, type Statement } from './statement.ts';

/**
 * With these, a look-up by trace id goes through the projection `by_trace` however small the table is; by default the
 * engine reads tables below a million rows from end to end.
 */
export const useTraceProjection: Readonly<Record<string, number>> = {
  optimize_use_projection_filtering: 1,
  min_table_rows_to_use_projection_index: 0,
};

/** The newest traces that have a span for which all conditions hold, and how many there are. */
export function buildMatchStatement(search: Search, onResources: readonly boolean[]): Statement {
  const { sql, params } = buildConditions(search, onResources);
  return {
    sql: `SELECT lower(hex(trace_id)) AS id, count() OVER () AS matched
FROM spans
WHERE ${sql}
GROUP BY trace_id
ORDER BY max(start) DESC, trace_id
LIMIT {limit:UInt32}`,
    params: { ...params, limit: search.limit },
  };
}

/** Summaries over all spans of the traces, whether they matched or not. */
export function buildSummaryStatement(traceIds: readonly string[]): Statement {
  return {
    sql: `SELECT lower(hex(trace_id)) AS traceId,
  argMin(service, (parent_span_id != toFixedString('', 8), start, span_id)) AS rootService,
  argMin(name, (parent_span_id != toFixedString('', 8), start, span_id)) AS rootName,
  toString(toUnixTimestamp64Nano(min(start))) AS startNs,
  max(toUnixTimestamp64Nano(start) + duration_ns) - toUnixTimestamp64Nano(min(start)) AS durationNs,
  count() AS spanCount,
  countIf(status_code = 2) AS errorCount,
  arraySort(entry -> (-entry.2, entry.1), CAST(sumMap(map(toString(service), toUInt64(1))), 'Array(Tuple(String, UInt64))')) AS services
FROM spans
WHERE trace_id IN (SELECT toFixedString(unhex(arrayJoin({traceIds:Array(String)})), 16))
GROUP BY trace_id`,
    params: { traceIds },
    settings: useTraceProjection,
  };
}

interface SummaryRow extends Omit<TraceSummary, 'services'> {
  readonly services: readonly (readonly [service: string, spanCount: number])[];
}

/** Answers `GET /clew/v1/search`: newest trace first, by the start of its newest matching span. Throws StoreError. */
export async function searchTraces(client: StoreClient, search: Search): Promise<SearchResponse> {
  const window = { start: search.startMs, end: search.endMs };
  const statement = buildMatchStatement(search, await findOnResources(client, search));
  const matches = await fetchRows<{ id: string; matched: number }>(client, statement);
  const ids = matches.map(({ id }) => id);
  if (ids.length === 0) return { traces: [], matched: 0, ...window };
  const rows = await fetchRows<SummaryRow>(client, buildSummaryStatement(ids));
  const byId = new Map(rows.map((row) => [row.traceId, row]));
  return {
    // A trace that retention has taken away between the two statements is left out.
    traces: ids.flatMap((id) => byId.get(id) ?? []).map(toSummary),
    matched: matches[0]!.matched,
    ...window,
  };
}

/** For each attribute condition, whether it holds for any resource. */
async function findOnResources(client: StoreClient, { attributes }: Search): Promise<readonly boolean[]> {
  if (attributes.length === 0) return [];
  const [row] = await fetchRows<{ holds: number[] }>(client, buildResourceStatement(attributes));
  return row!.holds.map((holds) => holds === 1);
}

function toSummary(row: SummaryRow): TraceSummary {
  return { ...row, services: row.services.map(([service, spanCount]) => ({ service, spanCount })) };
}

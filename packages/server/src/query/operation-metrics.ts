import { type CallMetrics, type OperationMetrics, type OperationMetricsResponse, spanKindNames } from '@clew/model';
import type { StoreClient } from '../store/client.ts';
import { type DurationBuckets, readQuantileNs } from './duration-buckets.ts';
import { type RawParameters, readInteger, readOne, refuse, refuseUnknown } from './parameters.ts';
import { fetchRows, type Statement } from './statement.ts';
import { readWindow, type Window } from './window.ts';

const maxOperations = 1_000;
/** Of one answer, over all operations. */
const maxPoints = 100_000;
const maxPointsPerOperation = 1_500;

export interface OperationMetricsQuery extends Window {
  readonly service: string | undefined;
  readonly operation: string | undefined;
  /** Whole minutes in seconds; undefined for the sums of the window alone. */
  readonly stepS: number | undefined;
}

/** @throws ClewError CLEW_PARAMETER_INVALID, CLEW_PARAMETER_UNKNOWN */
export function parseOperationMetricsQuery(raw: RawParameters, nowMs: number): OperationMetricsQuery {
  refuseUnknown(raw, ['service', 'operation', 'start', 'end', 'step']);
  const window = readWindow(raw, nowMs);
  const stepS = readInteger(raw, 'step', 60, 31 * 86_400);
  if (stepS !== undefined) {
    const leastS = (window.endMs - window.startMs) / 1000 / maxPointsPerOperation;
    if (stepS % 60 !== 0 || stepS < leastS) {
      refuse('step', stepS, `whole minutes in seconds, at least ${Math.ceil(leastS / 60) * 60} for this window`);
    }
  }
  return { ...window, service: readOne(raw, 'service'), operation: readOne(raw, 'operation'), stepS };
}

/** Sums by service, name and kind, and by step where there is one; minutes count that begin in the window. */
export function buildOperationMetricsStatement(query: OperationMetricsQuery): Statement {
  const { service, operation, startMs, endMs, stepS } = query;
  const conditions = [
    "minute >= toStartOfMinute(fromUnixTimestamp64Milli({start:Int64}, 'UTC'))",
    "minute <= fromUnixTimestamp64Milli({end:Int64}, 'UTC')",
    ...(service === undefined ? [] : ['service = {service:String}']),
  ];
  return {
    sql: `SELECT service, name, kind, ${stepS === undefined ? '0' : 'intDiv(toUnixTimestamp(minute), {step:UInt32}) * {step:UInt32}'} AS time,
  sum(calls) AS calls, sum(errors) AS errors, sum(duration_ns) AS durationNs,
  CAST(sumMap(duration_buckets), 'Array(Tuple(UInt16, UInt64))') AS buckets
FROM (
  SELECT *, max(generation) OVER (PARTITION BY minute, service) AS newest
  FROM operation_minutes FINAL
  WHERE ${conditions.join(' AND ')}
)
WHERE generation = newest${operation === undefined ? '' : ' AND name = {operation:String}'}
GROUP BY service, name, kind, time
ORDER BY sum(calls) OVER (PARTITION BY service, name, kind) DESC, service, name, kind, time
LIMIT {limit:UInt32}`,
    params: {
      start: startMs,
      end: endMs,
      limit: maxPoints + 1,
      ...(service !== undefined && { service }),
      ...(operation !== undefined && { operation }),
      ...(stepS !== undefined && { step: stepS }),
    },
  };
}

interface Row {
  readonly service: string;
  readonly name: string;
  readonly kind: number;
  readonly time: number;
  readonly calls: number;
  readonly errors: number;
  readonly durationNs: number;
  readonly buckets: DurationBuckets;
}

/** Answers `GET /clew/v1/operation-metrics`: the operations with the most calls first. @throws StoreError */
export async function readOperationMetrics(
  client: StoreClient,
  query: OperationMetricsQuery,
): Promise<OperationMetricsResponse> {
  const rows = await fetchRows<Row>(client, buildOperationMetricsStatement(query));
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const key = JSON.stringify([row.service, row.name, row.kind]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [row]);
    else group.push(row);
  }
  const all = [...groups.values()].map((ofOne) => describe(ofOne, query.stepS !== undefined));
  return {
    operations: all.slice(0, maxOperations),
    hasMore: all.length > maxOperations || rows.length > maxPoints,
    start: query.startMs,
    end: query.endMs,
  };
}

function describe(rows: readonly Row[], withPoints: boolean): OperationMetrics {
  const { service, name, kind } = rows[0]!;
  return {
    service,
    name,
    kind: spanKindNames[kind] ?? 'unspecified',
    ...summarise(rows),
    ...(withPoints && { points: rows.map((row) => ({ start: row.time * 1000, ...summarise([row]) })) }),
  };
}

function summarise(rows: readonly Row[]): CallMetrics {
  const calls = rows.reduce((sum, row) => sum + row.calls, 0);
  const counts = new Map<number, number>();
  for (const { buckets } of rows) {
    for (const [bucket, count] of buckets) counts.set(bucket, (counts.get(bucket) ?? 0) + count);
  }
  const buckets = [...counts].sort(([a], [b]) => a - b);
  return {
    calls,
    errors: rows.reduce((sum, row) => sum + row.errors, 0),
    meanNs: Math.round(rows.reduce((sum, row) => sum + row.durationNs, 0) / calls),
    p50Ns: readQuantileNs(buckets, 0.5),
    p95Ns: readQuantileNs(buckets, 0.95),
    p99Ns: readQuantileNs(buckets, 0.99),
  };
}

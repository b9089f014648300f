import type { StoreClient } from '../store/client.ts';
import { buildConditions } from './conditions.ts';
import type { Search } from './search-request.ts';
import { fetchRows, type Statement } from './statement.ts';

/** A part of the window of a search: nanoseconds since the epoch, without the end. */
export interface TimeSlice {
  readonly startNs: bigint;
  readonly endNs: bigint;
}

const nsPerMs = 1_000_000n;
const firstSliceNs = 10_000n * nsPerMs;
/** Each slice is so many times as long as the one before: a week takes nine. */
const sliceGrowth = 4n;

/**
 * The window of a search from its end to its start, in slices that grow. Rows are sorted by time, so a slice that is not
 * asked for is not read: a search that many traces match ends with the newest seconds, however long the window is.
 */
export function* sliceWindow({ startMs, endMs }: Pick<Search, 'startMs' | 'endMs'>): Generator<TimeSlice> {
  const windowStartNs = BigInt(startMs) * nsPerMs;
  // Both ends of the window belong to it.
  let endNs = BigInt(endMs) * nsPerMs + 1n;
  for (let lengthNs = firstSliceNs; endNs > windowStartNs; lengthNs *= sliceGrowth) {
    const startNs = endNs - lengthNs > windowStartNs ? endNs - lengthNs : windowStartNs;
    yield { startNs, endNs };
    endNs = startNs;
  }
}

/** The newest traces with a span in the slice for which all conditions hold, but those that are known. */
export function buildMatchStatement(
  search: Search,
  onResources: readonly boolean[],
  slice: TimeSlice,
  known: readonly string[],
  limit: number,
): Statement {
  const { conditions, params } = buildConditions(search, onResources);
  const all = [
    "start >= fromUnixTimestamp64Nano({start:Int64}, 'UTC')",
    "start < fromUnixTimestamp64Nano({end:Int64}, 'UTC')",
    ...conditions,
    ...(known.length === 0
      ? []
      : ['trace_id NOT IN (SELECT toFixedString(unhex(arrayJoin({known:Array(String)})), 16))']),
  ];
  return {
    sql: `SELECT lower(hex(trace_id)) AS id
FROM spans
WHERE ${all.join('\n  AND ')}
GROUP BY trace_id
ORDER BY max(start) DESC, trace_id
LIMIT {limit:UInt32}`,
    params: {
      ...params,
      start: String(slice.startNs),
      end: String(slice.endNs),
      limit,
      ...(known.length > 0 && { known }),
    },
  };
}

/**
 * Ids of the newest traces that have a span for which all conditions hold, by the start of their newest such span.
 * Fewer than `limit` are all that there are.
 * @throws StoreError
 */
export async function findNewestTraces(
  client: StoreClient,
  search: Search,
  onResources: readonly boolean[],
  limit: number,
): Promise<string[]> {
  const found: string[] = [];
  for (const slice of sliceWindow(search)) {
    const statement = buildMatchStatement(search, onResources, slice, found, limit - found.length);
    for (const { id } of await fetchRows<{ id: string }>(client, statement)) found.push(id);
    if (found.length === limit) break;
  }
  return found;
}

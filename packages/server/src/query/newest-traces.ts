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
const nsPerMinute = 60_000n * nsPerMs;
const firstSliceNs = 10_000n * nsPerMs;
/** A slice is at most so many times as long as the one before, but for whole minutes: a week takes nine. */
const maxGrowth = 4n;

const readSlice = {
  // A slice is too small for the engine to share it between threads of itself.
  merge_tree_min_rows_for_concurrent_read: 8_192,
  merge_tree_min_bytes_for_concurrent_read: 2 ** 20,
  // The engine would compare values first; whether a span has the key is read with less, and true for few.
  allow_reorder_prewhere_conditions: 0,
};

/**
 * The next part of a search's window, from its end to its start; undefined when all of it was searched. Rows are sorted
 * by time, so a slice that is not asked for is not read: a search that many traces match ends with the newest seconds,
 * however long its window is. Slices grow, but not far beyond what the matches so far let expect. They start with a
 * minute, as within one rows are sorted by trace, and half of one costs as much as the whole.
 *
 * @param found how many traces the slices so far gave, of `wanted`
 */
export function nextSlice(
  { startMs, endMs }: Pick<Search, 'startMs' | 'endMs'>,
  previous: TimeSlice | undefined,
  found: number,
  wanted: number,
): TimeSlice | undefined {
  const windowStartNs = BigInt(startMs) * nsPerMs;
  // Both ends of the window belong to it.
  const windowEndNs = BigInt(endMs) * nsPerMs + 1n;
  const endNs = previous?.startNs ?? windowEndNs;
  if (endNs <= windowStartNs) return undefined;
  let lengthNs = firstSliceNs;
  if (previous !== undefined) {
    lengthNs = (previous.endNs - previous.startNs) * maxGrowth;
    const searchedNs = windowEndNs - endNs;
    if (found > 0) {
      const expectedNs = (searchedNs * BigInt(wanted - found) * 3n) / BigInt(found * 2);
      // The last few may be far away: what was searched grows by half at least.
      const leastNs = expectedNs > searchedNs / 2n ? expectedNs : searchedNs / 2n;
      if (leastNs < lengthNs) lengthNs = leastNs;
    }
  }
  const startNs = endNs - lengthNs;
  const minuteNs = startNs - (startNs % nsPerMinute);
  return { startNs: minuteNs > windowStartNs ? minuteNs : windowStartNs, endNs };
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
    sql: `SELECT lower(hex(trace_id)) AS id, toUnixTimestamp64Milli(max(start)) AS newestMs
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
    settings: readSlice,
  };
}

export interface FoundTrace {
  readonly id: string;
  /** The start of its newest span for which all conditions hold, in Unix milliseconds. */
  readonly newestMs: number;
}

/**
 * The newest traces that have a span for which all conditions hold, by the start of their newest such span. Fewer than `limit` are all that there are.
 * @throws StoreError
 */
export async function findNewestTraces(
  client: StoreClient,
  search: Search,
  onResources: readonly boolean[],
  limit: number,
): Promise<FoundTrace[]> {
  const found: FoundTrace[] = [];
  let slice = nextSlice(search, undefined, 0, limit);
  while (slice !== undefined && found.length < limit) {
    const known = found.map(({ id }) => id);
    const statement = buildMatchStatement(search, onResources, slice, known, limit - found.length);
    found.push(...(await fetchRows<FoundTrace>(client, statement)));
    slice = nextSlice(search, slice, found.length, limit);
  }
  return found;
}

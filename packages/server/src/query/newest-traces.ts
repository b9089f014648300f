import type { StoreClient } from '../store/client.ts';
import { type AttributePlaces, buildConditions, inSlice } from './conditions.ts';
import type { Cursor } from './search-cursor.ts';
import type { Search } from './search-request.ts';
import { fetchRows, type Statement } from './statement.ts';
import { givenTraces, whereTraceIn } from './trace-rows.ts';

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
  window: TimeSlice,
  previous: TimeSlice | undefined,
  found: number,
  wanted: number,
): TimeSlice | undefined {
  const endNs = previous?.startNs ?? window.endNs;
  if (endNs <= window.startNs) return undefined;
  let lengthNs = firstSliceNs;
  if (previous !== undefined) {
    lengthNs = (previous.endNs - previous.startNs) * maxGrowth;
    const searchedNs = window.endNs - endNs;
    if (found > 0) {
      const expectedNs = (searchedNs * BigInt(wanted - found) * 3n) / BigInt(found * 2);
      // The last few may be far away: what was searched grows by half at least.
      const leastNs = expectedNs > searchedNs / 2n ? expectedNs : searchedNs / 2n;
      if (leastNs < lengthNs) lengthNs = leastNs;
    }
  }
  const startNs = endNs - lengthNs;
  const minuteNs = startNs - (startNs % nsPerMinute);
  return { startNs: minuteNs > window.startNs ? minuteNs : window.startNs, endNs };
}

/** Of the spans in the nanosecond of a cursor, those whose trace is not so to the cursor's; and all others. */
const unlessAtCursor = (comparison: '<=' | '>'): string =>
  `NOT (start = fromUnixTimestamp64Nano({cursorStart:Int64}, 'UTC') AND trace_id ${comparison} toFixedString(unhex({cursorTrace:String}), 16))`;

/**
 * The newest traces with a span in the slice for which all conditions hold, but those that are known.
 * @param cursor where the search goes on, if its nanosecond is in the slice
 */
export function buildMatchStatement(
  search: Search,
  places: readonly AttributePlaces[],
  slice: TimeSlice,
  known: readonly string[],
  limit: number,
  cursor?: Cursor,
): Statement {
  const { conditions, params } = buildConditions(search, places);
  const all = [
    ...inSlice,
    ...(cursor === undefined ? [] : [unlessAtCursor('<=')]),
    ...conditions,
    ...(known.length === 0
      ? []
      : ['trace_id NOT IN (SELECT toFixedString(unhex(arrayJoin({known:Array(String)})), 16))']),
  ];
  return {
    sql: `SELECT lower(hex(trace_id)) AS id, toString(toUnixTimestamp64Nano(max(start))) AS newestNs
FROM spans
WHERE ${all.join('\n  AND ')}
GROUP BY trace_id
ORDER BY max(start) DESC, trace_id
LIMIT {limit:UInt32}`,
    params: {
      ...params,
      ...describeSlice(slice),
      limit,
      ...(known.length > 0 && { known }),
      ...(cursor !== undefined && describeCursor(cursor)),
    },
    settings: readSlice,
  };
}

/** Which of the traces have a span before the cursor for which all conditions hold: an earlier page has shown them. */
export function buildRepeatsStatement(
  search: Search,
  places: readonly AttributePlaces[],
  cursor: Cursor,
  traceIds: readonly string[],
): Statement {
  const { conditions, params } = buildConditions(search, places);
  const before = { startNs: cursor.newestNs, endNs: windowOf(search).endNs };
  const all = [whereTraceIn(givenTraces), ...inSlice, unlessAtCursor('>'), ...conditions];
  return {
    sql: `SELECT DISTINCT lower(hex(trace_id)) AS id
FROM spans
WHERE ${all.join('\n  AND ')}`,
    params: { ...params, ...describeSlice(before), ...describeCursor(cursor), traceIds },
  };
}

function describeSlice({ startNs, endNs }: TimeSlice): Statement['params'] {
  return { start: String(startNs), end: String(endNs) };
}

function describeCursor({ newestNs, traceId }: Cursor): Statement['params'] {
  return { cursorStart: String(newestNs), cursorTrace: traceId };
}

/** That of a search. */
export function windowOf({ startMs, endMs }: Search): TimeSlice {
  // Both ends of the window belong to it.
  return { startNs: BigInt(startMs) * nsPerMs, endNs: BigInt(endMs) * nsPerMs + 1n };
}

export interface FoundTrace {
  readonly id: string;
  /** The start of its newest span for which all conditions hold, in Unix nanoseconds. */
  readonly newestNs: string;
}

/**
 * The newest traces that have a span for which all conditions hold, by the start of their newest such span, and from the
 * cursor of the search on. Fewer than `limit` are all that there are.
 * @throws StoreError
 */
export async function findNewestTraces(
  client: StoreClient,
  search: Search,
  places: readonly AttributePlaces[],
  limit: number,
): Promise<FoundTrace[]> {
  const { cursor, allowRepeats } = search;
  const window = windowOf(search);
  // The nanosecond of the cursor may have more traces.
  const left =
    cursor === undefined || cursor.newestNs >= window.endNs ? window : { ...window, endNs: cursor.newestNs + 1n };
  const found: FoundTrace[] = [];
  const repeated: string[] = [];
  let slice = nextSlice(left, undefined, 0, limit);
  while (slice !== undefined && found.length < limit) {
    const known = [...found.map(({ id }) => id), ...repeated];
    const wanted = limit - found.length;
    const inCursor = slice.endNs === left.endNs ? cursor : undefined;
    const rows = await fetchRows<FoundTrace>(
      client,
      buildMatchStatement(search, places, slice, known, wanted, inCursor),
    );
    const repeats = new Set(
      cursor === undefined || allowRepeats || rows.length === 0
        ? []
        : (
            await fetchRows<{ id: string }>(
              client,
              buildRepeatsStatement(
                search,
                places,
                cursor,
                rows.map(({ id }) => id),
              ),
            )
          ).map(({ id }) => id),
    );
    repeated.push(...repeats);
    found.push(...rows.filter(({ id }) => !repeats.has(id)));
    // In the place of those that an earlier page has shown, there may be more in the same slice.
    if (rows.length < wanted || repeats.size === 0) slice = nextSlice(left, slice, found.length, limit);
  }
  return found;
}

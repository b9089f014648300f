import type { StoreClient } from './client.ts';
import { insertNative } from './insert-native.ts';
import { toStoreError } from './store-error.ts';

/** Rows of a block wait here while they are compared; one block at a time. */
const replayTable = 'spans_replay';

/**
 * Spans that came again and are not in the table; a span is known by its ids and its start. GLOBAL is for a cluster, whose
 * other nodes do not have the rows that wait.
 */
const missing = `FROM ${replayTable}
WHERE (trace_id, span_id, start) GLOBAL NOT IN (
  SELECT trace_id, span_id, start FROM spans
  WHERE toStartOfMinute(start) GLOBAL IN (SELECT toStartOfMinute(start) FROM ${replayTable})
    AND trace_id GLOBAL IN (SELECT trace_id FROM ${replayTable})
)`;

const countByDay = `SELECT toUInt32(toDate(start)) AS day, toUInt32(count()) AS spans ${missing}
GROUP BY day
ORDER BY day`;

/** The crash may have come between the rows and what the view notes of them. */
const noteMinutes = `INSERT INTO span_minutes SELECT DISTINCT toStartOfMinute(start), now64(3, 'UTC') FROM ${replayTable}`;

/** A day is a partition, and each takes memory and a part of its own. Clocks that are wrong make many days. */
export const maxDaysPerInsert = 100;

/** A merge may hold up an insert. */
const maxInsertS = 110;

/**
 * Inserts those spans of Native blocks that are not in the store, and gives their number. For blocks whose insert may
 * have been cut off by a crash: the engine writes its log of tokens a moment before it commits the rows, so a token that
 * it knows proves nothing then. And for those whose spans lie on more days than one insert can take.
 *
 * @throws StoreError
 */
export async function insertMissingSpans(client: StoreClient, blocks: readonly Uint8Array[]): Promise<number> {
  try {
    await client.command({ query: `CREATE OR REPLACE TABLE ${replayTable} AS spans ENGINE = Memory` });
    await insertNative(client, replayTable, blocks);
    let inserted = 0;
    const result = await client.query({ query: countByDay, format: 'JSONEachRow' });
    const days = await result.json<{ day: number; spans: number }>();
    for (let first = 0; first < days.length; first += maxDaysPerInsert) {
      const some = days.slice(first, first + maxDaysPerInsert);
      await client.command({
        query: `INSERT INTO spans SELECT * ${missing}
  AND toUInt32(toDate(start)) BETWEEN {first:UInt32} AND {last:UInt32}`,
        query_params: { first: some[0]!.day, last: some.at(-1)!.day },
        clickhouse_settings: { insert_deduplicate: 0, max_execution_time: maxInsertS },
      });
      inserted += some.reduce((sum, { spans }) => sum + spans, 0);
    }
    await client.command({ query: noteMinutes, clickhouse_settings: { max_partitions_per_insert_block: '0' } });
    await client.command({ query: `DROP TABLE ${replayTable}` });
    return inserted;
  } catch (error) {
    throw toStoreError(error);
  }
}

import type { StoreClient } from './client.ts';
import { insertNative } from './insert-native.ts';
import { toStoreError } from './store-error.ts';

/** Rows of a block wait here while they are compared; one block at a time. */
const replayTable = 'spans_replay';

/** Spans that came again and are not in the table; a span is known by its ids and its start. */
const missing = `FROM ${replayTable}
WHERE (trace_id, span_id, start) NOT IN (
  SELECT trace_id, span_id, start FROM spans
  WHERE toStartOfMinute(start) IN (SELECT toStartOfMinute(start) FROM ${replayTable})
    AND trace_id IN (SELECT trace_id FROM ${replayTable})
)`;

/**
 * Inserts those spans of a Native block that are not in the store, and gives their number. For a block whose insert may
 * have been cut off by a crash: the engine writes its log of tokens a moment before it commits the rows, so a token that
 * it knows proves nothing then.
 * @throws StoreError
 */
export async function insertMissingSpans(client: StoreClient, block: Uint8Array): Promise<number> {
  try {
    await client.command({ query: `CREATE OR REPLACE TABLE ${replayTable} AS spans ENGINE = Memory` });
    await insertNative(client, replayTable, block);
    const result = await client.query({ query: `SELECT count() AS rows ${missing}`, format: 'JSONEachRow' });
    const [row] = await result.json<{ rows: number | string }>();
    const rows = Number(row!.rows);
    if (rows > 0) {
      await client.command({
        query: `INSERT INTO spans SELECT * ${missing}`,
        clickhouse_settings: { insert_deduplicate: 0, max_partitions_per_insert_block: '0' },
      });
    }
    await client.command({ query: `DROP TABLE ${replayTable}` });
    return rows;
  } catch (error) {
    throw toStoreError(error);
  }
}

import { createHash } from 'node:crypto';
import type { StoreClient } from './client.ts';
import { insertNative } from './insert-native.ts';
import { toStoreError } from './store-error.ts';

/**
 * Rows of blocks wait in a table of their own while they are compared: `spans_replay_<Unix seconds>_<hash of the token>`.
 * Servers that share a database each have theirs, and an attempt finds that of the one before it.
 */
const replayPrefix = 'spans_replay';

/** No run takes as long: what is older was left by a server that was killed. A run that lost its table fails, and is repeated. */
const maxReplayS = 3_600;

/**
 * Spans that came again and are not in the table; a span is known by its ids and its start. GLOBAL is for a cluster, whose
 * other nodes do not have the rows that wait.
 */
const missingFrom = (replay: string): string => `FROM ${replay}
WHERE (trace_id, span_id, start) GLOBAL NOT IN (
  SELECT trace_id, span_id, start FROM spans
  WHERE toStartOfMinute(start) GLOBAL IN (SELECT toStartOfMinute(start) FROM ${replay})
    AND trace_id GLOBAL IN (SELECT trace_id FROM ${replay})
)`;

/** A day is a partition, and each takes memory and a part of its own. Clocks that are wrong make many days. */
export const maxDaysPerInsert = 100;

/** A merge may hold up an insert. */
const maxInsertS = 110;

/**
 * Inserts those spans of Native blocks that are not in the store, and gives their number. For blocks whose insert may
 * have been cut off by a crash: the engine writes its log of tokens a moment before it commits the rows, so a token that
 * it knows proves nothing then. And for those whose spans lie on more days than one insert can take.
 *
 * @param token of the insert of these blocks, the same for every attempt
 * @throws StoreError
 */
export async function insertMissingSpans(
  client: StoreClient,
  blocks: readonly Uint8Array[],
  token: string,
): Promise<number> {
  const hash = createHash('sha256').update(token).digest('hex').slice(0, 16);
  try {
    const nowS = await dropReplays(client, hash);
    const replay = `${replayPrefix}_${nowS}_${hash}`;
    await client.command({ query: `CREATE TABLE ${replay} AS spans ENGINE = Memory` });
    try {
      await insertNative(client, replay, blocks);
      return await insertFrom(client, replay);
    } finally {
      // What cannot be dropped now, the next attempt or the next start drops.
      await client.command({ query: `DROP TABLE IF EXISTS ${replay}` }).catch(() => {});
    }
  } catch (error) {
    throw toStoreError(error);
  }
}

/** Drops the tables of runs that were killed. @throws StoreError */
export async function dropStaleReplays(client: StoreClient): Promise<void> {
  try {
    await dropReplays(client);
  } catch (error) {
    throw toStoreError(error);
  }
}

/**
 * Drops the tables of an earlier attempt with the hash, and those that are too old. Gives the time of the engine's clock,
 * Unix seconds. Of an attempt whose answer was lost an insert may still be running: SYNC waits for its end, as its spans
 * would otherwise be taken for missing and inserted twice.
 */
async function dropReplays(client: StoreClient, hash?: string): Promise<number> {
  const result = await client.query({
    query: `SELECT toUInt32(now()) AS nowS, groupArrayIf(name, match(name, {pattern:String})) AS names
FROM system.tables
WHERE database = currentDatabase()`,
    query_params: { pattern: `^${replayPrefix}(_[0-9]+_[0-9a-f]{16})?$` },
    format: 'JSONEachRow',
  });
  const [{ nowS, names }] = (await result.json()) as [{ nowS: number; names: string[] }];
  for (const name of names) {
    const [, createdS = 0, ofHash] = /_(\d+)_(\w+)$/.exec(name) ?? [];
    if (ofHash !== hash && nowS - Number(createdS) < maxReplayS) continue;
    await client.command({
      query: `DROP TABLE IF EXISTS ${name} SYNC`,
      clickhouse_settings: { max_execution_time: maxInsertS },
    });
  }
  return nowS;
}

async function insertFrom(client: StoreClient, replay: string): Promise<number> {
  const missing = missingFrom(replay);
  const result = await client.query({
    query: `SELECT toUInt32(toDate(start)) AS day, toUInt32(count()) AS spans ${missing}
GROUP BY day
ORDER BY day`,
    format: 'JSONEachRow',
  });
  const days = await result.json<{ day: number; spans: number }>();
  for (let first = 0; first < days.length; first += maxDaysPerInsert) {
    const some = days.slice(first, first + maxDaysPerInsert);
    await client.command({
      query: `INSERT INTO spans SELECT * ${missing}
  AND toUInt32(toDate(start)) BETWEEN {first:UInt32} AND {last:UInt32}`,
      query_params: { first: some[0]!.day, last: some.at(-1)!.day },
      clickhouse_settings: { insert_deduplicate: 0, max_execution_time: maxInsertS },
    });
  }
  // The crash may have come between the rows and what the view notes of them.
  await client.command({
    query: `INSERT INTO span_minutes SELECT DISTINCT toStartOfMinute(start), now64(3, 'UTC') FROM ${replay}`,
    clickhouse_settings: { max_partitions_per_insert_block: '0' },
  });
  return days.reduce((sum, { spans }) => sum + spans, 0);
}

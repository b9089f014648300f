import { randomUUID } from 'node:crypto';
import { ClickHouseError } from '@clickhouse/client';
import { traced } from '../tracing.ts';
import type { StoreClient } from './client.ts';
import { insertMissingSpans, maxDaysPerInsert } from './insert-missing.ts';
import { insertNative } from './insert-native.ts';
import { toStoreError } from './store-error.ts';

export type StoreTable = 'spans' | 'resources';

/** ClickHouse's TOO_MANY_PARTS: here, of one insert. */
const tooManyParts = '252';

/** A merge may hold up an insert; the sender is the loader of the spool, which has time. */
const maxInsertS = 110;

/**
 * Inserts Native blocks as one, durable when this resolves. Harmless when repeated with the same token, also after a part of
 * it got in: the store remembers the last 10,000 tokens of spans. Resources replace one another, and each attempt stores
 * them anew: another server may have deleted them as orphans since the first.
 * @throws StoreError; with `retryable` false the blocks themselves are at fault.
 */
export async function insertBlocks(
  client: StoreClient,
  table: StoreTable,
  blocks: readonly Uint8Array[],
  token: string,
): Promise<void> {
  const bytes = blocks.reduce((sum, block) => sum + block.length, 0);
  const attributes = { 'db.system.name': 'clickhouse', 'db.collection.name': table, 'clew.insert.bytes': bytes };
  await traced(`insert ${table}`, attributes, () => sendBlocks(client, table, blocks, token));
}

async function sendBlocks(
  client: StoreClient,
  table: StoreTable,
  blocks: readonly Uint8Array[],
  token: string,
): Promise<void> {
  try {
    await insertNative(client, table, blocks, {
      insert_deduplicate: 1,
      insert_deduplication_token: table === 'spans' ? token : randomUUID(),
      // A block that comes again goes on to the views: a crash may have come between them and the table.
      deduplicate_blocks_in_dependent_materialized_views: 1,
      async_insert: 0,
      max_execution_time: maxInsertS,
      max_partitions_per_insert_block: String(maxDaysPerInsert),
      // The cost of skip indexes moves to the merges.
      materialize_skip_indexes_on_insert: 0,
    });
  } catch (error) {
    const isScattered = error instanceof ClickHouseError && error.code === tooManyParts;
    if (!isScattered || table !== 'spans') throw toStoreError(error);
    // Some days at a time; what got in before is left out.
    await insertMissingSpans(client, blocks, token);
  }
}

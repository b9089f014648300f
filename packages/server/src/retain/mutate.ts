import type { ClickHouseSettings } from '@clickhouse/client';
import type { Statement } from '../query/statement.ts';
import type { StoreClient } from '../store/client.ts';
import { toStoreError } from '../store/store-error.ts';

/** A mutation waits behind merges, and rewrites what may be a whole day; the client gives up after two minutes. */
const maxMutationS = 110;

/**
 * Runs a statement that changes what is stored, and resolves when all of its parts are rewritten.
 * @throws StoreError
 */
export async function mutate(client: StoreClient, { sql, params }: Statement): Promise<void> {
  await runCommand(client, { sql, params, settings: { mutations_sync: '1', lightweight_deletes_sync: '1' } });
}

/**
 * Runs a statement that answers nothing.
 * @throws StoreError
 */
export async function runCommand(client: StoreClient, { sql, params, settings }: Statement): Promise<void> {
  try {
    await client.command({
      query: sql,
      query_params: { ...params },
      clickhouse_settings: { ...(settings as ClickHouseSettings), max_execution_time: maxMutationS },
    });
  } catch (error) {
    throw toStoreError(error);
  }
}

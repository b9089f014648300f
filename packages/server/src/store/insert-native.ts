import { Readable } from 'node:stream';
import type { ClickHouseSettings } from '@clickhouse/client';
import type { StoreClient } from './client.ts';

/** Inserts Native blocks, one behind the other, as they are. @throws what the client throws. */
export async function insertNative(
  client: StoreClient,
  table: string,
  blocks: readonly Uint8Array[],
  settings: ClickHouseSettings = {},
): Promise<void> {
  const { stream } = await client.exec({
    query: `INSERT INTO ${table} FORMAT Native`,
    values: Readable.from(blocks, { objectMode: false }),
    clickhouse_settings: settings,
  });
  // Nothing comes, but an answer that is not read keeps its connection.
  for await (const _ of stream);
}

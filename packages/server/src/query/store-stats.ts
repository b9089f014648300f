import type { StoreStats } from '@clew/model';
import type { StoreClient } from '../store/client.ts';
import { readCardinality } from './cardinality.ts';
import { fetchRows, type Statement } from './statement.ts';

export function buildTablesStatement(): Statement {
  return {
    sql: `SELECT table, sum(rows) AS rows, sum(bytes_on_disk) AS bytes
FROM system.parts
WHERE active AND database = currentDatabase()
GROUP BY table
ORDER BY table`,
    params: {},
  };
}

/** The engine knows the bounds of a part's times: this reads no column. */
export function buildTimesStatement(): Statement {
  return {
    sql: `SELECT count() AS spans,
  toString(toUnixTimestamp64Nano(min(start))) AS oldestNs,
  toString(toUnixTimestamp64Nano(max(start))) AS newestNs
FROM spans`,
    params: {},
  };
}

/** What is stored, for `GET /clew/v1/stats`. Throws StoreError. */
export async function readStoreStats(client: StoreClient): Promise<StoreStats> {
  const [cardinality, tables, [times]] = await Promise.all([
    readCardinality(client),
    fetchRows<{ table: string; rows: number; bytes: number }>(client, buildTablesStatement()),
    fetchRows<{ spans: number; oldestNs: string; newestNs: string }>(client, buildTimesStatement()),
  ]);
  const { spans, oldestNs, newestNs } = times!;
  const bytes = tables.reduce((sum, table) => sum + table.bytes, 0);
  return {
    cardinality,
    spans,
    bytes,
    tables,
    oldestNs: spans === 0 ? null : oldestNs,
    newestNs: spans === 0 ? null : newestNs,
  };
}

import { fetchRows } from '../query/statement.ts';
import type { StoreClient } from '../store/client.ts';
import type { StoredDay } from './plan.ts';

/** One day of one table. */
export interface DayPartition {
  readonly table: string;
  readonly day: string;
  /** As `PARTITION ID` names it. */
  readonly id: string;
  readonly rows: number;
  readonly bytes: number;
}

export interface Inventory {
  /** Of every table that is partitioned by day. */
  readonly partitions: readonly DayPartition[];
  readonly days: readonly StoredDay[];
  readonly bytesUsed: number;
  readonly diskFreeBytes: number;
  readonly diskTotalBytes: number;
}

const partsStatement = `SELECT table, partition AS day, partition_id AS id, sum(rows) AS rows, sum(bytes_on_disk) AS bytes
FROM system.parts
WHERE database = currentDatabase() AND active
GROUP BY table, partition, partition_id
ORDER BY day, table`;

/** Tables lie on one disk or on several; a disk is counted once. */
const diskStatement = `SELECT sum(free_space) AS free, sum(total_space) AS total
FROM system.disks
WHERE name IN (SELECT disk_name FROM system.parts WHERE database = currentDatabase() AND active)`;

/**
 * What is stored, day by day, and what the disk has left. Costs a few milliseconds at any size.
 * @throws StoreError
 */
export async function takeInventory(client: StoreClient): Promise<Inventory> {
  const parts = await fetchRows<DayPartition>(client, { sql: partsStatement, params: {} });
  const [disk] = await fetchRows<{ free: number; total: number }>(client, { sql: diskStatement, params: {} });
  const partitions = parts.filter(({ day }) => /^\d{4}-\d\d-\d\d$/.test(day));
  const bytesByDay = new Map<string, number>();
  for (const { day, bytes } of partitions) bytesByDay.set(day, (bytesByDay.get(day) ?? 0) + bytes);
  return {
    partitions,
    days: [...bytesByDay].map(([day, bytes]) => ({ day, bytes })),
    bytesUsed: parts.reduce((sum, { bytes }) => sum + bytes, 0),
    diskFreeBytes: disk!.free,
    diskTotalBytes: disk!.total,
  };
}

/** Unix milliseconds of the earliest and the latest start; null when there is no span. */
export async function findTimeRange(
  client: StoreClient,
): Promise<{ readonly spans: number; readonly oldestMs: number | null; readonly newestMs: number | null }> {
  const [row] = await fetchRows<{ spans: number; oldest: number; newest: number }>(client, {
    sql: 'SELECT count() AS spans, toUnixTimestamp64Milli(min(start)) AS oldest, toUnixTimestamp64Milli(max(start)) AS newest FROM spans',
    params: {},
  });
  const { spans, oldest, newest } = row!;
  return spans === 0 ? { spans, oldestMs: null, newestMs: null } : { spans, oldestMs: oldest, newestMs: newest };
}

import { fetchRows, runCommand } from '../query/statement.ts';
import type { StoreClient } from '../store/client.ts';
import type { DayPartition } from './inventory.ts';
import { mutate } from './mutate.ts';

const before = "fromUnixTimestamp64Milli({before:Int64}, 'UTC')";

/** Drops the day from every table: its files are gone at once. Gives the bytes. @throws StoreError */
export async function dropDay(client: StoreClient, partitions: readonly DayPartition[]): Promise<number> {
  // Spans first: what is left when this is cut off refers to nothing, and is dropped by the next run.
  const spansFirst = [...partitions].sort((a, b) => Number(b.table === 'spans') - Number(a.table === 'spans'));
  for (const { table, id } of spansFirst) {
    await runCommand(client, {
      sql: 'ALTER TABLE {table:Identifier} DROP PARTITION ID {id:String}',
      params: { table, id },
    });
  }
  return partitions.reduce((sum, { bytes }) => sum + bytes, 0);
}

/**
 * Takes spans of the day that start before the time out of all answers; their bytes go with the day, or with the next
 * merge. Gives the number of spans.
 * @throws StoreError
 */
export async function hideBefore(client: StoreClient, day: string, beforeMs: number): Promise<number> {
  const spans = await countBefore(client, day, beforeMs);
  if (spans === 0) return 0;
  const params = { day, before: beforeMs };
  await mutate(client, { sql: `DELETE FROM spans IN PARTITION {day:String} WHERE start < ${before}`, params });
  await mutate(client, { sql: `DELETE FROM trace_minutes IN PARTITION {day:String} WHERE minute < ${before}`, params });
  return spans;
}

export interface Trimmed {
  /** Unix milliseconds; null where whole parts of the store were dropped for want of room to rewrite them. */
  readonly beforeMs: number | null;
  readonly spans: number;
  readonly bytes: number;
}

interface PartRange {
  readonly name: string;
  readonly rows: number;
  readonly bytes: number;
  readonly oldest: number;
}

/**
 * Removes the oldest minutes of a day until about so many bytes are free. What is left of a file of the store is written
 * anew, and needs room while it is: where the disk has not as much, the files with the oldest spans go as a whole.
 * Undefined when there is nothing to remove, or the last removal is still under way.
 * @throws StoreError
 */
export async function trimDay(
  client: StoreClient,
  partitions: readonly DayPartition[],
  bytes: number,
  diskFreeBytes: number,
): Promise<Trimmed | undefined> {
  const { day } = partitions[0]!;
  if (await isRewriting(client)) return undefined;
  const dayBytes = partitions.reduce((sum, partition) => sum + partition.bytes, 0);
  const share = Math.min(1, bytes / dayBytes);
  const parts = await listParts(client, day);
  if (parts.length === 0) return undefined;
  const largest = Math.max(...parts.map((part) => part.bytes));
  if (largest * (1 - share) > diskFreeBytes) return dropOldestParts(client, parts, bytes);
  const beforeMs = await findMinute(client, day, share);
  const spans = await countBefore(client, day, beforeMs);
  if (spans === 0) return undefined;
  const params = { day, before: beforeMs };
  await mutate(client, {
    sql: `ALTER TABLE spans DELETE IN PARTITION {day:String} WHERE start < ${before}`,
    params,
  });
  await mutate(client, {
    sql: `ALTER TABLE trace_minutes DELETE IN PARTITION {day:String} WHERE minute < ${before}`,
    params,
  });
  return { beforeMs, spans, bytes: Math.round(share * dayBytes) };
}

async function dropOldestParts(client: StoreClient, parts: readonly PartRange[], bytes: number): Promise<Trimmed> {
  let freed = 0;
  let spans = 0;
  for (const part of [...parts].sort((a, b) => a.oldest - b.oldest)) {
    if (freed >= bytes) break;
    await runCommand(client, { sql: 'ALTER TABLE spans DROP PART {part:String}', params: { part: part.name } });
    freed += part.bytes;
    spans += part.rows;
  }
  return { beforeMs: null, spans, bytes: freed };
}

function listParts(client: StoreClient, day: string): Promise<PartRange[]> {
  return fetchRows<PartRange>(client, {
    sql: `SELECT name, rows, bytes_on_disk AS bytes, toUnixTimestamp(min_time) AS oldest
FROM system.parts
WHERE database = currentDatabase() AND table = 'spans' AND active AND partition = {day:String}`,
    params: { day },
  });
}

/** The first minute that stays when that share of the day's spans goes: the minute that crosses the share goes too. */
async function findMinute(client: StoreClient, day: string, share: number): Promise<number> {
  const rows = await fetchRows<{ minute: number; spans: number }>(client, {
    sql: `SELECT toUnixTimestamp(toStartOfMinute(start)) * 1000 AS minute, count() AS spans
FROM spans
WHERE toDate(start) = {day:Date}
GROUP BY minute
ORDER BY minute`,
    params: { day },
  });
  const wanted = share * rows.reduce((sum, { spans }) => sum + spans, 0);
  let seen = 0;
  for (const { minute, spans } of rows) {
    seen += spans;
    if (seen >= wanted) return minute + 60_000;
  }
  return Date.parse(day);
}

async function countBefore(client: StoreClient, day: string, beforeMs: number): Promise<number> {
  const [row] = await fetchRows<{ spans: number }>(client, {
    sql: `SELECT count() AS spans FROM spans WHERE toDate(start) = {day:Date} AND start < ${before}`,
    params: { day, before: beforeMs },
  });
  return row!.spans;
}

async function isRewriting(client: StoreClient): Promise<boolean> {
  const [row] = await fetchRows<{ mutations: number }>(client, {
    sql: `SELECT count() AS mutations FROM system.mutations
WHERE database = currentDatabase() AND table = 'spans' AND NOT is_done`,
    params: {},
  });
  return row!.mutations > 0;
}

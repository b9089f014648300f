import { fetchRows, runCommand, type Statement } from '../query/statement.ts';
import type { StoreClient } from '../store/client.ts';

/** Unix seconds: the engine's calendar of seconds ends then, in the year 2106. */
export const lastMinute = 4_294_967_280;

/**
 * When a minute that is computed now is as it was seen: not after an insert that still runs, whose rows cannot be seen yet
 * and whose minutes are noted as of its start. By the engine's clock, by which inserts note their minutes.
 */
export function buildGenerationStatement(): Statement {
  return {
    sql: `SELECT toUnixTimestamp64Milli(now64(3)) - if(count() = 0, 0, toInt64(ceil(max(elapsed) * 1000)) + 1) AS generation
FROM system.processes
WHERE query ILIKE 'INSERT INTO spans%'`,
    params: {},
  };
}

/** Unix milliseconds. @throws StoreError */
export async function readGeneration(client: StoreClient): Promise<number> {
  const [row] = await fetchRows<{ generation: number }>(client, buildGenerationStatement());
  return row!.generation;
}

/** Minutes with spans that were inserted after they were computed last, the newest first. */
export function buildPendingStatement(): Statement {
  return {
    sql: `SELECT toUnixTimestamp(minute) AS minute, toUnixTimestamp64Milli(noted) AS notedMs,
  toUInt32(generation != 0) AS isComputed
FROM (SELECT minute, max(noted) AS noted FROM span_minutes GROUP BY minute) AS inserted
LEFT JOIN (SELECT minute, max(generation) AS generation FROM rollups GROUP BY minute) AS computed USING (minute)
WHERE generation <= noted
ORDER BY minute DESC`,
    params: {},
  };
}

export interface PendingMinute {
  /** Unix seconds at which it begins. */
  readonly minute: number;
  /** When spans of it were inserted last, Unix milliseconds of the engine's clock. */
  readonly notedMs: number;
  /** Whether it was computed before, 1 or 0. */
  readonly isComputed: number;
}

/** @throws StoreError */
export function findPendingMinutes(client: StoreClient): Promise<PendingMinute[]> {
  return fetchRows<PendingMinute>(client, buildPendingStatement());
}

/** Makes what was computed of the minutes with this generation count. */
export function buildDoneStatement(minutes: readonly number[], generationMs: number): Statement {
  return {
    sql: `INSERT INTO rollups
SELECT toDateTime(arrayJoin({minutes:Array(UInt32)}), 'UTC'), fromUnixTimestamp64Milli({generation:Int64}, 'UTC')`,
    params: { minutes, generation: generationMs },
  };
}

/** @throws StoreError */
export async function markDone(client: StoreClient, minutes: readonly number[], generationMs: number): Promise<void> {
  await runCommand(client, buildDoneStatement(minutes, generationMs));
}

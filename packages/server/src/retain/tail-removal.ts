import { setTimeout as sleep } from 'node:timers/promises';
import { fetchRows, runCommand, type Statement } from '../query/statement.ts';
import type { StoreClient } from '../store/client.ts';

const dropped = 'SELECT trace_id FROM trace_decisions WHERE rule = 0';

const pollMs = 500;

interface DroppedDay {
  readonly day: string;
  /** Unix seconds of the first and the last minute with spans of a trace that goes. */
  readonly first: number;
  readonly last: number;
}

/** On which days, and in which minutes of them, the traces that go have spans. */
export function buildDroppedDaysStatement(): Statement {
  return {
    sql: `SELECT toString(toDate(minute)) AS day, toUnixTimestamp(min(minute)) AS first, toUnixTimestamp(max(minute)) AS last
FROM trace_minutes
WHERE trace_id IN (${dropped})
GROUP BY day
ORDER BY day`,
    params: {},
  };
}

/** Not a lightweight DELETE: what it removes is to free its bytes. */
export function buildRemoveSpansStatement({ day, first, last }: DroppedDay): Statement {
  return {
    sql: `ALTER TABLE spans DELETE IN PARTITION {day:String}
WHERE toStartOfMinute(start) >= toDateTime({first:UInt32}, 'UTC') AND toStartOfMinute(start) <= toDateTime({last:UInt32}, 'UTC')
  AND trace_id IN (${dropped})`,
    params: { day, first, last },
  };
}

export function buildRemoveMinutesStatement({ day }: DroppedDay): Statement {
  return {
    sql: `ALTER TABLE trace_minutes DELETE IN PARTITION {day:String} WHERE trace_id IN (${dropped})`,
    params: { day },
  };
}

/** Those that this removal has started; a redaction is none of them. */
export function buildUnfinishedStatement(): Statement {
  return {
    sql: `SELECT count() AS mutations, max(latest_fail_reason) AS reason
FROM system.mutations
WHERE database = currentDatabase() AND NOT is_done AND command LIKE '%trace_decisions%'`,
    params: {},
  };
}

/**
 * Removes the traces that were decided against, and resolves when their bytes are free; a day may take the engine minutes.
 * Harmless when repeated.
 * @throws StoreError; the reason of the signal when it fires: the engine goes on, and the next call waits for it
 */
export async function removeDropped(client: StoreClient, signal: AbortSignal): Promise<void> {
  await waitForMutations(client, signal);
  const days = await fetchRows<DroppedDay>(client, buildDroppedDaysStatement());
  for (const day of days) await startMutation(client, buildRemoveSpansStatement(day));
  await waitForMutations(client, signal);
  // Last, as spans are found by it: when this is cut off, the next attempt finds what is left.
  for (const day of days) await startMutation(client, buildRemoveMinutesStatement(day));
  await waitForMutations(client, signal);
}

async function startMutation(client: StoreClient, statement: Statement): Promise<void> {
  await runCommand(client, { ...statement, settings: { mutations_sync: '0' } });
}

async function waitForMutations(client: StoreClient, signal: AbortSignal): Promise<void> {
  for (;;) {
    const [row] = await fetchRows<{ mutations: number; reason: string }>(client, buildUnfinishedStatement());
    if (row!.mutations === 0) return;
    await sleep(pollMs, undefined, { signal });
  }
}

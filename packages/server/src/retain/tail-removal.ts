import { setTimeout as sleep } from 'node:timers/promises';
import { fetchRows, runCommand, type Statement } from '../query/statement.ts';
import type { StoreClient } from '../store/client.ts';

const dropped = 'SELECT trace_id FROM tail_decisions WHERE run = {run:String} AND rule = 0';

const pollMs = 500;

interface DroppedDay {
  readonly day: string;
  /** Unix seconds of the first and the last minute with spans of a trace that goes. */
  readonly first: number;
  readonly last: number;
}

/** On which days, and in which minutes of them, the traces that go have spans. */
export function buildDroppedDaysStatement(run: string): Statement {
  return {
    sql: `SELECT toString(toDate(minute)) AS day, toUnixTimestamp(min(minute)) AS first, toUnixTimestamp(max(minute)) AS last
FROM trace_minutes
WHERE trace_id IN (${dropped})
GROUP BY day
ORDER BY day`,
    params: { run },
  };
}

/** Not a lightweight DELETE: what it removes is to free its bytes. */
export function buildRemoveSpansStatement(run: string, { day, first, last }: DroppedDay): Statement {
  return {
    sql: `ALTER TABLE spans DELETE IN PARTITION {day:String}
WHERE toStartOfMinute(start) >= toDateTime({first:UInt32}, 'UTC') AND toStartOfMinute(start) <= toDateTime({last:UInt32}, 'UTC')
  AND trace_id IN (${dropped})`,
    params: { run, day, first, last },
  };
}

export function buildRemoveMinutesStatement(run: string, { day }: DroppedDay): Statement {
  return {
    sql: `ALTER TABLE trace_minutes DELETE IN PARTITION {day:String} WHERE trace_id IN (${dropped})`,
    params: { run, day },
  };
}

/** Those that removals of this run have started; a redaction or another server's removal is none of them. */
export function buildUnfinishedStatement(run: string): Statement {
  return {
    sql: `SELECT count() AS mutations, max(latest_fail_reason) AS reason
FROM system.mutations
WHERE database = currentDatabase() AND NOT is_done AND command LIKE concat('%tail_decisions%', {run:String}, '%')`,
    params: { run },
  };
}

/** The runs whose decisions can go: this one, which decides anew, and those that have been idle for too long. */
export function buildOldRunsStatement(run: string, maxIdleDays: number): Statement {
  return {
    sql: `SELECT partition AS run
FROM system.parts
WHERE database = currentDatabase() AND table = 'tail_decisions' AND active
GROUP BY partition
HAVING partition = {run:String} OR max(modification_time) <= now() - toIntervalDay({days:UInt32})`,
    params: { run, days: maxIdleDays },
  };
}

/** Drops what the run has decided, and what servers decided that have been idle for so many days. @throws StoreError */
export async function dropDecisions(client: StoreClient, run: string, maxIdleDays: number): Promise<void> {
  const runs = await fetchRows<{ run: string }>(client, buildOldRunsStatement(run, maxIdleDays));
  for (const params of runs) {
    await runCommand(client, { sql: 'ALTER TABLE tail_decisions DROP PARTITION {run:String}', params });
  }
}

/**
 * Removes the traces that the run has decided against, and resolves when their bytes are free; a day may take the engine
 * minutes. Harmless when repeated.
 * @throws StoreError; the reason of the signal when it fires: the engine goes on, and the next call waits for it
 */
export async function removeDropped(client: StoreClient, run: string, signal: AbortSignal): Promise<void> {
  await waitForMutations(client, run, signal);
  const days = await fetchRows<DroppedDay>(client, buildDroppedDaysStatement(run));
  for (const day of days) await startMutation(client, buildRemoveSpansStatement(run, day));
  await waitForMutations(client, run, signal);
  // Last, as spans are found by it: when this is cut off, the next attempt finds what is left.
  for (const day of days) await startMutation(client, buildRemoveMinutesStatement(run, day));
  await waitForMutations(client, run, signal);
}

async function startMutation(client: StoreClient, statement: Statement): Promise<void> {
  await runCommand(client, { ...statement, settings: { mutations_sync: '0' } });
}

async function waitForMutations(client: StoreClient, run: string, signal: AbortSignal): Promise<void> {
  for (;;) {
    const [row] = await fetchRows<{ mutations: number; reason: string }>(client, buildUnfinishedStatement(run));
    if (row!.mutations === 0) return;
    await sleep(pollMs, undefined, { signal });
  }
}

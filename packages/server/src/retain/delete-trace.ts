import type { DeleteTraceResponse } from '@clew/model';
import { ClewError } from '../errors.ts';
import { fetchRows } from '../query/statement.ts';
import { givenTrace, readTraceId } from '../query/trace.ts';
import { whereTraceIn } from '../query/trace-rows.ts';
import type { StoreClient } from '../store/client.ts';
import { forgetUnusedValues, listValuesOfTrace, type NotedValue } from './forget-values.ts';
import { mutate } from './mutate.ts';
import { waitForRollups } from './redact-catalog.ts';

/**
 * Takes a trace out of all answers. The caller sees to it that what was acknowledged before is in the store; spans of
 * the trace that come later are stored.
 * @throws ClewError CLEW_PARAMETER_INVALID, CLEW_TRACE_NOT_FOUND; StoreError
 */
export async function deleteTrace(client: StoreClient, traceIdText: string): Promise<DeleteTraceResponse> {
  const traceId = readTraceId(traceIdText);
  const days = await fetchRows<{ day: string; spans: number }>(client, {
    sql: `SELECT toDate(start) AS day, count() AS spans
FROM spans
WHERE ${whereTraceIn(givenTrace)}
GROUP BY day`,
    params: { traceId },
  });
  if (days.length === 0) throw new ClewError('CLEW_TRACE_NOT_FOUND', { traceId });
  const values = new Map<string, readonly NotedValue[]>();
  for (const { day } of days) {
    values.set(day, await listValuesOfTrace(client, traceId, day));
    await mutate(client, {
      sql: `DELETE FROM spans IN PARTITION {day:String} WHERE trace_id = ${givenTrace}`,
      params: { traceId, day },
    });
  }
  // Last, as spans are found by it: when this is cut off, the next attempt finds what is left.
  for (const { day } of days) {
    await mutate(client, {
      sql: `DELETE FROM trace_minutes IN PARTITION {day:String} WHERE trace_id = ${givenTrace}`,
      params: { traceId, day },
    });
  }
  await waitForRollups(client);
  for (const [day, ofDay] of values) await forgetUnusedValues(client, day, ofDay);
  return { traceId, deletedSpans: days.reduce((sum, { spans }) => sum + spans, 0) };
}

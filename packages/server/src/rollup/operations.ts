import { otherNames } from '../query/cardinality.ts';
import { spanDuration } from '../query/span-duration.ts';
import type { Statement } from '../query/statement.ts';

/** Names of one service in one minute that are counted each; the others are counted together. */
const maxNamesPerService = 1_000;

/**
 * Calls, errors and durations by service, name and kind: those of the minutes, with a generation. Rows are grouped by a
 * hash of what tells them apart, which is four times as fast as by the columns themselves.
 * @param minutes Unix seconds
 */
export function buildOperationsStatement(minutes: readonly number[], generationMs: number): Statement {
  return {
    sql: `INSERT INTO operation_minutes
SELECT service, shown, kind, minute, fromUnixTimestamp64Milli({generation:Int64}, 'UTC'),
  sum(calls), sum(errors), sum(duration), sumMap(map(bucket, calls))
FROM (
  SELECT *, if(dense_rank() OVER (PARTITION BY minute, service ORDER BY named DESC, name) <= ${maxNamesPerService},
    name, '${otherNames}') AS shown
  FROM (
    SELECT *, sum(calls) OVER (PARTITION BY minute, service, name) AS named
    FROM (
      SELECT any(toStartOfMinute(start)) AS minute, any(service) AS service, toString(any(name)) AS name, any(kind) AS kind,
        toUInt16(if(duration_ns <= 1, 0, ceil(log2(duration_ns) * 8))) AS bucket,
        count() AS calls, countIf(status_code = 2) AS errors, sum(toFloat64(${spanDuration})) AS duration
      FROM spans
      WHERE toStartOfMinute(start) IN (SELECT toDateTime(arrayJoin({minutes:Array(UInt32)}), 'UTC'))
      GROUP BY cityHash64(toStartOfMinute(spans.start), spans.service, spans.name, spans.kind), bucket
    )
  )
)
GROUP BY minute, service, shown, kind`,
    params: { minutes, generation: generationMs },
  };
}

import { maxKeyLength, maxKeysPerDay, maxValuesPerKey, notedColumns } from '../query/attribute-catalog.ts';
import type { Statement } from '../query/statement.ts';

/** Spans of a minute whose attributes are looked at, in whole traces: what is in none of them is rare. */
const maxSampledSpans = 20_000;

const maxNewValuesPerKey = 20;

/**
 * A row may hold an attribute of many megabytes. What is too long to be noted is left out as each small block is read, and
 * not after 20,000 rows were sorted.
 */
const settings = {
  max_block_size: 64,
  query_plan_execute_functions_after_sorting: 0,
  // Each part of the store would hold back blocks of its own.
  read_in_order_use_buffering: 0,
};

/** Rows are sorted by minute and trace, so this reads no more than it takes. */
const sample = (columns: readonly string[]): string => `SELECT ${columns.join(', ')}
  FROM spans
  WHERE toStartOfMinute(start) = toDateTime({minute:UInt32}, 'UTC')
  ORDER BY toStartOfMinute(start), trace_id
  LIMIT ${maxSampledSpans}`;

const day = "toDate(toDateTime({minute:UInt32}, 'UTC'))";

const keysOf = ['string', 'int', 'double', 'bool', 'other'].map(
  (type) =>
    `arrayMap(key -> (toString(key), '${type}'), arrayFilter(key -> length(key) <= ${maxKeyLength}, mapKeys(attr_${type}))) AS of_${type}`,
);

/** Notes the keys of attributes in a minute; the type is `string`, `int`, `double`, `bool` or `other`. */
export function buildKeysStatement(minute: number): Statement {
  return {
    sql: `INSERT INTO attribute_keys
SELECT DISTINCT ${day}, entry.1, entry.2
FROM (SELECT arrayJoin(arrayConcat(of_string, of_int, of_double, of_bool, of_other)) AS entry FROM (${sample(keysOf)}))
WHERE (SELECT uniqExact(key) FROM attribute_keys WHERE day = ${day}) < ${maxKeysPerDay}
  AND entry NOT IN (SELECT (key, type) FROM attribute_keys WHERE day = ${day})
LIMIT ${maxKeysPerDay}`,
    params: { minute },
    settings,
  };
}

/** Notes the most frequent values of each key in a minute. */
export function buildValuesStatement(minute: number): Statement {
  return {
    sql: `INSERT INTO attribute_values
SELECT ${day}, entry.1 AS key, entry.2 AS type, entry.3 AS value
FROM (SELECT arrayJoin(arrayConcat(of_string, of_int, of_double, of_bool)) AS entry FROM (${sample(notedColumns)}))
WHERE key NOT IN (
    SELECT key FROM attribute_values WHERE day = ${day} GROUP BY key HAVING uniqExact(value) >= ${maxValuesPerKey}
  )
GROUP BY key, type, value
ORDER BY count() DESC, value
LIMIT ${maxNewValuesPerKey} BY key, type`,
    params: { minute },
    settings,
  };
}

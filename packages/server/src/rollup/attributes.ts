import { maxKeysPerDay, maxValuesPerKey } from '../query/attribute-catalog.ts';
import type { Statement } from '../query/statement.ts';

/** Spans of a minute whose attributes are looked at, in whole traces: what is in none of them is rare. */
const maxSampledSpans = 20_000;

const maxNewValuesPerKey = 20;
const maxKeyLength = 256;
const maxValueLength = 256;

/** Rows are sorted by minute and trace, so this reads no more than it takes. */
const sample = `SELECT attr_string, attr_int, attr_double, attr_bool, attr_other
  FROM spans
  WHERE toStartOfMinute(start) = toDateTime({minute:UInt32}, 'UTC')
  ORDER BY toStartOfMinute(start), trace_id
  LIMIT ${maxSampledSpans}`;

const day = "toDate(toDateTime({minute:UInt32}, 'UTC'))";

const keysOf = ['string', 'int', 'double', 'bool', 'other']
  .map((type) => `arrayMap(key -> (toString(key), '${type}'), mapKeys(attr_${type}))`)
  .join(', ');

/** Notes the keys of attributes in a minute; the type is `string`, `int`, `double`, `bool` or `other`. */
export function buildKeysStatement(minute: number): Statement {
  return {
    sql: `INSERT INTO attribute_keys
SELECT DISTINCT ${day}, entry.1, entry.2
FROM (SELECT arrayJoin(arrayConcat(${keysOf})) AS entry FROM (${sample}))
WHERE length(entry.1) <= ${maxKeyLength}
  AND (SELECT uniqExact(key) FROM attribute_keys WHERE day = ${day}) < ${maxKeysPerDay}
  AND entry NOT IN (SELECT (key, type) FROM attribute_keys WHERE day = ${day})
LIMIT ${maxKeysPerDay}`,
    params: { minute },
  };
}

const valuesOf = ['string', 'int', 'double', 'bool']
  .map((type) => {
    const pairs = `arrayMap((key, value) -> (toString(key), '${type}', toString(value)), mapKeys(attr_${type}), mapValues(attr_${type}))`;
    return pairs;
  })
  .join(', ');

/** Notes the most frequent values of each key in a minute. */
export function buildValuesStatement(minute: number): Statement {
  return {
    sql: `INSERT INTO attribute_values
SELECT ${day}, entry.1 AS key, entry.2 AS type, entry.3 AS value
FROM (SELECT arrayJoin(arrayConcat(${valuesOf})) AS entry FROM (${sample}))
WHERE length(key) <= ${maxKeyLength} AND length(value) <= ${maxValueLength}
  AND key NOT IN (
    SELECT key FROM attribute_values WHERE day = ${day} GROUP BY key HAVING uniqExact(value) >= ${maxValuesPerKey}
  )
GROUP BY key, type, value
ORDER BY count() DESC, value
LIMIT ${maxNewValuesPerKey} BY key, type`,
    params: { minute },
  };
}

import { notedColumns } from '../query/attribute-catalog.ts';
import { fetchRows } from '../query/statement.ts';
import { givenTrace } from '../query/trace.ts';
import { whereTraceIn } from '../query/trace-rows.ts';
import type { StoreClient } from '../store/client.ts';
import { mutate } from './mutate.ts';

/** A value of an attribute as `attribute_values` notes it. */
export interface NotedValue {
  readonly key: string;
  readonly type: 'string' | 'int' | 'double' | 'bool';
  readonly value: string;
}

/** Of one trace on one day; more would be a search for each. */
const maxValues = 10_000;

/** Their text is part of the address of the request. */
const valuesPerStatement = 100;

/** Rows may hold attributes of many megabytes. */
const settings = { max_block_size: 64 };

/** The values of a trace on a day that may be noted. @throws StoreError */
export function listValuesOfTrace(client: StoreClient, traceId: string, day: string): Promise<NotedValue[]> {
  return fetchRows(client, {
    sql: `SELECT DISTINCT entry.1 AS key, entry.2 AS type, entry.3 AS value
FROM (
  SELECT arrayJoin(arrayConcat(of_string, of_int, of_double, of_bool)) AS entry
  FROM (SELECT ${notedColumns.join(', ')} FROM spans WHERE ${whereTraceIn(givenTrace)} AND toDate(start) = {day:Date})
)
LIMIT {limit:UInt32}`,
    params: { traceId, day, limit: maxValues },
    settings,
  });
}

/**
 * Stops offering for completion those of the values that no span of the day has now.
 * @throws StoreError
 */
export async function forgetUnusedValues(
  client: StoreClient,
  day: string,
  values: readonly NotedValue[],
): Promise<void> {
  const unused: NotedValue[] = [];
  for (const key of new Set(values.map((value) => value.key))) {
    const noted = await fetchRows<{ id: string }>(client, {
      sql: "SELECT DISTINCT concat(type, ' ', value) AS id FROM attribute_values WHERE day = {day:Date} AND key = {key:String}",
      params: { day, key },
    });
    const ids = new Set(noted.map(({ id }) => id));
    for (const value of values) {
      if (value.key !== key || !ids.has(`${value.type} ${value.value}`)) continue;
      if (!(await isUsed(client, day, value))) unused.push(value);
    }
  }
  for (let first = 0; first < unused.length; first += valuesPerStatement) {
    const params: Record<string, string> = { day };
    const tuples = unused.slice(first, first + valuesPerStatement).map(({ key, type, value }, i) => {
      Object.assign(params, { [`key${i}`]: key, [`type${i}`]: type, [`value${i}`]: value });
      return `({key${i}:String}, {type${i}:String}, {value${i}:String})`;
    });
    await mutate(client, {
      sql: `ALTER TABLE attribute_values DELETE IN PARTITION {day:String} WHERE (key, type, value) IN (${tuples.join(', ')})`,
      params,
    });
  }
}

/** What the filters of `spans` can find by, before anything is made of it. */
const comparisons = {
  string: 'attr_string[{key:String}] = {value:String}',
  int: 'attr_int[{key:String}] = toInt64({value:String})',
  double: 'attr_double[{key:String}] = toFloat64({value:String})',
  bool: 'attr_bool[{key:String}] = ({value:String} = {true:String})',
} as const;

async function isUsed(client: StoreClient, day: string, { key, type, value }: NotedValue): Promise<boolean> {
  const rows = await fetchRows(client, {
    sql: `SELECT 1 FROM spans
WHERE toDate(start) = {day:Date} AND ${comparisons[type]} AND mapContains(attr_${type}, {key:String})
LIMIT 1`,
    params: { day, key, value, ...(type === 'bool' && { true: 'true' }) },
    settings,
  });
  return rows.length > 0;
}

import type { AttributeKeysResponse, AttributeType, AttributeValuesResponse } from '@clew/model';
import type { StoreClient } from '../store/client.ts';
import { attributeColumns } from './conditions.ts';
import { type RawParameters, readInteger, readOne, refuse, refuseUnknown } from './parameters.ts';
import { fetchRows, type Statement } from './statement.ts';
import { readWindow, type Window } from './window.ts';

/** Of one day. What comes after them is not noted, and the answer says that there are more. */
export const maxKeysPerDay = 10_000;
export const maxValuesPerKey = 1_000;

/** Bytes. What is longer is not noted. */
export const maxKeyLength = 256;
const maxValueLength = 256;

/** Of a row of `spans`, the values that may be noted: arrays of key, type and value as text. */
export const notedColumns: readonly string[] = ['string', 'int', 'double', 'bool'].map((type) => {
  const isShort = `length(key) <= ${maxKeyLength}${type === 'string' ? ` AND length(value) <= ${maxValueLength}` : ''}`;
  const short = `mapFilter((key, value) -> ${isShort}, attr_${type})`;
  return `arrayMap((key, value) -> (toString(key), '${type}', toString(value)), mapKeys(${short}), mapValues(${short})) AS of_${type}`;
});

const defaultLimit = 100;
const maxLimit = 1_000;

export interface AttributeKeysQuery extends Window {
  readonly prefix: string;
  readonly limit: number;
}

export interface AttributeValuesQuery extends AttributeKeysQuery {
  readonly key: string;
}

/** @throws ClewError CLEW_PARAMETER_INVALID, CLEW_PARAMETER_UNKNOWN */
export function parseAttributeKeysQuery(raw: RawParameters, nowMs: number): AttributeKeysQuery {
  refuseUnknown(raw, ['prefix', 'limit', 'start', 'end']);
  return readCommon(raw, nowMs);
}

/** @throws ClewError CLEW_PARAMETER_INVALID, CLEW_PARAMETER_UNKNOWN */
export function parseAttributeValuesQuery(raw: RawParameters, nowMs: number): AttributeValuesQuery {
  refuseUnknown(raw, ['key', 'prefix', 'limit', 'start', 'end']);
  const key = readOne(raw, 'key') ?? refuse('key', '', 'the key of an attribute');
  return { key, ...readCommon(raw, nowMs) };
}

function readCommon(raw: RawParameters, nowMs: number): AttributeKeysQuery {
  return {
    ...readWindow(raw, nowMs),
    prefix: readOne(raw, 'prefix') ?? '',
    limit: readInteger(raw, 'limit', 1, maxLimit) ?? defaultLimit,
  };
}

const inWindow = `day >= toDate(fromUnixTimestamp64Milli({start:Int64}, 'UTC'))
  AND day <= toDate(fromUnixTimestamp64Milli({end:Int64}, 'UTC'))`;

/** Keys of spans on the days of the window, and of all resources. */
export function buildAttributeKeysStatement({ startMs, endMs, prefix, limit }: AttributeKeysQuery): Statement {
  const ofResources = attributeColumns.map(
    (type) => `arrayMap(key -> (toString(key), '${type}'), mapKeys(attr_${type}))`,
  );
  return {
    sql: `SELECT scope, key, groupUniqArray(type) AS types
FROM (
  SELECT 'span' AS scope, key, type FROM attribute_keys WHERE ${inWindow}
  UNION ALL
  SELECT 'resource' AS scope, entry.1 AS key, entry.2 AS type
  FROM (SELECT arrayJoin(arrayConcat(${ofResources.join(', ')})) AS entry FROM resources)
)
WHERE startsWith(key, {prefix:String})
GROUP BY scope, key
ORDER BY key, scope DESC
LIMIT {limit:UInt32}`,
    params: { start: startMs, end: endMs, prefix, limit: limit + 1 },
  };
}

/** Values of one key of spans on the days of the window, and of all resources. */
export function buildAttributeValuesStatement({ startMs, endMs, key, prefix, limit }: AttributeValuesQuery): Statement {
  const ofResources = ['string', 'int', 'double', 'bool'].map(
    (type) => `SELECT '${type}' AS type, toString(attr_${type}[{key:String}]) AS value
  FROM resources WHERE mapContains(attr_${type}, {key:String})`,
  );
  return {
    sql: `SELECT DISTINCT value, type
FROM (
  SELECT toString(type) AS type, value FROM attribute_values WHERE ${inWindow} AND key = {key:String}
  UNION ALL
  ${ofResources.join('\n  UNION ALL\n  ')}
)
WHERE startsWith(value, {prefix:String})
ORDER BY value, type
LIMIT {limit:UInt32}`,
    params: { start: startMs, end: endMs, key, prefix, limit: limit + 1 },
  };
}

/** The most keys of a day, or values of one of its keys: more are not noted. */
export function buildFullestDayStatement({ startMs, endMs, key }: Window & { readonly key?: string }): Statement {
  const [column, table, condition] =
    key === undefined ? ['key', 'attribute_keys', ''] : ['value', 'attribute_values', ' AND key = {key:String}'];
  return {
    sql: `SELECT max(noted) AS most
FROM (SELECT uniqExact(${column}) AS noted FROM ${table} WHERE ${inWindow}${condition} GROUP BY day)`,
    params: { start: startMs, end: endMs, ...(key !== undefined && { key }) },
  };
}

async function readFullestDay(client: StoreClient, window: Window & { readonly key?: string }): Promise<number> {
  const [row] = await fetchRows<{ most: number }>(client, buildFullestDayStatement(window));
  return row!.most;
}

/** Answers `GET /clew/v1/attributes`, sorted by key. @throws StoreError */
export async function listAttributeKeys(
  client: StoreClient,
  query: AttributeKeysQuery,
): Promise<AttributeKeysResponse> {
  type Row = { scope: 'span' | 'resource'; key: string; types: AttributeType[] };
  const rows = await fetchRows<Row>(client, buildAttributeKeysStatement(query));
  return {
    attributes: rows.slice(0, query.limit).map((row) => ({ ...row, types: row.types.sort() })),
    hasMore: rows.length > query.limit,
    isTruncated: (await readFullestDay(client, query)) >= maxKeysPerDay,
  };
}

/** Answers `GET /clew/v1/attribute-values`, sorted by value. @throws StoreError */
export async function listAttributeValues(
  client: StoreClient,
  query: AttributeValuesQuery,
): Promise<AttributeValuesResponse> {
  const rows = await fetchRows<{ value: string; type: AttributeType }>(client, buildAttributeValuesStatement(query));
  return {
    key: query.key,
    values: rows.slice(0, query.limit),
    hasMore: rows.length > query.limit,
    isTruncated: (await readFullestDay(client, query)) >= maxValuesPerKey,
  };
}

import type { CardinalityStats } from '@clew/model';
import type { StoreClient } from '../store/client.ts';
import { maxKeysPerDay, maxValuesPerKey } from './attribute-catalog.ts';
import { fetchRows, type Statement } from './statement.ts';

/** What span names are called together that are too many, see `rollup/operations.ts`. */
export const otherNames = '(other)';

const maxNamed = 100;

/** Services with more span names in a minute of the last day than are counted each. */
export function buildFoldedServicesStatement(): Statement {
  return {
    sql: `SELECT DISTINCT service
FROM operation_minutes
WHERE name = {other:String} AND minute > now() - INTERVAL 1 DAY
ORDER BY service
LIMIT {limit:UInt32}`,
    params: { other: otherNames, limit: maxNamed },
  };
}

/** Keys of today of which not all values are noted. */
export function buildFullKeysStatement(): Statement {
  return {
    sql: `SELECT key
FROM attribute_values
WHERE day = today()
GROUP BY key
HAVING uniqExact(value) >= {most:UInt32}
ORDER BY key
LIMIT {limit:UInt32}`,
    params: { most: maxValuesPerKey, limit: maxNamed },
  };
}

export function buildKeyCountStatement(): Statement {
  return { sql: 'SELECT uniqExact(key) AS keys FROM attribute_keys WHERE day = today()', params: {} };
}

/** What the limits on many different names, keys and values have left out. Throws StoreError. */
export async function readCardinality(client: StoreClient): Promise<CardinalityStats> {
  const [services, keys, [count]] = await Promise.all([
    fetchRows<{ service: string }>(client, buildFoldedServicesStatement()),
    fetchRows<{ key: string }>(client, buildFullKeysStatement()),
    fetchRows<{ keys: number }>(client, buildKeyCountStatement()),
  ]);
  return {
    foldedServices: services.map(({ service }) => service),
    truncatedKeys: keys.map(({ key }) => key),
    hasAllKeys: count!.keys < maxKeysPerDay,
  };
}

import { fetchRows } from '../query/statement.ts';
import type { StoreClient } from '../store/client.ts';
import { mutate } from './mutate.ts';

/** Hashes in one statement; what is left goes the next time. */
const maxOrphans = 10_000;

/**
 * Deletes resources that no span refers to, and returns their number. A server stores the resources of a segment before its
 * spans, and again with each attempt: what came within the last day, from any server, may belong to spans on their way.
 * @throws StoreError
 */
export async function deleteOrphanedResources(client: StoreClient): Promise<number> {
  const orphans = await fetchRows<{ hash: string; lastStored: number }>(client, {
    sql: `SELECT toString(resource_hash) AS hash, toUnixTimestamp(max(stored)) AS lastStored
FROM resources
WHERE resource_hash NOT IN (SELECT resource_hash FROM spans)
GROUP BY resource_hash
HAVING max(stored) <= now() - INTERVAL 1 DAY
LIMIT {limit:UInt32}`,
    params: { limit: maxOrphans },
  });
  if (orphans.length === 0) return 0;
  await mutate(client, {
    // One that came again meanwhile is newer than all of these.
    sql: 'DELETE FROM resources WHERE resource_hash IN {hashes:Array(UInt64)} AND stored <= toDateTime({newest:UInt32})',
    params: {
      hashes: orphans.map(({ hash }) => BigInt(hash)),
      newest: Math.max(...orphans.map(({ lastStored }) => lastStored)),
    },
  });
  return orphans.length;
}

import { fetchRows } from '../query/statement.ts';
import type { StoreClient } from '../store/client.ts';
import { mutate } from './mutate.ts';

/** Hashes in one statement; what is left goes the next time. */
const maxOrphans = 10_000;

/**
 * Deletes resources that no span refers to, and gives their number. Only to be run between two segments of the spool:
 * the resources of a segment are inserted before its spans.
 * @throws StoreError
 */
export async function deleteOrphanedResources(client: StoreClient): Promise<number> {
  const orphans = await fetchRows<{ hash: string }>(client, {
    sql: `SELECT DISTINCT toString(resource_hash) AS hash
FROM resources
WHERE resource_hash NOT IN (SELECT resource_hash FROM spans)
LIMIT {limit:UInt32}`,
    params: { limit: maxOrphans },
  });
  if (orphans.length === 0) return 0;
  await mutate(client, {
    sql: 'DELETE FROM resources WHERE resource_hash IN {hashes:Array(UInt64)}',
    params: { hashes: orphans.map(({ hash }) => BigInt(hash)) },
  });
  return orphans.length;
}

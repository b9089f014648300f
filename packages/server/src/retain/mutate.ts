import { runCommand, type Statement } from '../query/statement.ts';
import type { StoreClient } from '../store/client.ts';

/**
 * Runs a statement that changes what is stored, and resolves when all of its parts are rewritten.
 * @throws StoreError
 */
export async function mutate(client: StoreClient, { sql, params }: Statement): Promise<void> {
  await runCommand(client, { sql, params, settings: { mutations_sync: '2', lightweight_deletes_sync: '2' } });
}

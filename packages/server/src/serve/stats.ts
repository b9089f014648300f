import type { StatsResponse, StoreStats } from '@clew/model';
import type { FastifyInstance } from 'fastify';
import { ClewError } from '../errors.ts';
import { type RawParameters, refuseUnknown } from '../query/parameters.ts';
import { readStoreStats } from '../query/store-stats.ts';
import type { StoreClient } from '../store/client.ts';

/** `GET /clew/v1/stats`: answers while the engine is away too, without what only the engine knows. */
export function serveStats(app: FastifyInstance): void {
  app.get<{ Querystring: RawParameters }>(
    '/clew/v1/stats',
    async ({ query, client, target }, reply): Promise<StatsResponse> => {
      refuseUnknown(query, []);
      const { metrics } = target!;
      reply.header('Cache-Control', 'no-store');
      const [counts, store] = await Promise.all([metrics.readCounts(), readStore(client)]);
      return { ...counts, store };
    },
  );
}

async function readStore(client: StoreClient): Promise<StoreStats | { readonly unavailable: string }> {
  try {
    return await readStoreStats(client);
  } catch (error) {
    if (error instanceof ClewError) return { unavailable: error.message };
    throw error;
  }
}

import type { FastifyInstance } from 'fastify';
import {
  listAttributeKeys,
  listAttributeValues,
  parseAttributeKeysQuery,
  parseAttributeValuesQuery,
} from '../query/attribute-catalog.ts';
import { listOperations, listServices } from '../query/catalog.ts';
import { parseOperationMetricsQuery, readOperationMetrics } from '../query/operation-metrics.ts';
import { type RawParameters, readOne, refuse, refuseUnknown } from '../query/parameters.ts';
import { searchTraces } from '../query/search.ts';
import { parseSearch } from '../query/search-request.ts';
import { parseServiceGraphQuery, readServiceGraph } from '../query/service-graph.ts';
import { openTrace } from '../query/trace.ts';

/** Clew's own API; the shapes are in `@clew/model`. Traces still grow, so nothing of it may be cached. */
export function serveApi(app: FastifyInstance): void {
  app.register(async (api) => {
    api.addHook('onSend', async (_request, reply) => {
      reply.header('Cache-Control', 'no-store');
    });

    api.get<{ Querystring: RawParameters }>('/clew/v1/services', async ({ query, target }) => {
      refuseUnknown(query, []);
      return await listServices(target!.client);
    });

    api.get<{ Querystring: RawParameters }>('/clew/v1/operations', async ({ query, target }) => {
      refuseUnknown(query, ['service']);
      const service = readOne(query, 'service') ?? refuse('service', '', 'the name of a service');
      return await listOperations(target!.client, service);
    });

    api.get<{ Querystring: RawParameters }>('/clew/v1/search', async ({ query, target }) => {
      return await searchTraces(target!.client, parseSearch(query, Date.now()));
    });

    api.get<{ Querystring: RawParameters }>('/clew/v1/operation-metrics', async ({ query, target }) => {
      return await readOperationMetrics(target!.client, parseOperationMetricsQuery(query, Date.now()));
    });

    api.get<{ Querystring: RawParameters }>('/clew/v1/service-graph', async ({ query, target }) => {
      return await readServiceGraph(target!.client, parseServiceGraphQuery(query, Date.now()));
    });

    api.get<{ Querystring: RawParameters }>('/clew/v1/attributes', async ({ query, target }) => {
      return await listAttributeKeys(target!.client, parseAttributeKeysQuery(query, Date.now()));
    });

    api.get<{ Querystring: RawParameters }>('/clew/v1/attribute-values', async ({ query, target }) => {
      return await listAttributeValues(target!.client, parseAttributeValuesQuery(query, Date.now()));
    });

    api.get<{ Params: { traceId: string } }>('/clew/v1/traces/:traceId', async ({ params, target }, reply) => {
      const blocks = await openTrace(target!.client, params.traceId);
      return reply.type('application/octet-stream').send(blocks);
    });
  });
}

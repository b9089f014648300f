import type { FastifyInstance } from 'fastify';
import type { Logger } from '../log.ts';
import {
  listAttributeKeys,
  listAttributeValues,
  parseAttributeKeysQuery,
  parseAttributeValuesQuery,
} from '../query/attribute-catalog.ts';
import { listOperations, listServices } from '../query/catalog.ts';
import { parseOperationMetricsQuery, readOperationMetrics } from '../query/operation-metrics.ts';
import { type RawParameters, readOne, refuse, refuseUnknown } from '../query/parameters.ts';
import { readAhead } from '../query/read-ahead.ts';
import { searchTraces } from '../query/search.ts';
import { parseSearch } from '../query/search-request.ts';
import { parseServiceGraphQuery, readServiceGraph } from '../query/service-graph.ts';
import { openTrace } from '../query/trace.ts';
import { breakOff } from './error-answer.ts';

/** Clew's own API; the shapes are in `@clew/model`. Traces still grow, so nothing of it may be cached. */
export function serveApi(app: FastifyInstance, log: Logger): void {
  app.register(async (api) => {
    api.addHook('onSend', async (_request, reply) => {
      reply.header('Cache-Control', 'no-store');
    });

    api.get<{ Querystring: RawParameters }>('/clew/v1/services', async ({ query, client }) => {
      refuseUnknown(query, []);
      return await listServices(client);
    });

    api.get<{ Querystring: RawParameters }>('/clew/v1/operations', async ({ query, client }) => {
      refuseUnknown(query, ['service']);
      const service = readOne(query, 'service') ?? refuse('service', '', 'the name of a service');
      return await listOperations(client, service);
    });

    api.get<{ Querystring: RawParameters }>('/clew/v1/search', async ({ query, client }) => {
      return await searchTraces(client, parseSearch(query, Date.now()));
    });

    api.get<{ Querystring: RawParameters }>('/clew/v1/operation-metrics', async ({ query, client }) => {
      return await readOperationMetrics(client, parseOperationMetricsQuery(query, Date.now()));
    });

    api.get<{ Querystring: RawParameters }>('/clew/v1/service-graph', async ({ query, client }) => {
      return await readServiceGraph(client, parseServiceGraphQuery(query, Date.now()));
    });

    api.get<{ Querystring: RawParameters }>('/clew/v1/attributes', async ({ query, client }) => {
      return await listAttributeKeys(client, parseAttributeKeysQuery(query, Date.now()));
    });

    api.get<{ Querystring: RawParameters }>('/clew/v1/attribute-values', async ({ query, client }) => {
      return await listAttributeValues(client, parseAttributeValuesQuery(query, Date.now()));
    });

    api.get<{ Params: { traceId: string } }>('/clew/v1/traces/:traceId', async ({ params, client, target }, reply) => {
      const blocks = readAhead(await openTrace(client, params.traceId), target!.overflow);
      blocks.once('error', (error) => breakOff(reply, error, log));
      return reply.type('application/octet-stream').send(blocks);
    });
  });
}

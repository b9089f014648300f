import type { FastifyInstance } from 'fastify';
import { type RawParameters, refuseUnknown } from '../query/parameters.ts';
import { requireJson } from './json-body.ts';

/** The part of Clew's API that changes what is stored; the shapes are in `@clew/model`. */
export function serveDataApi(app: FastifyInstance): void {
  app.register(async (api) => {
    api.addHook('onRequest', async (request) => requireJson(request));
    api.addHook('onSend', async (_request, reply) => {
      reply.header('Cache-Control', 'no-store');
    });

    api.get<{ Querystring: RawParameters }>('/clew/v1/retention', async ({ query, target }) => {
      refuseUnknown(query, []);
      return await target!.data.retention.report();
    });

    api.put('/clew/v1/retention', async ({ body, target }) => {
      await target!.data.retention.change(body);
      return await target!.data.retention.report();
    });

    api.get<{ Querystring: RawParameters }>('/clew/v1/redactions', async ({ query, target }) => {
      refuseUnknown(query, []);
      return await target!.data.listRedactions();
    });

    api.post('/clew/v1/redactions', async ({ body, target }) => await target!.data.redact(body));

    api.delete<{ Params: { traceId: string } }>('/clew/v1/traces/:traceId', async ({ params, target }) => {
      return await target!.data.deleteTrace(params.traceId);
    });
  });
}

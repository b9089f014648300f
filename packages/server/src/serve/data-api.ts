import type { FastifyInstance } from 'fastify';
import { type RawParameters, refuseUnknown } from '../query/parameters.ts';
import type { DataControl } from '../retain/data-control.ts';
import { requireJson } from './json-body.ts';

/** The part of Clew's API that changes what is stored; the shapes are in `@clew/model`. */
export function serveDataApi(app: FastifyInstance, data: DataControl): void {
  app.register(async (api) => {
    api.addHook('onRequest', async (request) => requireJson(request));
    api.addHook('onSend', async (_request, reply) => {
      reply.header('Cache-Control', 'no-store');
    });

    api.get<{ Querystring: RawParameters }>('/clew/v1/retention', async ({ query }) => {
      refuseUnknown(query, []);
      return await data.retention.report();
    });

    api.put('/clew/v1/retention', async ({ body }) => {
      await data.retention.change(body);
      return await data.retention.report();
    });

    api.get<{ Querystring: RawParameters }>('/clew/v1/redactions', async ({ query }) => {
      refuseUnknown(query, []);
      return await data.listRedactions();
    });

    api.post('/clew/v1/redactions', async ({ body }) => await data.redact(body));

    api.delete<{ Params: { traceId: string } }>('/clew/v1/traces/:traceId', async ({ params }) => {
      return await data.deleteTrace(params.traceId);
    });
  });
}

import type { ReceiversResponse } from '@clew/model';
import type { FastifyInstance } from 'fastify';
import { type RawParameters, refuseUnknown } from '../query/parameters.ts';

/** `GET /clew/v1/receivers`: where to send spans, for pages and tools that tell people. */
export function serveReceivers(app: FastifyInstance, receivers: ReceiversResponse): void {
  app.get<{ Querystring: RawParameters }>(
    '/clew/v1/receivers',
    async ({ query }, reply): Promise<ReceiversResponse> => {
      refuseUnknown(query, []);
      reply.header('Cache-Control', 'no-store');
      return receivers;
    },
  );
}

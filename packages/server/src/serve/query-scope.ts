import type { FastifyInstance } from 'fastify';
import type { StoreClient } from '../store/client.ts';
import { resetConnection } from './error-answer.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** For the statements of this request alone: they stop when its caller leaves. Only at addresses of the APIs. */
    client: StoreClient;
  }
}

/** Gives each request of the APIs a client of its own; call it after `authorizeQueries`. */
export function scopeQueries(app: FastifyInstance): void {
  app.decorateRequest('client');
  app.addHook('onRequest', async (request, reply) => {
    const { target, raw } = request;
    if (target === undefined || !/^\/(clew|api)\//.test(request.routeOptions.url ?? '')) return;
    const query = target.queries.open();
    request.client = query.client;
    const { socket } = raw;
    // Not the close of the response: that of a pipelined request is not told of the end of its connection.
    socket.once('close', query.leave);
    reply.raw.once('close', () => {
      socket.off('close', query.leave);
      query.close();
    });
  });
}

/**
 * Cuts readers off that take nothing. Node's timeout of a socket counts bytes that the peer takes as activity, so that a
 * reader which is slow is not one of them.
 *
 * @param stallMs how long a reader that has something to read may take nothing
 */
export function cutStalledReaders(app: FastifyInstance, stallMs: number): void {
  app.addHook('onRequest', async (_request, reply) => {
    reply.raw.setTimeout(stallMs, () => {
      // Without unread bytes, it is the reader who waits.
      if (reply.raw.writableLength > 0) resetConnection(reply);
    });
  });
}

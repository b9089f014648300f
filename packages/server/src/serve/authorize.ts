import type { FastifyInstance } from 'fastify';
import { bearerChallenge, type TokenLookup } from '../access-tokens.ts';
import { ClewError } from '../errors.ts';
import type { Metrics } from '../metrics.ts';
import type { OverflowSpace } from '../query/read-ahead.ts';
import type { DataControl } from '../retain/data-control.ts';
import type { TenantQueries } from '../store/tenant-queries.ts';
import { healthPaths } from './health.ts';

/** What somebody who asks gets to see. */
export interface QueryTarget {
  readonly queries: TenantQueries;
  /** For answers that are read slowly. */
  readonly overflow: OverflowSpace;
  readonly data: DataControl;
  readonly metrics: Metrics;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** By the token of the request; at open routes undefined. */
    target: QueryTarget | undefined;
  }
}

/** Routes that anyone may ask: probes carry no token, and the page that asks for one must load without it. */
const openRoutes: ReadonlySet<string> = new Set([...healthPaths, '/', '/*']);

/** Asks for a token at every route but the open ones; addresses that do not exist tell nothing. */
export function authorizeQueries(app: FastifyInstance, targetOf: TokenLookup<QueryTarget>): void {
  app.decorateRequest('target');
  app.addHook('onRequest', async (request, reply) => {
    const route = request.routeOptions.url;
    if (route === undefined || openRoutes.has(route)) return;
    const { authorization } = request.headers;
    request.target = targetOf(authorization);
    if (request.target !== undefined) return;
    reply.header('WWW-Authenticate', bearerChallenge);
    throw new ClewError('CLEW_UNAUTHENTICATED', {
      what: authorization === undefined ? 'A bearer token is needed' : 'The bearer token is not known',
    });
  });
}

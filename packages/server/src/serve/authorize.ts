import type { FastifyInstance } from 'fastify';
import type { Caller, Right } from '../access.ts';
import { bearerChallenge, type TokenLookup } from '../access-tokens.ts';
import { ClewError } from '../errors.ts';
import type { Logger } from '../log.ts';
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

const variables: Readonly<Record<Right, string>> = {
  query: 'CLEW_QUERY_TOKENS',
  metrics: 'CLEW_METRICS_TOKENS',
  change: 'CLEW_ADMIN_TOKENS',
};
const actions: Readonly<Record<Right, string>> = {
  query: 'read traces',
  metrics: 'read /metrics',
  change: 'change or delete what is stored',
};

function neededRight(route: string, method: string): Right {
  if (route === '/metrics') return 'metrics';
  return method === 'GET' || method === 'HEAD' ? 'query' : 'change';
}

/**
 * Asks for a token at every route but the open ones; addresses that do not exist tell nothing. Who changes what is stored
 * is logged by the number of the token.
 */
export function authorizeQueries(app: FastifyInstance, callerOf: TokenLookup<Caller<QueryTarget>>, log: Logger): void {
  app.decorateRequest('target');
  app.addHook('onRequest', async (request, reply) => {
    const { method, headers, routeOptions } = request;
    const route = routeOptions.url;
    if (route === undefined || openRoutes.has(route)) return;
    const { authorization } = headers;
    const caller = callerOf(authorization);
    const right = neededRight(route, method);
    if (caller?.rights.has(right) === true) {
      request.target = caller.owner;
      if (right === 'change') log.info({ by: caller.name, method, path: request.url }, 'A change of what is stored');
      return;
    }
    if (caller !== undefined && authorization !== undefined) {
      throw new ClewError('CLEW_FORBIDDEN', { what: actions[right], variable: variables[right] });
    }
    reply.header('WWW-Authenticate', bearerChallenge);
    throw new ClewError('CLEW_UNAUTHENTICATED', {
      what: authorization === undefined ? 'A bearer token is needed' : 'The bearer token is not known',
      variable: variables[right],
    });
  });
}

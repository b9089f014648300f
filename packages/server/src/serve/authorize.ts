import type { FastifyInstance } from 'fastify';
import { type AuthorizationCheck, bearerChallenge } from '../access-tokens.ts';
import { ClewError } from '../errors.ts';
import { healthPaths } from './health.ts';

/** Routes that anyone may ask: probes carry no token, and the page that asks for one must load without it. */
const openRoutes: ReadonlySet<string> = new Set([...healthPaths, '/', '/*']);

/** Asks for a token at every route but the open ones; addresses that do not exist tell nothing. */
export function authorizeQueries(app: FastifyInstance, isAuthorized: AuthorizationCheck): void {
  app.addHook('onRequest', async (request, reply) => {
    const route = request.routeOptions.url;
    if (route === undefined || openRoutes.has(route) || isAuthorized(request.headers.authorization)) return;
    reply.header('WWW-Authenticate', bearerChallenge);
    throw new ClewError('CLEW_UNAUTHENTICATED', {
      what: request.headers.authorization === undefined ? 'A bearer token is needed' : 'The bearer token is not known',
    });
  });
}

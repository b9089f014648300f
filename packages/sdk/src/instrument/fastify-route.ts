import { subscribeGuarded } from './guarded-subscribe.ts';
import { leaveRoute, type RoutedResponse } from './route.ts';

interface FastifyRequest {
  readonly is404?: boolean;
  readonly routeOptions?: { readonly url?: string };
}

interface FastifyInstance {
  addHook(
    name: 'onRequest',
    hook: (request: FastifyRequest, reply: { readonly raw: RoutedResponse }, done: () => void) => void,
  ): unknown;
}

/**
 * Routes of Fastify 4 and 5 (and NestJS on it). Fastify publishes every instance that is made; a hook of ours in front
 * of the app's notes the route, so that it is known also for a request that a later hook or validation refuses.
 *
 * @returns stops it for instances made later.
 */
export function traceFastifyRoutes(): () => void {
  return subscribeGuarded<{ fastify: FastifyInstance }>('fastify.initialization', ({ fastify }) => {
    fastify.addHook('onRequest', noteRoute);
  });
}

function noteRoute(request: FastifyRequest, reply: { readonly raw: RoutedResponse }, done: () => void): void {
  const url = request.is404 === true ? undefined : request.routeOptions?.url;
  if (url !== undefined) leaveRoute(reply.raw, url);
  done();
}

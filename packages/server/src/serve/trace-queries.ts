import type { FastifyInstance } from 'fastify';
import { traced } from '../tracing.ts';

/** A span around the handler of every address of the APIs; call it before they are added. */
export function traceQueries(app: FastifyInstance): void {
  app.addHook('onRoute', (route) => {
    if (!/^\/(clew|api)\//.test(route.url)) return;
    const { handler, url } = route;
    route.handler = function handleTraced(request, reply) {
      return traced(`query ${url}`, { 'http.route': url }, () => handler.call(this, request, reply));
    };
  });
}

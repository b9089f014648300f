import type { FastifyInstance } from 'fastify';
import type { Metrics } from '../metrics.ts';

/** `GET /metrics`, for Prometheus. */
export function serveMetrics(app: FastifyInstance): void {
  app.get('/metrics', async (request, reply) => {
    const { metrics } = request.target!;
    const text = await metrics.render();
    return reply.header('Cache-Control', 'no-store').header('Content-Type', metrics.contentType).send(text);
  });
}

/** Counts and times the answers of the APIs. Files, probes and addresses that do not exist are no queries. */
export function observeQueries(app: FastifyInstance, metrics: Metrics): void {
  app.addHook('onResponse', async (request, reply) => {
    const endpoint = request.routeOptions.url;
    if (endpoint === undefined || !/^\/(clew|api)\//.test(endpoint)) return;
    (request.target?.metrics ?? metrics).observeQuery(
      endpoint,
      describeOutcome(reply.statusCode),
      reply.elapsedTime / 1000,
    );
  });
}

/** What a reader of a chart wants to tell apart. */
function describeOutcome(status: number): string {
  if (status < 400) return 'ok';
  if (status === 404) return 'not_found';
  if (status === 422) return 'too_expensive';
  if (status === 503) return 'unavailable';
  return status < 500 ? 'refused' : 'failed';
}

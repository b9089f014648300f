import type { Server } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { type HostCheck, hostRefused } from '../allowed-hosts.ts';
import { createBoundedServer } from '../bounded-server.ts';
import type { Readiness } from './readiness.ts';

/**
 * On the port of the UI and on one of their own:
 *
 * ```
 * /health         200 as long as the process answers
 * /ready          200 when ingest and queries work, else 503
 * /ready/ingest   200 when spans are taken: also while the engine is away
 * /ready/queries  200 when the store answers
 * ```
 */
export const healthPaths = ['/health', '/ready', '/ready/ingest', '/ready/queries'] as const;

type HealthPath = (typeof healthPaths)[number];

interface HealthAnswer {
  readonly status: 200 | 503;
  readonly body: object;
}

async function answerHealth(path: HealthPath, readiness: Readiness): Promise<HealthAnswer> {
  const { phase, startedAt } = readiness;
  if (path === '/health') {
    const uptimeS = Math.floor((Date.now() - startedAt.getTime()) / 1000);
    return { status: 200, body: { live: true, phase, startedAt: startedAt.toISOString(), uptimeS } };
  }
  const report =
    path === '/ready'
      ? await readiness.report()
      : { phase, ...(await readiness.reportOn(path === '/ready/ingest' ? 'ingest' : 'queries')) };
  return { status: report.ready ? 200 : 503, body: report };
}

/** Answers the paths above on the port of UI and API. */
export function serveHealth(app: FastifyInstance, readiness: Readiness): void {
  for (const path of healthPaths) {
    app.get(path, async (_request, reply) => {
      const { status, body } = await answerHealth(path, readiness);
      return reply.code(status).header('Cache-Control', 'no-store').send(body);
    });
  }
}

export interface HealthServerOptions {
  readonly readiness: Readiness;
  readonly allowsHost: HostCheck;
  readonly maxConnections: number;
}

/** A probe has no body. */
const requestTimeoutMs = 5_000;

/**
 * The server of a port that answers nothing else, from before the engine starts: for probes, which reach it without a
 * certificate or a token. `/` is there for those that know OpenTelemetry's collector, and answers as its health_check
 * extension does. It does not listen yet.
 */
export function createHealthServer({ readiness, allowsHost, maxConnections }: HealthServerOptions): Server {
  return createBoundedServer({ tls: undefined, maxConnections, requestTimeoutMs }, (request, response) => {
    request.resume();
    const url = (request.url ?? '').split('?', 1)[0];
    const path = healthPaths.find((each) => each === url) ?? (url === '/' ? '/ready' : undefined);
    const send = (status: number, body: object): void => {
      response.writeHead(status, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' });
      response.end(JSON.stringify(body));
    };
    const { host } = request.headers;
    if (!allowsHost(host)) return send(403, { message: hostRefused(host).message });
    if (path === undefined)
      return send(404, { message: `There is nothing at ${url}. Known: ${healthPaths.join(', ')}.` });
    // It never rejects: a part that fails is a part that is not ready.
    void answerHealth(path, readiness).then(({ status, body }) =>
      send(status, url === '/' ? { ...describeLikeCollector(status === 200, readiness), ...body } : body),
    );
  });
}

function describeLikeCollector(ready: boolean, { startedAt }: Readiness): object {
  const uptime = `${((Date.now() - startedAt.getTime()) / 1000).toFixed(3)}s`;
  return { status: ready ? 'Server available' : 'Server not available', upSince: startedAt.toISOString(), uptime };
}

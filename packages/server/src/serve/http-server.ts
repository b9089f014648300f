import type { ReceiversResponse } from '@clew/model';
import { type FastifyInstance, fastify } from 'fastify';
import type { Caller } from '../access.ts';
import type { TokenLookup } from '../access-tokens.ts';
import { type HostCheck, hostRefused } from '../allowed-hosts.ts';
import { createBoundedServer } from '../bounded-server.ts';
import { ClewError } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import type { TlsOptions } from '../tls.ts';
import { serveApi } from './api.ts';
import { authorizeQueries, type QueryTarget } from './authorize.ts';
import { compressAnswers } from './compression.ts';
import { serveDataApi } from './data-api.ts';
import { answerErrors, sendError } from './error-answer.ts';
import { serveHealth } from './health.ts';
import { observeQueries, serveMetrics } from './metrics.ts';
import { cutStalledReaders, scopeQueries } from './query-scope.ts';
import type { Readiness } from './readiness.ts';
import { serveReceivers } from './receivers.ts';
import { securityHeaders } from './security-headers.ts';
import { serveStats } from './stats.ts';
import { traceQueries } from './trace-queries.ts';
import { serveWebUi } from './web-ui.ts';

export interface HttpServerOptions {
  /** By the token that a request has. */
  readonly callerOf: TokenLookup<Caller<QueryTarget>>;
  readonly log: Logger;
  readonly allowsHost: HostCheck;
  readonly maxConnections: number;
  readonly webRoot: string;
  readonly readiness: Readiness;
  /** Of requests that nobody's token came with. */
  readonly metrics: Metrics;
  /** A reader that has something to read and takes nothing for so long is cut off. */
  readonly readerStallMs: number;
  /** Undefined: HTTP without TLS. */
  readonly tls: TlsOptions | undefined;
  readonly receivers: ReceiversResponse;
}

/** Requests here are small. */
const requestTimeoutMs = 30_000;

/** Builds the server of UI and API. It does not listen yet. */
export function createHttpServer(options: HttpServerOptions): FastifyInstance {
  const { callerOf, log, allowsHost, maxConnections, webRoot, readiness, metrics, readerStallMs, tls, receivers } =
    options;
  const app = fastify({
    serverFactory: (handler) => createBoundedServer({ tls, maxConnections, requestTimeoutMs }, handler),
    // Connections that wait for a next request do not hold up the end of the server.
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 256 },
    // An address that cannot be decoded gets neither hooks nor the error handler.
    frameworkErrors: (error, _request, reply) => {
      reply.headers(securityHeaders);
      sendError(reply, new ClewError('CLEW_REQUEST_INVALID', { reason: error.message }));
    },
  });
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(securityHeaders);
    const { host } = request.headers;
    if (!allowsHost(host)) throw hostRefused(host);
  });
  cutStalledReaders(app, readerStallMs);
  authorizeQueries(app, callerOf, log);
  scopeQueries(app);
  traceQueries(app);
  observeQueries(app, metrics);
  compressAnswers(app);
  answerErrors(app, log);
  serveHealth(app, readiness);
  serveMetrics(app);
  serveStats(app);
  serveReceivers(app, receivers);
  serveApi(app, log);
  serveDataApi(app);
  serveWebUi(app, webRoot);
  return app;
}

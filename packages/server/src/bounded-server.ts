import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createSecureServer, type Server as SecureServer } from 'node:https';
import type { TlsOptions } from './tls.ts';

export interface HttpLimits {
  /** Undefined: HTTP without TLS. */
  readonly tls: TlsOptions | undefined;
  readonly maxConnections: number;
  /** How long a sender may take for one request, from its first byte to its last. */
  readonly requestTimeoutMs: number;
}

/** How long a connection may take for a TLS handshake, and for the head of a request, also before its first byte. */
const headTimeoutMs = 10_000;

/** How late, at most, a connection is found to be too slow. */
const checkIntervalMs = 1_000;

/**
 * An HTTP server in which nobody keeps memory or connections for long by sending slowly: what is too slow is answered with
 * 408 and its connection ended. When there are too many connections, those that wait for a next request make room.
 */
export function createBoundedServer(
  { tls, maxConnections, requestTimeoutMs }: HttpLimits,
  listener: RequestListener,
): Server | SecureServer {
  const limits = {
    requestTimeout: requestTimeoutMs,
    headersTimeout: Math.min(requestTimeoutMs, headTimeoutMs),
    connectionsCheckingInterval: checkIntervalMs,
  };
  const server =
    tls === undefined
      ? createServer(limits, listener)
      : createSecureServer({ ...limits, ...tls, handshakeTimeout: headTimeoutMs }, listener);
  server.maxConnections = maxConnections;
  server.on('drop', () => server.closeIdleConnections());
  return server;
}

import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createSecureServer, type Server as SecureServer } from 'node:https';
import type { TlsOptions } from '../tls.ts';

export interface ConnectionOptions {
  /** Undefined: HTTP without TLS. */
  readonly tls: TlsOptions | undefined;
  /** How long a sender may take for one request, from its first byte to its last. */
  readonly requestTimeoutMs: number;
}

/** A connection that does nothing costs about 20 KiB: all of them together stay below 100 MiB. */
const maxConnections = 4096;

/** How late, at most, a connection is found to be too slow. */
const checkIntervalMs = 1_000;

/**
 * A server for spans. A sender that is too slow is answered with 408 and its connection ended, so that a thousand that
 * send a byte a second keep neither memory nor connections for long.
 */
export function createReceiverServer(
  { tls, requestTimeoutMs }: ConnectionOptions,
  listener: RequestListener,
): Server | SecureServer {
  const limits = {
    requestTimeout: requestTimeoutMs,
    headersTimeout: requestTimeoutMs,
    connectionsCheckingInterval: checkIntervalMs,
  };
  const server =
    tls === undefined ? createServer(limits, listener) : createSecureServer({ ...limits, ...tls }, listener);
  server.maxConnections = maxConnections;
  return server;
}

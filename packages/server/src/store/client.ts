import { Agent } from 'node:http';
import { type ClickHouseClient, ClickHouseLogLevel, createClient } from '@clickhouse/client';

/** Longer than any statement may run, with its wait for a free session. */
const requestTimeoutMs = 120_000;

/** A query for each of a few tabs, and the loader; the engine queues what it cannot run at once. */
const maxConnections = 32;

/** Where the engine is: a unix socket of our own engine process, or the URL of a ClickHouse. */
export type StoreAddress = { readonly socketPath: string } | { readonly clickhouseUrl: string };

export type StoreClient = ClickHouseClient;

/** A client of the engine. After this function nothing knows whether the engine is embedded or far away. */
export function connectStore(address: StoreAddress): StoreClient {
  const common = {
    application: 'clew',
    request_timeout: requestTimeoutMs,
    max_open_connections: maxConnections,
    // Failures are thrown, and logged by those who handle them.
    log: { level: ClickHouseLogLevel.OFF },
  };
  if ('clickhouseUrl' in address) return createClient({ ...common, url: address.clickhouseUrl });
  return createClient({
    ...common,
    // Only the path of the socket decides where this goes.
    url: 'http://engine',
    http_agent: new SocketAgent(address.socketPath),
  });
}

/** Creates the database that the path of a ClickHouse's URL names. @throws what the client throws */
export async function createDatabase(clickhouseUrl: string): Promise<void> {
  const url = new URL(clickhouseUrl);
  const name = decodeURIComponent(url.pathname.slice(1));
  url.pathname = '/';
  const client = connectStore({ clickhouseUrl: url.href });
  try {
    await client.command({ query: 'CREATE DATABASE IF NOT EXISTS {name:Identifier}', query_params: { name } });
  } finally {
    await client.close();
  }
}

/** Whether the engine answers, and why not. Never rejects. */
export async function checkStore(
  client: StoreClient,
  signal: AbortSignal,
): Promise<{ readonly ready: boolean; readonly reason?: string }> {
  const result = await client.ping({ select: false, abort_signal: signal });
  return result.success ? { ready: true } : { ready: false, reason: result.error.message };
}

/** An agent whose every connection goes to one unix socket. */
class SocketAgent extends Agent {
  constructor(socketPath: string) {
    super({ keepAlive: true, maxSockets: maxConnections, socketPath } as ConstructorParameters<typeof Agent>[0]);
  }
}

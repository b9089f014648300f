import { randomUUID } from 'node:crypto';
import { Agent } from 'node:http';
import { type ClickHouseClient, ClickHouseLogLevel, createClient } from '@clickhouse/client';
import { type ClusterStatement, clusterSettings, toClusterStatements } from './cluster.ts';

/** Longer than any statement may run, with its wait for a free session. */
const requestTimeoutMs = 120_000;

/** A query for each of a few tabs, and the loader; the engine queues what it cannot run at once. */
const maxConnections = 32;

/** Where the engine is: a unix socket of our own engine process, or the URL of a ClickHouse with a database as its path. */
export type StoreAddress =
  | { readonly socketPath: string; readonly database?: string }
  | { readonly clickhouseUrl: string; readonly cluster?: string | undefined };

export type StoreClient = ClickHouseClient;

/** What holds for every statement of a ClickHouse over the network. */
const remoteSettings = {
  // An answer begins when the statement has succeeded, so that no failure stands in the middle of it, and no slow reader
  // keeps a statement running.
  wait_end_of_query: 1,
  // No statement outlives the client, which gives up after two minutes.
  max_execution_time: 110,
} as const;

/** A client of the engine. After this function nothing knows whether the engine is embedded or far away. */
export function connectStore(address: StoreAddress): StoreClient {
  const common = {
    application: 'clew',
    request_timeout: requestTimeoutMs,
    max_open_connections: maxConnections,
    // Failures are thrown, and logged by those who handle them.
    log: { level: ClickHouseLogLevel.OFF },
  };
  if ('clickhouseUrl' in address) {
    const { clickhouseUrl: url, cluster } = address;
    if (cluster === undefined)
      return stopAbandoned(createClient({ ...common, url, clickhouse_settings: remoteSettings }));
    const settings = { ...remoteSettings, ...clusterSettings };
    return stopAbandoned(onCluster(createClient({ ...common, url, clickhouse_settings: settings }), cluster));
  }
  return createClient({
    ...common,
    // Only the path of the socket decides where this goes.
    url: 'http://engine',
    http_agent: new SocketAgent(address.socketPath),
    ...(address.database !== undefined && { database: address.database }),
  });
}

/** The same client, whose statements are those of a cluster. */
function onCluster(client: StoreClient, cluster: string): StoreClient {
  const { query, command, exec } = client;
  const adapt = <Params extends ClusterStatement>(params: Params): Params => {
    const [statement] = toClusterStatements(cluster, params);
    return { ...params, ...statement };
  };
  return Object.assign(client, {
    query: (params: Parameters<typeof query>[0]) => query.call(client, adapt(params)),
    exec: (params: Parameters<typeof exec>[0]) => exec.call(client, adapt(params)),
    command: async (params: Parameters<typeof command>[0]) => {
      const [first, ...more] = toClusterStatements(cluster, params);
      let result = await command.call(client, { ...params, ...first });
      for (const statement of more) result = await command.call(client, { ...params, ...statement });
      return result;
    },
  });
}

/** The same client, which stops a statement when its signal is aborted: ClickHouse does not stop it when the connection is closed. */
function stopAbandoned(client: StoreClient): StoreClient {
  const { exec } = client;
  const kill = (id: string): void => {
    const query = 'KILL QUERY WHERE query_id = {id:String} ASYNC';
    // Where it does not reach the statement, that has its limit of time.
    client.command({ query, query_params: { id } }).catch(() => {});
  };
  return Object.assign(client, {
    exec: async (params: Parameters<typeof exec>[0]) => {
      const { abort_signal: signal } = params;
      if (signal === undefined) return exec.call(client, params);
      const id = randomUUID();
      const killThis = (): void => kill(id);
      signal.addEventListener('abort', killThis, { once: true });
      const forget = (): void => signal.removeEventListener('abort', killThis);
      try {
        const result = await exec.call(client, { ...params, query_id: id });
        result.stream.once('close', forget);
        return result;
      } catch (error) {
        forget();
        throw error;
      }
    },
  });
}

/** The address of a tenant's own database beside the one of the address. */
export function addressOfTenant(address: StoreAddress, tenant: string): StoreAddress {
  if ('socketPath' in address) return { socketPath: address.socketPath, database: `tenant_${tenant}` };
  const url = new URL(address.clickhouseUrl);
  url.pathname = `/${encodeURIComponent(`${readDatabase(url) || 'default'}_${tenant}`)}`;
  return { ...address, clickhouseUrl: url.href };
}

function readDatabase(url: URL): string {
  return decodeURIComponent(url.pathname.slice(1));
}

/** Creates the database of the address. @throws what the client throws */
export async function createDatabase(address: StoreAddress): Promise<void> {
  const { name, server } = splitDatabase(address);
  const client = connectStore(server);
  try {
    await client.command({ query: 'CREATE DATABASE IF NOT EXISTS {name:Identifier}', query_params: { name } });
  } finally {
    await client.close();
  }
}

function splitDatabase(address: StoreAddress): { readonly name: string; readonly server: StoreAddress } {
  if ('socketPath' in address) {
    return { name: address.database ?? 'default', server: { socketPath: address.socketPath } };
  }
  const url = new URL(address.clickhouseUrl);
  const name = readDatabase(url);
  url.pathname = '/';
  return { name, server: { ...address, clickhouseUrl: url.href } };
}

/** Whether the engine answers, and why not; `detail` is for the log alone. Never rejects. */
export async function checkStore(
  client: StoreClient,
  signal: AbortSignal,
): Promise<{ readonly ready: boolean; readonly reason?: string; readonly detail?: string }> {
  const result = await client.ping({ select: false, abort_signal: signal });
  return result.success
    ? { ready: true }
    : { ready: false, reason: 'the store does not answer', detail: result.error.message };
}

/** An agent whose every connection goes to one unix socket. */
class SocketAgent extends Agent {
  constructor(socketPath: string) {
    super({ keepAlive: true, maxSockets: maxConnections, socketPath } as ConstructorParameters<typeof Agent>[0]);
  }
}

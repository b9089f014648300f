import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEngine } from '#src/engine/engine.js';
import { createLogger } from '#src/log.js';
import { shardingKeys } from '#src/store/cluster.js';

export const clusterName = 'test';

/** The engine takes a replica for itself when it has its own port: Distributed tables then work in process. */
const shard =
  '<shard><internal_replication>true</internal_replication><replica><host>127.0.0.1</host><port>9000</port></replica></shard>';

const createConfig = (shards: number): string => `<clickhouse>
  <users_config>users.xml</users_config>
  <tcp_port>9000</tcp_port>
  <remote_servers><${clusterName}>${shard.repeat(shards)}</${clusterName}></remote_servers>
  <macros><shard>1</shard><replica>one</replica></macros>
</clickhouse>
`;

/** The shards have their tables in common; a policy lets each see the rows that are its own. */
function createUsers(shards: number): string {
  const filter = (table: string, isOfShard: string): string =>
    `<${table}><filter>shardNum() = 0 OR ${isOfShard}</filter></${table}>`;
  const tables = Object.entries(shardingKeys).map(([table, key]) =>
    filter(`${table}_local`, `${key} % ${shards} = shardNum() - 1`),
  );
  const systemTables = ['parts', 'disks', 'mutations', 'processes'].map((table) => filter(table, 'shardNum() = 1'));
  return `<clickhouse>
  <profiles><default></default></profiles>
  <quotas><default></default></quotas>
  <users><default>
    <password></password><networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota>
    <databases><clew>${tables.join('')}</clew><system>${systemTables.join('')}</system></databases>
  </default></users>
</clickhouse>
`;
}

export interface ClusterEngine {
  /** Without a database. */
  readonly url: string;
  /** Statements as they came. */
  readonly statements: readonly string[];
  stop(): Promise<void>;
}

/**
 * A ClickHouse cluster of one node that has no ClickHouse Keeper: our embedded engine, with Distributed tables as they are,
 * tables that are not replicated, and without the DDL queue behind ON CLUSTER. The database is `clew`.
 */
export async function startClusterEngine({ shards }: { shards: number }): Promise<ClusterEngine> {
  const dataDir = await mkdtemp(join(tmpdir(), 'clew-cluster-'));
  await mkdir(join(dataDir, 'engine'));
  await writeFile(join(dataDir, 'engine', 'config.xml'), createConfig(shards));
  await writeFile(join(dataDir, 'engine', 'users.xml'), createUsers(shards));
  const engine = await startEngine({ dataDir, log: createLogger('silent') });
  const statements: string[] = [];
  const server = createServer((incoming, outgoing) => {
    // Shards that have their tables in common would take the rows of the second for those of the first, sent again.
    if (shards > 1) incoming.url = incoming.url!.replace(/&insert_deduplication_token=[^&]*/, '');
    void pass(incoming, outgoing, engine.socketPath, statements);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    statements,
    stop: async () => {
      server.close();
      server.closeAllConnections();
      await engine.stop();
      await rm(dataDir, { recursive: true });
    },
  };
}

async function pass(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  socketPath: string,
  statements: string[],
): Promise<void> {
  let body = Buffer.concat(await incoming.toArray());
  // Data of an INSERT has its statement in the URL.
  if (!new URL(incoming.url!, 'http://engine').searchParams.has('query')) {
    statements.push(body.toString());
    body = Buffer.from(withoutKeeper(body.toString()));
  }
  const headers = { ...incoming.headers, 'content-length': String(body.length) };
  delete headers['transfer-encoding'];
  const sent = request({ socketPath, path: incoming.url, method: incoming.method, headers }, (answer) => {
    outgoing.writeHead(answer.statusCode!, answer.headers);
    answer.pipe(outgoing);
  });
  sent.on('error', () => outgoing.destroy());
  sent.end(body);
}

function withoutKeeper(statement: string): string {
  return statement
    .replaceAll(` ON CLUSTER \`${clusterName}\``, '')
    .replace(/ENGINE = Replicated(\w+)\('[^']*', '[^']*'(, )?/, 'ENGINE = $1(')
    .replace(/\breplicated_deduplication_window/, 'non_replicated_deduplication_window');
}

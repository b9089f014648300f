/**
 * Each table of a cluster is two: `spans_local`, replicated, on every node with the rows of its shard, and `spans`, Distributed,
 * which reads and writes all of them. Statements are written for one node; here they become those of a cluster.
 *
 * ```
 * INSERT INTO spans   ─▶ spans (Distributed) ─▶ spans_local of the trace's shard ─▶ its views ─▶ trace_minutes_local
 * SELECT … FROM spans ─▶ spans (Distributed) ◀─ spans_local of each shard
 * ALTER TABLE spans   ─▶ spans_local ON CLUSTER
 * ```
 */

/** By what rows are spread. Rows that replace one another must meet on one shard, and those of a trace do. */
export const shardingKeys: Readonly<Record<string, string>> = {
  spans: 'cityHash64(trace_id)',
  trace_minutes: 'cityHash64(trace_id)',
  trace_decisions: 'cityHash64(trace_id)',
  tail_decisions: 'cityHash64(trace_id)',
  operations: 'cityHash64(service)',
  operation_minutes: 'cityHash64(service)',
  service_edges: 'cityHash64(client)',
  resources: 'resource_hash',
  span_minutes: 'toUnixTimestamp(minute)',
  rollups: 'toUnixTimestamp(minute)',
  attribute_keys: 'cityHash64(key)',
  attribute_values: 'cityHash64(key)',
};

const names = Object.keys(shardingKeys).join('|');

/** What holds for every statement. */
export const clusterSettings = {
  // An insert is done when the shards have it.
  distributed_foreground_insert: 1,
  // A set of ids is found once and sent to the shards.
  distributed_product_mode: 'global',
  // What a mutation asks of other tables is the same on all replicas of a shard.
  allow_nondeterministic_mutations: 1,
  // Before the client gives up.
  distributed_ddl_task_timeout: '100',
} as const;

export interface ClusterStatement {
  readonly query: string;
  readonly query_params?: Record<string, unknown>;
}

/**
 * The statements that do on a cluster what the statement does on one node, in order; queries are one.
 * @throws Error for a table that is not in the list of sharding keys
 */
export function toClusterStatements(cluster: string, statement: ClusterStatement): readonly ClusterStatement[] {
  const { query, query_params: params } = statement;
  const onCluster = `ON CLUSTER ${quoteName(cluster)}`;
  if (/^\s*CREATE DATABASE/.test(query)) return [{ ...statement, query: `${query} ${onCluster}` }];
  const table = /^\s*CREATE TABLE IF NOT EXISTS (\w+)\s*(\([\s\S]*\))\s*ENGINE = (\w+)(?:\((\w*)\))?([\s\S]*)$/.exec(
    query,
  );
  if (table !== null) {
    const [, name, columns, engine, version, rest] = table as unknown as [
      string,
      string,
      string,
      string,
      string,
      string,
    ];
    return createTables(cluster, { name, columns, engine, version, rest }).map((text) => ({
      ...statement,
      query: text,
    }));
  }
  const view = /^\s*CREATE MATERIALIZED VIEW IF NOT EXISTS (\w+) TO (\w+) AS\s+([\s\S]*)$/.exec(query);
  if (view !== null) {
    const [, name, target, select] = view;
    const text = `CREATE MATERIALIZED VIEW IF NOT EXISTS ${name} ${onCluster} TO ${target}_local AS\n${readLocally(select!)}`;
    return [{ ...statement, query: text }];
  }
  if (/^\s*(ALTER TABLE|DELETE FROM|TRUNCATE TABLE) \{table:Identifier\}/.test(query)) {
    const text = query.replace('{table:Identifier}', `{table:Identifier} ${onCluster}`);
    return [{ query: text, query_params: { ...params, table: `${params!.table}_local` } }];
  }
  const change = new RegExp(`^\\s*(ALTER TABLE|DELETE FROM|TRUNCATE TABLE) (${names})\\b([\\s\\S]*)$`).exec(query);
  if (change !== null) {
    const [, verb, name, rest] = change;
    const local = { ...statement, query: `${verb} ${name}_local ${onCluster}${readLocally(rest!)}` };
    // Rows stand in the local tables alone; a new column is one of both.
    if (!/^\s*ADD COLUMN\b/.test(rest!)) return [local];
    return [local, { ...statement, query: `${verb} ${name} ${onCluster}${withoutStorage(rest!)}` }];
  }
  return [{ ...statement, query: readAllNodes(cluster, query) }];
}

interface TableParts {
  readonly name: string;
  readonly columns: string;
  readonly engine: string;
  readonly version: string | undefined;
  readonly rest: string;
}

function createTables(cluster: string, { name, columns, engine, version, rest }: TableParts): readonly string[] {
  const onCluster = `ON CLUSTER ${quoteName(cluster)}`;
  const settings = rest.replace('non_replicated_deduplication_window', 'replicated_deduplication_window');
  const replicated = (path: string, replica: string): string =>
    `${columns}\nENGINE = Replicated${engine}('${path}', '${replica}'${version ? `, ${version}` : ''})${settings}`;
  // All nodes have one: every server sees at which schema the database is.
  if (name === 'clew_migrations') {
    const text = replicated('/clickhouse/tables/all/{database}/{table}', '{shard}-{replica}');
    return [`CREATE TABLE IF NOT EXISTS ${name} ${onCluster} ${text}`];
  }
  const key = shardingKeys[name];
  if (key === undefined)
    throw new Error(`The table ${name} has no sharding key for a cluster; give it one in cluster.ts.`);
  const text = replicated('/clickhouse/tables/{shard}/{database}/{table}', '{replica}');
  return [
    `CREATE TABLE IF NOT EXISTS ${name}_local ${onCluster} ${text}`,
    `CREATE TABLE IF NOT EXISTS ${name} ${onCluster} ${withoutStorage(columns)}
ENGINE = Distributed(${quoteText(cluster)}, currentDatabase(), ${name}_local, ${key})`,
  ];
}

/** Of the columns their names and types: codecs and indexes are of tables that have files. */
function withoutStorage(columns: string): string {
  return columns.replace(/,\s*INDEX [^\n]*?GRANULARITY \d+/g, '').replace(/ CODEC\((?:[^()]|\([^()]*\))*\)/g, '');
}

function readLocally(text: string): string {
  return text.replace(new RegExp(`\\bFROM (${names})\\b`, 'g'), 'FROM $1_local');
}

/** The engine's own tables tell of one node. Of parts and disks, one replica of a shard is enough. */
function readAllNodes(cluster: string, query: string): string {
  const name = quoteText(cluster);
  // Named as the statements name them.
  const columns = "* REPLACE (replaceRegexpOne(table, '_local$', '') AS table)";
  const everywhere: Readonly<Record<string, string>> = {
    parts: `(SELECT ${columns} FROM cluster(${name}, system.parts))`,
    disks: `cluster(${name}, system.disks)`,
    mutations: `(SELECT ${columns} FROM clusterAllReplicas(${name}, system.mutations))`,
    processes: `clusterAllReplicas(${name}, system.processes)`,
  };
  return query.replace(/\bFROM system\.(\w+)\b/g, (text, table: string) => {
    const source = everywhere[table];
    return source === undefined ? text : `FROM ${source}`;
  });
}

function quoteName(name: string): string {
  return `\`${name.replaceAll('\\', '\\\\').replaceAll('`', '\\`')}\``;
}

function quoteText(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}

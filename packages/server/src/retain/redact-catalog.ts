import { setTimeout as sleep } from 'node:timers/promises';
import { fetchRows, runCommand, type Statement } from '../query/statement.ts';
import type { StoreClient } from '../store/client.ts';
import { mutate } from './mutate.ts';
import { redactedText } from './redact-bytes.ts';
import type { RedactionTarget } from './redaction-request.ts';

/** Attributes by which the service graph names a database, see rollup/edges.ts. */
const edgeKeys: ReadonlySet<string> = new Set([
  'peer.service',
  'db.namespace',
  'db.name',
  'db.system.name',
  'db.system',
]);

const minuteMs = 60_000;

/** Removes the values from those that are offered for completion: of all days of the window. */
function buildForgetValues({ key, value, startMs, endMs }: RedactionTarget): Statement {
  // A number is noted in the engine's way, which is not always that of the request.
  const isValue = '(value = {value:String} OR toFloat64OrNull(value) = toFloat64OrNull({value:String}))';
  const conditions = [
    'key = {key:String}',
    'value != {redacted:String}',
    ...(value === undefined ? [] : [isValue]),
    ...(startMs === undefined ? [] : ["day >= toDate(fromUnixTimestamp64Milli({start:Int64}, 'UTC'))"]),
    ...(endMs === undefined ? [] : ["day <= toDate(fromUnixTimestamp64Milli({end:Int64}, 'UTC'))"]),
  ];
  return {
    sql: `ALTER TABLE attribute_values DELETE WHERE ${conditions.join(' AND ')}`,
    params: {
      key,
      redacted: redactedText,
      ...(value !== undefined && { value }),
      ...(startMs !== undefined && { start: startMs }),
      ...(endMs !== undefined && { end: endMs }),
    },
  };
}

/** Which calls of databases may be named by the attribute: too many rather than too few. */
function buildIsNamed({ value, startMs, endMs }: RedactionTarget): Statement {
  const isValue =
    "(server = {value:String} OR startsWith(server, concat({value:String}, '/')) OR endsWith(server, concat('/', {value:String})))";
  const conditions = [
    "connection_type = 'database'",
    'server != {redacted:String}',
    ...(value === undefined ? [] : [isValue]),
    ...(startMs === undefined ? [] : ["minute >= fromUnixTimestamp64Milli({start:Int64}, 'UTC')"]),
    ...(endMs === undefined ? [] : ["minute <= fromUnixTimestamp64Milli({end:Int64}, 'UTC')"]),
  ];
  return {
    sql: conditions.join(' AND '),
    params: {
      redacted: redactedText,
      ...(value !== undefined && { value }),
      ...(startMs !== undefined && { start: Math.floor(startMs / minuteMs) * minuteMs }),
      ...(endMs !== undefined && { end: endMs }),
    },
  };
}

/** Statements that take a name out of the service graph, and keep its calls; in this order. */
function buildRenameEdges(target: RedactionTarget): readonly Statement[] {
  if (!edgeKeys.has(target.key)) return [];
  const { sql: isNamed, params } = buildIsNamed(target);
  return [
    {
      sql: `INSERT INTO service_edges
SELECT client, {redacted:String}, connection_type, minute, max(generation) AS newest, sum(calls), sum(errors), sum(duration_ns)
FROM service_edges FINAL
WHERE (${isNamed}) OR (connection_type = 'database' AND server = {redacted:String})
GROUP BY client, connection_type, minute`,
      params,
    },
    // Computed anew from redacted spans, the other names of these minutes come back.
    {
      sql: `INSERT INTO span_minutes SELECT DISTINCT minute, now64(3, 'UTC') FROM service_edges WHERE ${isNamed}`,
      params,
    },
    { sql: `ALTER TABLE service_edges DELETE WHERE ${isNamed}`, params },
  ];
}

/** Rollups of any server that began to read before this moment; they may still write what they read. */
const running = `SELECT count() AS statements FROM system.processes
WHERE (query LIKE 'INSERT INTO attribute_values%' OR query LIKE 'INSERT INTO service_edges%') AND elapsed > {seconds:Float64}`;

const pollMs = 100;

/**
 * Resolves when no rollup is left that may have read spans before this moment.
 * @throws StoreError; the reason of the signal when it fires
 */
export async function waitForRollups(client: StoreClient, signal?: AbortSignal): Promise<void> {
  const sinceMs = performance.now();
  for (;;) {
    const params = { seconds: (performance.now() - sinceMs) / 1000 };
    const [row] = await fetchRows<{ statements: number }>(client, { sql: running, params });
    if (row!.statements === 0) return;
    await sleep(pollMs, undefined, { signal });
  }
}

/**
 * Takes what was redacted in spans out of what is computed from them. To be called when the spans are rewritten.
 * @throws StoreError; the reason of the signal when it fires
 */
export async function redactCatalog(client: StoreClient, target: RedactionTarget, signal: AbortSignal): Promise<void> {
  await waitForRollups(client, signal);
  await mutate(client, buildForgetValues(target));
  const [sum, note, forget] = buildRenameEdges(target);
  if (sum === undefined) return;
  await runCommand(client, sum);
  await runCommand(client, { ...note!, settings: { max_partitions_per_insert_block: 0 } });
  await mutate(client, forget!);
}

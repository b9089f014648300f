import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type {
  OperationMetricsResponse,
  RedactionsResponse,
  RetentionResponse,
  SearchResponse,
  ServiceGraphResponse,
  StatsResponse,
} from '@clew/model';
import { parseConfig, type RunningServer, startServer } from '@clew/server';
import { createLogger } from '#src/log.js';
import { TailSampling } from '#src/retain/tail-sampling.js';
import { connectStore, type StoreClient } from '#src/store/client.js';
import { toClusterStatements } from '#src/store/cluster.js';
import { insertMissingSpans } from '#src/store/insert-missing.js';
import { insertNative } from '#src/store/insert-native.js';
import { readMigrations } from '#src/store/migrations.js';
import { type ClusterEngine, clusterName, startClusterEngine } from './cluster-engine.js';
import { freePorts } from './free-ports.js';
import { snapshots } from './query-snapshots.js';
import { fetchLines } from './store-fixture.js';

let cluster: ClusterEngine;
let server: RunningServer;
let client: StoreClient;
let dataDir: string;

const start = () =>
  startServer(
    parseConfig(
      {},
      {
        dataDir,
        ...freePorts,
        healthPort: 0,
        logLevel: 'silent',
        clickhouseUrl: `${cluster.url}/clew`,
        clickhouseCluster: clusterName,
      },
    ),
  );

function startBefore(shards: number): void {
  before(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'clew-test-'));
    cluster = await startClusterEngine({ shards });
    server = await start();
    client = connectStore({ clickhouseUrl: `${cluster.url}/clew`, cluster: clusterName });
  });

  after(async () => {
    await client.close();
    await server.close();
    await cluster.stop();
    rmSync(dataDir, { recursive: true });
  });
}

const traceIdOf = (trace: number) => trace.toString(16).padStart(32, '0');

/** A call from `shop` to `stock`, in one trace. */
async function send(trace: number, startMs = Date.now(), code = 0): Promise<void> {
  const spanOf = (spanId: string, parentSpanId: string, kind: number) => ({
    traceId: traceIdOf(trace),
    spanId: spanId.repeat(16),
    ...(parentSpanId !== '' && { parentSpanId: parentSpanId.repeat(16) }),
    name: 'GET /',
    kind,
    startTimeUnixNano: String(BigInt(startMs) * 1_000_000n),
    endTimeUnixNano: String(BigInt(startMs) * 1_000_000n + 5_000_000n),
    status: { code },
    attributes: [{ key: 'order', value: { stringValue: `o${trace}` } }],
  });
  const resourceSpans = [
    { service: 'shop', spans: [spanOf('1', '', 2), spanOf('2', '1', 3)] },
    { service: 'stock', spans: [spanOf('3', '2', 2)] },
  ].map(({ service, spans }) => ({
    resource: { attributes: [{ key: 'service.name', value: { stringValue: service } }] },
    scopeSpans: [{ spans }],
  }));
  const response = await fetch(`${server.otlpUrl}/v1/traces`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ resourceSpans }),
  });
  assert.equal(response.status, 200);
}

async function readSpans(): Promise<Buffer> {
  const result = await client.exec({ query: 'SELECT * FROM spans FORMAT Native' });
  return Buffer.concat(await result.stream.toArray());
}

async function get<Answer>(path: string): Promise<Answer> {
  const response = await fetch(`${server.uiUrl}/clew/v1/${path}`);
  assert.equal(response.status, 200, `${path}: ${response.status}`);
  return (await response.json()) as Answer;
}

async function until(check: () => Promise<boolean>): Promise<void> {
  while (!(await check())) await sleep(50);
}

const isFound = async (trace: number) => {
  const response = await fetch(`${server.uiUrl}/clew/v1/traces/${traceIdOf(trace)}`);
  await response.arrayBuffer();
  return response.status === 200;
};

for (const shards of [1, 2]) {
  describe(`on a cluster of ${shards} shards`, () => {
    startBefore(shards);

    test('the tables are replicated and spread, on every node', () => {
      const creations = cluster.statements.filter((text) => text.startsWith('CREATE'));
      for (const text of creations) assert.match(text, / ON CLUSTER `test`/);
      const spans = creations.find((text) => text.includes(' spans_local '));
      assert.match(
        spans!,
        /ENGINE = ReplicatedMergeTree\('\/clickhouse\/tables\/\{shard\}\/\{database\}\/\{table\}', '\{replica\}'\)/,
      );
      assert.match(spans!, /, replicated_deduplication_window = 10000/);
      assert.ok(
        creations.some((text) => /ENGINE = ReplicatedReplacingMergeTree\('[^']*', '[^']*', generation\)/.test(text)),
      );
      assert.ok(creations.some((text) => /spans_local, cityHash64\(trace_id\)\)/.test(text)));
      assert.ok(
        creations.some((text) =>
          /clew_migrations [\s\S]*'\/clickhouse\/tables\/all\/.*'\{shard\}-\{replica\}'/.test(text),
        ),
      );
    });

    test('spans are stored, found, shown whole, rolled up and counted', async () => {
      await send(1);
      await until(() => isFound(1));
      assert.deepEqual((await get<{ services: string[] }>('services')).services, ['shop', 'stock']);
      const { traces } = await get<SearchResponse>('search?attribute=order=o1&attribute=service.name=stock');
      assert.deepEqual(
        traces.map(({ traceId, spanCount }) => [traceId, spanCount]),
        [[traceIdOf(1), 3]],
      );
      const bytes = Buffer.from(await (await fetch(`${server.uiUrl}/clew/v1/traces/${traceIdOf(1)}`)).arrayBuffer());
      for (const text of ['shop', 'stock', 'service.name']) assert.ok(bytes.includes(text), text);
      await until(async () => (await get<ServiceGraphResponse>('service-graph')).edges.length > 0);
      const { edges } = await get<ServiceGraphResponse>('service-graph');
      assert.deepEqual(
        edges.map((edge) => `${edge.client} -> ${edge.server} ${edge.calls}`),
        ['shop -> stock 1'],
      );
      const { operations } = await get<OperationMetricsResponse>('operation-metrics');
      assert.equal(operations.length, 3);
      const keys = async () =>
        (await get<{ attributes: { key: string }[] }>('attributes')).attributes.map(({ key }) => key);
      await until(async () => (await keys()).length > 1);
      assert.deepEqual(await keys(), ['order', 'service.name']);
      const { store } = await get<StatsResponse>('stats');
      assert.ok('spans' in store && store.spans === 3 && store.tables.some(({ table }) => table === 'spans'));
    });

    test('a segment that comes again is stored once, and one that was lost is put in', async () => {
      const statements = cluster.statements.length;
      const block = await readSpans();
      assert.equal(await insertMissingSpans(client, [block], 'again'), 0);
      assert.deepEqual(await fetchLines(client, 'SELECT count() FROM spans'), ['3']);
      await client.command({ query: 'TRUNCATE TABLE spans' });
      assert.equal(await insertMissingSpans(client, [block], 'again'), 3);
      assert.ok(cluster.statements.slice(statements).includes('TRUNCATE TABLE spans_local ON CLUSTER `test`'));
    });

    // Shards that share their tables cannot tell the token of one from that of the other.
    test('an insert with the token of another one does nothing', { skip: shards > 1 }, async () => {
      const block = await readSpans();
      await client.command({ query: 'TRUNCATE TABLE spans' });
      const settings = { insert_deduplicate: 1, insert_deduplication_token: 'again' } as const;
      for (let time = 0; time < 2; time++) await insertNative(client, 'spans', [block], settings);
      assert.deepEqual(await fetchLines(client, 'SELECT count() FROM spans'), ['3']);
    });

    test('an attribute is redacted, a trace deleted, days removed', async () => {
      await send(2);
      await send(3, Date.now() - 3 * 86_400_000);
      await until(async () => (await isFound(2)) && (await isFound(3)));
      const post = {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{"key":"order","value":"o1"}',
      };
      assert.equal((await fetch(`${server.uiUrl}/clew/v1/redactions`, post)).status, 200);
      await until(async () => (await get<RedactionsResponse>('redactions')).redactions.every(({ isDone }) => isDone));
      assert.equal((await get<SearchResponse>('search?attribute=order=[redacted]')).traces.length, 1);
      const deleted = await fetch(`${server.uiUrl}/clew/v1/traces/${traceIdOf(2)}`, { method: 'DELETE' });
      assert.deepEqual(await deleted.json(), { traceId: traceIdOf(2), deletedSpans: 3 });
      assert.equal(await isFound(2), false);
      const put = { method: 'PUT', headers: { 'content-type': 'application/json' }, body: '{"age":"1d"}' };
      assert.equal((await fetch(`${server.uiUrl}/clew/v1/retention`, put)).status, 200);
      assert.equal(await isFound(3), false);
      const { lastRun, spans } = await get<RetentionResponse>('retention');
      assert.deepEqual([lastRun?.error, spans], [null, 3]);
    });

    test('tail sampling removes what no rule keeps', async () => {
      const startMs = Date.now() - 3_600_000;
      await send(4, startMs);
      await send(5, startMs, 2);
      await until(async () => (await isFound(4)) && (await isFound(5)));
      const options = {
        client,
        path: join(dataDir, 'sampling.json'),
        afterMs: 5 * 60_000,
        keep: [{ error: true as const, rarerThan: 1000 }],
        oldestWaitingMs: () => undefined,
        isReady: () => true,
        onDecided: () => {},
        log: createLogger('silent'),
      };
      await TailSampling.open({ ...options, now: () => startMs - 60_000 });
      const sampling = await TailSampling.open({ ...options, now: () => startMs + 30 * 60_000 });
      await sampling.run();
      assert.deepEqual([await isFound(4), await isFound(5)], [false, true]);
    });

    test('a restart finds the schema as it is', async () => {
      await server.close();
      const before = cluster.statements.length;
      server = await start();
      const created = cluster.statements.slice(before).filter((text) => text.startsWith('CREATE'));
      assert.deepEqual(
        created.filter((text) => !text.includes('clew_migrations')),
        [],
      );
      assert.equal(await isFound(5), true);
    });
  });
}

describe('statements of a cluster', () => {
  startBefore(1);

  test('every one that the server makes is one of ClickHouse', async () => {
    const migrations = readMigrations().flatMap(({ statements }) => statements);
    for (const query of [...migrations, ...Object.values(snapshots)]) {
      for (const statement of toClusterStatements(clusterName, { query, query_params: { table: 'spans' } })) {
        const text = statement.query.replaceAll(/\{\w+:Identifier\}/g, 'name').replaceAll(/\{\w+:[^}]*\}/g, "'value'");
        await fetchLines(client, `EXPLAIN AST ${text}`).catch(({ message }: Error) =>
          assert.fail(`${message}\n${text}`),
        );
      }
    }
  });

  test('a table without a sharding key, and a cluster without a ClickHouse, are refused', () => {
    const query = 'CREATE TABLE IF NOT EXISTS other (a UInt8)\nENGINE = MergeTree\nORDER BY a';
    assert.throws(() => toClusterStatements(clusterName, { query }), /The table other has no sharding key/);
    assert.throws(() => parseConfig({}, { clickhouseCluster: 'prod' }), {
      message: /CLEW_CLICKHOUSE_URL, which CLEW_CLICKHOUSE_CLUSTER needs/,
    });
  });

  test('names are quoted', () => {
    const [statement] = toClusterStatements("a`b'c", { query: 'TRUNCATE TABLE spans' });
    assert.equal(statement?.query, "TRUNCATE TABLE spans_local ON CLUSTER `a\\`b'c`");
  });
});

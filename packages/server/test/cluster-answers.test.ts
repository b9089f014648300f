import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type OperationMetricsResponse, type SearchResponse, tableFromNative, traceToOtlpJson } from '@clew/model';
import { parseConfig, type RunningServer, startServer } from '@clew/server';
import { connectStore } from '#src/store/client.js';
import { type ClusterEngine, clusterName, startClusterEngine } from './cluster-engine.js';
import { freePorts } from './free-ports.js';
import { fetchLines } from './store-fixture.js';

const traces = 200;
const services = ['shop', 'stock', 'mail', 'pay', 'ship'];
// Whole minutes ago, so that both servers see the same minutes.
const endMs = Math.floor(Date.now() / 60_000) * 60_000 - 60_000;
const startMs = endMs - 10 * 60_000;

const attribute = (key: string, value: object) => ({ key, value });
const hex = (number: number, digits: number) => number.toString(16).padStart(digits, '0');
const traceIdOf = (trace: number) => hex(trace + 1, 32);

/** A chain of calls through one to five services, of which the last asks a database. */
function createTrace(trace: number) {
  const depth = 1 + (trace % services.length);
  const resourceSpans = [];
  for (let level = 0; level < depth; level++) {
    const service = services[(trace + level) % services.length]!;
    const startNs = BigInt(startMs + trace * 2_900 + level) * 1_000_000n;
    const spanOf = (id: number, parent: number, kind: number, name: string, more: object = {}) => ({
      traceId: traceIdOf(trace),
      spanId: hex(id, 16),
      ...(parent > 0 && { parentSpanId: hex(parent, 16) }),
      name,
      kind,
      startTimeUnixNano: String(startNs),
      endTimeUnixNano: String(startNs + BigInt(1_000_000 * (1 + ((trace * 7 + level) % 90)))),
      attributes: [
        attribute('order', { stringValue: `o${trace % 40}` }),
        attribute('size', { intValue: String(trace % 9) }),
        attribute('ratio', { doubleValue: trace / 8 }),
        attribute('vip', { boolValue: trace % 2 === 0 }),
      ],
      ...more,
    });
    const calls = level === depth - 1 ? { 'db.system.name': 'postgresql', 'db.namespace': 'goods' } : {};
    const client = {
      attributes: Object.entries(calls).map(([key, value]) => attribute(key, { stringValue: value })),
      events: [{ timeUnixNano: String(startNs), name: 'retry' }],
      links: [{ traceId: traceIdOf(trace + 1), spanId: hex(1, 16) }],
    };
    resourceSpans.push({
      resource: {
        attributes: [
          attribute('service.name', { stringValue: service }),
          attribute('host', { stringValue: `h${trace % 3}` }),
        ],
      },
      scopeSpans: [
        {
          scope: { name: 'test', version: String(level) },
          spans: [
            spanOf(2 * level + 1, 2 * level, 2, `GET /${service}/${trace % 4}`, {
              status: { code: trace % 11 === 0 ? 2 : 0 },
            }),
            spanOf(2 * level + 2, 2 * level + 1, 3, 'call', client),
          ],
        },
      ],
    });
  }
  return resourceSpans;
}

const bodies = Array.from({ length: 4 }, (_, part) =>
  JSON.stringify({
    resourceSpans: Array.from({ length: traces / 4 }, (_, index) => createTrace(4 * index + part)).flat(),
  }),
);
const spanCount = Array.from({ length: traces }, (_, trace) => 2 * (1 + (trace % services.length))).reduce(
  (sum, spans) => sum + spans,
);

let cluster: ClusterEngine;
let one: RunningServer;
let two: RunningServer;
const dataDirs = [mkdtempSync(join(tmpdir(), 'clew-test-')), mkdtempSync(join(tmpdir(), 'clew-test-'))] as const;

before(async () => {
  const start = (dataDir: string, more: object = {}) =>
    startServer(parseConfig({}, { dataDir, ...freePorts, healthPort: 0, logLevel: 'silent', ...more }));
  cluster = await startClusterEngine({ shards: 2 });
  one = await start(dataDirs[0]);
  two = await start(dataDirs[1], { clickhouseUrl: `${cluster.url}/clew`, clickhouseCluster: clusterName });
  for (const server of [one, two]) {
    for (const body of bodies) {
      const headers = { 'content-type': 'application/json' };
      const response = await fetch(`${server.otlpUrl}/v1/traces`, { method: 'POST', headers, body });
      assert.deepEqual([response.status, await response.json()], [200, {}]);
    }
    const isThere = async () =>
      (await get<OperationMetricsResponse>(server, `operation-metrics?${window}`)).operations.reduce(
        (sum, { calls }) => sum + calls,
        0,
      ) === spanCount;
    while (!(await isThere())) await sleep(100);
  }
});

after(async () => {
  await one.close();
  await two.close();
  await cluster.stop();
  for (const dataDir of dataDirs) rmSync(dataDir, { recursive: true });
});

const window = `start=${startMs}&end=${endMs}`;

async function get<Answer>(server: RunningServer, path: string): Promise<Answer> {
  const response = await fetch(`${server.uiUrl}/clew/v1/${path}`);
  const text = await response.text();
  assert.equal(response.status, 200, `${path}: ${text}`);
  return JSON.parse(text) as Answer;
}

/** The spans in order, each with its resource and scope. */
async function fetchSpans(server: RunningServer, traceId: string): Promise<object[]> {
  const response = await fetch(`${server.uiUrl}/clew/v1/traces/${traceId}`);
  const table = tableFromNative(new Uint8Array(await response.arrayBuffer()));
  const { resourceSpans } = traceToOtlpJson(table) as OtlpTraces;
  const spans = resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ scope, spans }) => spans.map((span) => ({ ...span, resource, scope }))),
  );
  return spans.sort((a, b) => a.spanId.localeCompare(b.spanId));
}

interface OtlpTraces {
  readonly resourceSpans: readonly {
    readonly resource: object;
    readonly scopeSpans: readonly { readonly scope: object; readonly spans: readonly { readonly spanId: string }[] }[];
  }[];
}

describe('two shards answer as one node does', () => {
  const paths = [
    'services',
    'operations?service=shop',
    `operation-metrics?${window}`,
    `operation-metrics?${window}&service=shop&step=120`,
    `service-graph?${window}`,
    `attributes?${window}`,
    `attribute-values?${window}&key=order`,
    `attribute-values?${window}&key=size`,
    `attribute-values?${window}&key=host`,
    `search?${window}`,
    `search?${window}&limit=200`,
    `search?${window}&service=mail`,
    `search?${window}&service=pay&operation=GET%20/pay/1`,
    `search?${window}&minDuration=40ms&maxDuration=60ms`,
    `search?${window}&attribute=order=o7`,
    `search?${window}&attribute=size=3&attribute=vip=true&limit=5`,
    `search?${window}&attribute=host=h2&attribute=order=o5`,
    `search?${window}&attribute=order=none`,
  ];
  for (const path of paths) {
    test(path.replace(window, '…'), async () => {
      const answers = [await get<Record<string, unknown>>(one, path), await get<Record<string, unknown>>(two, path)];
      assert.deepEqual(answers[1], answers[0]);
      if (!path.endsWith('none')) {
        const lists = Object.values(answers[0]!).filter((value) => Array.isArray(value));
        assert.ok(
          lists.some(({ length }) => length > 0),
          'Both answers are empty.',
        );
      }
    });
  }

  test('traces, span by span', async () => {
    for (let trace = 0; trace < traces; trace += 5) {
      const [first, second] = await Promise.all([one, two].map((server) => fetchSpans(server, traceIdOf(trace))));
      assert.equal(first!.length, 2 * (1 + (trace % services.length)));
      assert.deepEqual(second, first);
    }
  });

  test('both of them have traces', async () => {
    const found = await get<SearchResponse>(two, `search?${window}&limit=${traces}`);
    assert.equal(found.traces.length, traces);
    const client = connectStore({ clickhouseUrl: `${cluster.url}/clew`, cluster: clusterName });
    const shares = (await fetchLines(client, 'SELECT count() FROM spans GROUP BY shardNum()')).map(Number);
    await client.close();
    assert.equal(shares.length, 2);
    for (const share of shares) assert.ok(share > spanCount / 4, String(shares));
  });
});

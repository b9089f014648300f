import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RedactionsResponse, RetentionResponse, SearchResponse, StatsResponse } from '@clew/model';
import { parseConfig, type RunningServer, startServer } from '@clew/server';
import { credentials } from '@grpc/grpc-js';
import { addressOfTenant } from '#src/store/client.js';
import { freePorts } from './free-ports.js';
import { exportOverGrpc } from './official-grpc-export.js';

const tokenOf = (who: string, kind: 'ingest' | 'query') => `${who}-${kind}-0123456789`;
const tenantOf = (name: string) => ({
  name,
  ingestTokens: [tokenOf(name, 'ingest')],
  queryTokens: [tokenOf(name, 'query')],
});

const dataDir = mkdtempSync(join(tmpdir(), 'clew-tenants-'));
const settings = {
  dataDir,
  ...freePorts,
  healthPort: 0,
  logLevel: 'silent',
  tenants: [tenantOf('red'), tenantOf('blue')],
  ingestTokens: [tokenOf('main', 'ingest')],
  queryTokens: [tokenOf('main', 'query')],
};
/** All of them get a trace with this id. */
const traceId = 'ab'.repeat(16);

let server: RunningServer;

before(async () => {
  server = await startServer(parseConfig({}, settings));
});

after(async () => {
  await server.close();
  rmSync(dataDir, { recursive: true });
});

const bearer = (token: string | undefined): Record<string, string> =>
  token === undefined ? {} : { authorization: `Bearer ${token}` };

async function ask(who: string, path: string, init: RequestInit = {}): Promise<Response> {
  const headers = { ...bearer(tokenOf(who, 'query')), ...(init.headers as Record<string, string>) };
  const response = await fetch(`${server.uiUrl}${path}`, { ...init, headers });
  return new Response(await response.arrayBuffer(), response);
}

const read = async <Answer>(who: string, path: string): Promise<Answer> =>
  (await (await ask(who, path)).json()) as Answer;

/** A span whose service is named after its sender. */
function send(who: string, token: string | undefined, name = who): Promise<Response> {
  const startNs = BigInt(Date.now()) * 1_000_000n;
  const span = {
    traceId,
    spanId: 'cd'.repeat(8),
    name,
    startTimeUnixNano: String(startNs),
    endTimeUnixNano: String(startNs + 5n),
    attributes: [{ key: 'owner', value: { stringValue: who } }],
  };
  const resource = { attributes: [{ key: 'service.name', value: { stringValue: `service of ${who}` } }] };
  return fetch(`${server.otlpUrl}/v1/traces`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-scope-orgid': 'blue', ...bearer(token) },
    body: JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ spans: [span] }] }] }),
  });
}

const servicesOf = async (who: string) => (await read<{ services: string[] }>(who, '/clew/v1/services')).services;
const spansOf = async (who: string) => {
  const { store } = await read<StatsResponse>(who, '/clew/v1/stats');
  return 'spans' in store ? store.spans : -1;
};

async function until(check: () => Promise<boolean>): Promise<void> {
  while (!(await check())) await sleep(50);
}

const everyone = ['main', 'red', 'blue'];

describe('tenants', () => {
  test('each sees the spans that came with its tokens, and nobody else does', async () => {
    for (const who of everyone) assert.equal((await send(who, tokenOf(who, 'ingest'))).status, 200);
    for (const who of everyone) {
      await until(async () => (await servicesOf(who)).length > 0);
      assert.deepEqual(await servicesOf(who), [`service of ${who}`]);
      const { operations } = await read<{ operations: string[] }>(who, `/clew/v1/operations?service=service of ${who}`);
      assert.deepEqual(operations, [who]);
      const { traces } = await read<SearchResponse>(who, `/clew/v1/search?attribute=owner=${who}`);
      assert.deepEqual(
        traces.map((trace) => [trace.traceId, trace.firstService, trace.spanCount]),
        [[traceId, `service of ${who}`, 1]],
      );
      for (const other of everyone.filter((one) => one !== who)) {
        assert.deepEqual((await read<SearchResponse>(who, `/clew/v1/search?attribute=owner=${other}`)).traces, []);
      }
      const bytes = Buffer.from(await (await ask(who, `/clew/v1/traces/${traceId}`)).arrayBuffer()).toString('latin1');
      for (const other of everyone)
        assert.equal(bytes.includes(`service of ${other}`), other === who, `${who} ${other}`);
      const stats = await read<StatsResponse>(who, '/clew/v1/stats');
      assert.equal(stats.receivers.find(({ receiver }) => receiver === 'otlp-http')?.spans, 1);
      assert.match(await (await ask(who, '/metrics')).text(), /clew_received_spans_total\{receiver="otlp-http"\} 1\n/);
    }
  });

  test('every receiver goes by the token', async () => {
    const zipkin = (token: string | undefined) =>
      fetch(`${server.zipkinUrl}/api/v2/spans`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...bearer(token) },
        body: JSON.stringify([
          {
            traceId: '1'.repeat(32),
            id: '2'.repeat(16),
            name: 'z',
            timestamp: Date.now() * 1000,
            duration: 5,
            localEndpoint: { serviceName: 'by zipkin' },
          },
        ]),
      });
    assert.equal((await zipkin(tokenOf('red', 'ingest'))).status, 202);
    const token = `Bearer ${tokenOf('red', 'ingest')}`;
    assert.equal(await exportOverGrpc(server.otlpGrpcUrl, credentials.createInsecure(), token), undefined);
    await until(async () => (await servicesOf('red')).length === 3);
    assert.ok((await servicesOf('red')).includes('by zipkin'));
    assert.match(await (await ask('red', '/metrics')).text(), /clew_received_spans_total\{receiver="otlp-grpc"\} 1\n/);
    assert.deepEqual(await servicesOf('blue'), ['service of blue']);
    assert.equal((await zipkin(undefined)).status, 401);
    assert.equal((await zipkin(tokenOf('red', 'query'))).status, 401);
  });

  test("a token that is nobody's, or of the other kind, gets nowhere", async () => {
    for (const token of [undefined, 'nobody-0123456789', tokenOf('red', 'query')]) {
      assert.equal((await send('red', token)).status, 401);
    }
    for (const token of [undefined, 'nobody-0123456789', tokenOf('red', 'ingest')]) {
      for (const path of ['services', 'stats', `traces/${traceId}`, 'retention']) {
        assert.equal((await fetch(`${server.uiUrl}/clew/v1/${path}`, { headers: bearer(token) })).status, 401, path);
      }
      assert.equal((await fetch(`${server.uiUrl}/metrics`, { headers: bearer(token) })).status, 401);
    }
    const ready = await (await fetch(`${server.uiUrl}/ready`)).text();
    assert.match(ready, /"tenants":\{"ready":true\}/);
    assert.doesNotMatch(ready, /red|blue(?!")/);
  });

  test('what one changes leaves the others as they are', async () => {
    const json = { 'content-type': 'application/json' };
    const put = await ask('red', '/clew/v1/retention', { method: 'PUT', headers: json, body: '{"age":"3d"}' });
    assert.equal(put.status, 200);
    assert.equal((await read<RetentionResponse>('red', '/clew/v1/retention')).age.value, '3d');
    assert.equal((await read<RetentionResponse>('blue', '/clew/v1/retention')).age.value, null);
    const redact = await ask('red', '/clew/v1/redactions', { method: 'POST', headers: json, body: '{"key":"owner"}' });
    assert.equal(redact.status, 200);
    const isRedacted = async (who: string) =>
      (await read<SearchResponse>(who, '/clew/v1/search?attribute=owner=[redacted]')).traces.length > 0;
    await until(() => isRedacted('red'));
    assert.equal(await isRedacted('blue'), false);
    assert.deepEqual((await read<RedactionsResponse>('blue', '/clew/v1/redactions')).redactions, []);
    assert.equal((await ask('red', `/clew/v1/traces/${traceId}`, { method: 'DELETE' })).status, 200);
    assert.equal((await ask('red', `/clew/v1/traces/${traceId}`)).status, 404);
    assert.equal((await ask('blue', `/clew/v1/traces/${traceId}`)).status, 200);
    assert.equal((await ask('main', `/clew/v1/traces/${traceId}`)).status, 200);
  });

  test('a restart keeps them apart, also without those who are no tenant; one that is left out keeps its files', async () => {
    await server.close();
    server = await startServer(
      parseConfig({}, { ...settings, tenants: [tenantOf('blue')], ingestTokens: [], queryTokens: [] }),
    );
    assert.deepEqual(await servicesOf('blue'), ['service of blue']);
    assert.equal((await fetch(`${server.uiUrl}/clew/v1/services`)).status, 401);
    assert.equal((await send('main', undefined)).status, 401);
    assert.equal((await ask('red', '/clew/v1/services')).status, 401);
    assert.ok(existsSync(join(dataDir, 'tenants', 'red', 'retention.json')));
    await server.close();
    server = await startServer(parseConfig({}, settings));
    assert.equal((await read<RetentionResponse>('red', '/clew/v1/retention')).age.value, '3d');
    assert.equal(await spansOf('blue'), 1);
  });
});

describe('the settings of tenants', () => {
  const red = tenantOf('red');
  const parse = (...tenants: object[]) => parseConfig({}, { tenants });

  test('are a list in the file, JSON in the variable', () => {
    const parsed = { ...red, adminTokens: [], metricsTokens: [] };
    assert.deepEqual(parseConfig({ CLEW_TENANTS: JSON.stringify([red]) }).tenants, [parsed]);
    assert.equal(parse(...Array.from({ length: 50 }, (_, i) => tenantOf(`t${i}`))).tenants.length, 50);
  });

  test('are refused without showing a token when two have a name or a token in common, or a name is none', () => {
    const wrong: object[][] = [
      Array.from({ length: 51 }, (_, i) => tenantOf(`t${i}`)),
      [red, { ...tenantOf('blue'), name: 'red' }],
      [red, { ...tenantOf('blue'), queryTokens: red.queryTokens }],
      [red, { ...tenantOf('blue'), adminTokens: red.queryTokens }],
      [
        { ...red, metricsTokens: ['a-metrics-token-01'] },
        { ...tenantOf('blue'), adminTokens: ['a-metrics-token-01'] },
      ],
      [red, { ...tenantOf('blue'), ingestTokens: red.ingestTokens }],
      [{ ...red, queryTokens: [] }],
      [{ ...red, ingestTokens: ['short'] }],
      [{ ...red, tokens: [] }],
      ...['', 'Red', '1red', 're-d', '../red', 'r'.repeat(33)].map((name) => [{ ...red, name }]),
    ];
    for (const tenants of wrong) {
      assert.throws(
        () => parse(...tenants),
        ({ message }: Error) => /tenants/.test(message) && !/0123456789/.test(message),
        JSON.stringify(tenants),
      );
    }
  });

  test('a token of theirs that is in a file of tokens too stops the start', async () => {
    const start = () => startServer(parseConfig({}, { ...settings, queryTokens: red.queryTokens }));
    await assert.rejects(start(), {
      code: 'CLEW_TOKEN_SHARED',
      message: /tenant red is also one of CLEW_QUERY_TOKENS/,
    });
  });

  test('their databases stand beside that of the URL', () => {
    const urlOf = (clickhouseUrl: string) => addressOfTenant({ clickhouseUrl }, 'red');
    assert.deepEqual(urlOf('http://u:p@host:8123/clew?x=1'), { clickhouseUrl: 'http://u:p@host:8123/clew_red?x=1' });
    assert.deepEqual(urlOf('http://host:8123'), { clickhouseUrl: 'http://host:8123/default_red' });
  });
});

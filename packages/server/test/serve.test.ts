import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type {
  AttributeValuesResponse,
  ErrorResponse,
  OperationMetricsResponse,
  RetentionResponse,
  SearchResponse,
  ServiceGraphResponse,
} from '@clew/model';
import type { FastifyInstance } from 'fastify';
import { createHostCheck } from '#src/allowed-hosts.js';
import { createLogger } from '#src/log.js';
import { Metrics } from '#src/metrics.js';
import { OverflowSpace } from '#src/query/read-ahead.js';
import type { DataControl } from '#src/retain/data-control.js';
import { Rollup } from '#src/rollup/rollup.js';
import { createHttpServer } from '#src/serve/http-server.js';
import { Readiness } from '#src/serve/readiness.js';
import { checkStore, connectStore, type StoreClient } from '#src/store/client.js';
import { migrate } from '#src/store/migrations.js';
import { QueryTurns } from '#src/store/query-turns.js';
import { TenantQueries } from '#src/store/tenant-queries.js';
import { openDataControl } from './data-fixture.js';
import { type EngineFixture, insertSpans, startEngineFixture, traceIdOf } from './store-fixture.js';

let fixture: EngineFixture;
let webRoot: string;
let url: string;
const apps: FastifyInstance[] = [];

async function listen(
  target: { client?: StoreClient; data?: DataControl } = {},
  options: Partial<Parameters<typeof createHttpServer>[0]> = {},
): Promise<string> {
  const { client = fixture.client } = target;
  const readiness = new Readiness(createLogger('silent'));
  readiness.enter('running');
  readiness.add('queries', 'store', (signal) => checkStore(client, signal));
  const data = target.data ?? (await openDataControl({ client, dataDir: fixture.dataDir }));
  const metrics = new Metrics();
  const log = createLogger('silent');
  const queries = new TenantQueries({
    client,
    turns: new QueryTurns(2).addTenant(),
    limits: { timeoutMs: 30_000, maxMemoryBytes: 2 ** 30 },
    onStopped: () => {},
    log,
  });
  const overflow = await OverflowSpace.open(join(fixture.dataDir, 'overflow'), 2 ** 30);
  const app = createHttpServer({
    callerOf: () => ({
      owner: { queries, overflow, data, metrics },
      rights: new Set(['query', 'metrics', 'change']),
      name: '',
    }),
    log,
    allowsHost: createHostCheck('127.0.0.1', []),
    maxConnections: 100,
    webRoot,
    readiness,
    metrics,
    readerStallMs: 30_000,
    tls: undefined,
    receivers: { receivers: [{ receiver: 'otlp-http', url: 'http://0.0.0.0:4318' }], needsToken: false },
    ...options,
  });
  apps.push(app);
  await app.listen({ host: '127.0.0.1', port: 0 });
  return `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
}

before(async () => {
  fixture = await startEngineFixture();
  await migrate(fixture.client);
  const span = { span: 1, service: 'shop', name: 'GET /', durationNs: 5, startMs: Date.now() };
  await insertSpans(fixture.client, [{ ...span, trace: 1 }]);
  webRoot = await mkdtemp(join(tmpdir(), 'clew-web-'));
  await mkdir(join(webRoot, 'assets'));
  await writeFile(join(webRoot, 'index.html'), '<!doctype html><title>Clew</title>');
  await writeFile(join(webRoot, 'assets', 'index-abc123.js'), 'export {};');
  url = await listen();
});

after(async () => {
  for (const app of apps) await app.close();
  await fixture.stop();
  await rm(webRoot, { recursive: true });
});

/** The status of a GET with any Host header; `fetch` does not let one choose it. */
function getWithHost(address: string, host: string | undefined): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const headers = host === undefined ? {} : { host };
    const sent = request(`${address}/health`, { headers, setHost: false }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    sent.on('error', reject).end();
  });
}

describe('the API', () => {
  test('answers services, operations and a search as JSON that nobody may keep', async () => {
    const services = await fetch(`${url}/clew/v1/services`);
    assert.equal(services.headers.get('content-type'), 'application/json; charset=utf-8');
    assert.equal(services.headers.get('cache-control'), 'no-store');
    assert.deepEqual(await services.json(), { services: ['shop'] });
    const operations = await fetch(`${url}/clew/v1/operations?service=shop`);
    assert.deepEqual(await operations.json(), { operations: ['GET /'] });
    const search = await fetch(`${url}/clew/v1/search?service=shop&limit=1`);
    const { traces, hasMore } = (await search.json()) as { traces: { traceId: string }[]; hasMore: boolean };
    assert.equal(hasMore, false);
    assert.equal(traces[0]?.traceId, traceIdOf(1));
  });

  test('answers where spans are received', async () => {
    const answer = await fetch(`${url}/clew/v1/receivers`);
    assert.deepEqual(await answer.json(), {
      receivers: [{ receiver: 'otlp-http', url: 'http://0.0.0.0:4318' }],
      needsToken: false,
    });
  });

  test('answers metrics, service graph and attributes once they are rolled up', async () => {
    await new Rollup({ client: fixture.client, log: createLogger('silent') }).run();
    const get = async (path: string) => (await fetch(`${url}/clew/v1/${path}`)).json();
    const metrics = (await get('operation-metrics?service=shop&step=60')) as OperationMetricsResponse;
    assert.equal(metrics.operations[0]?.name, 'GET /');
    assert.equal(metrics.operations[0]?.points?.length, 1);
    const graph = (await get('service-graph')) as ServiceGraphResponse;
    assert.deepEqual([graph.edges, graph.hasMore], [[], false]);
    assert.deepEqual(await get('attributes'), { attributes: [], hasMore: false, isTruncated: false });
    const values = await get('attribute-values?key=user.id');
    assert.deepEqual(values, { key: 'user.id', values: [], hasMore: false, isTruncated: false });
  });

  test('answers a trace as bytes, and one that does not exist with 404 and its code', async () => {
    const trace = await fetch(`${url}/clew/v1/traces/${traceIdOf(1)}`);
    assert.equal(trace.status, 200);
    assert.equal(trace.headers.get('content-type'), 'application/octet-stream');
    assert.equal(trace.headers.get('cache-control'), 'no-store');
    assert.deepEqual([...new Uint8Array(await trace.arrayBuffer()).subarray(0, 2)], [36, 1]);
    const missing = await fetch(`${url}/clew/v1/traces/${traceIdOf(2)}`);
    assert.equal(missing.status, 404);
    const body = (await missing.json()) as { code: string; message: string };
    assert.equal(body.code, 'CLEW_TRACE_NOT_FOUND');
    assert.match(body.message, new RegExp(traceIdOf(2)));
  });

  test('refuses what it does not understand with 400, 404 and the reason', async () => {
    const wrong: readonly [path: string, status: number, code: string][] = [
      ['/clew/v1/services?x=1', 400, 'CLEW_PARAMETER_UNKNOWN'],
      ['/clew/v1/operations', 400, 'CLEW_PARAMETER_INVALID'],
      ['/clew/v1/search?limit=1001', 400, 'CLEW_PARAMETER_INVALID'],
      ['/clew/v1/operation-metrics?step=90', 400, 'CLEW_PARAMETER_INVALID'],
      ['/clew/v1/operation-metrics?step=60&start=0&end=90060000', 400, 'CLEW_PARAMETER_INVALID'],
      ['/clew/v1/operation-metrics?step=120&start=0&end=180060001', 400, 'CLEW_PARAMETER_INVALID'],
      ['/clew/v1/operation-metrics?minutes=5', 400, 'CLEW_PARAMETER_UNKNOWN'],
      ['/clew/v1/service-graph?start=9&end=8', 400, 'CLEW_PARAMETER_INVALID'],
      ['/clew/v1/attributes?limit=0', 400, 'CLEW_PARAMETER_INVALID'],
      ['/clew/v1/attribute-values', 400, 'CLEW_PARAMETER_INVALID'],
      ['/clew/v1/traces/xyz', 400, 'CLEW_PARAMETER_INVALID'],
      ['/clew/v1/nothing', 404, 'CLEW_ADDRESS_NOT_FOUND'],
      ['/clew/v1/traces/%ff', 400, 'CLEW_REQUEST_INVALID'],
    ];
    for (const [path, status, code] of wrong) {
      const response = await fetch(url + path, { headers: { accept: 'text/html' } });
      assert.equal(response.status, status, path);
      assert.equal(((await response.json()) as { code: string }).code, code, path);
    }
    const post = await fetch(`${url}/clew/v1/services`, { method: 'POST' });
    assert.equal(post.status, 404);
  });

  test('while the engine is away, says so with 503 and when to come back, and queries are not ready', async () => {
    const nowhere = connectStore({ socketPath: join(webRoot, 'no.sock') });
    const away = await listen({ client: nowhere });
    for (const path of ['services', 'search', `traces/${traceIdOf(1)}`]) {
      const response = await fetch(`${away}/clew/v1/${path}`);
      assert.equal(response.status, 503);
      assert.equal(response.headers.get('retry-after'), '2');
      assert.equal(((await response.json()) as { code: string }).code, 'CLEW_ENGINE_UNAVAILABLE');
    }
    assert.equal((await fetch(`${away}/health`)).status, 200);
    const ready = await fetch(`${away}/ready`);
    assert.equal(ready.status, 503);
    const { queries } = (await ready.json()) as { queries: { parts: { store: { ready: boolean; reason: string } } } };
    assert.equal(queries.parts.store.ready, false);
    assert.equal(queries.parts.store.reason, 'the store does not answer');
    await nowhere.close();
    assert.equal((await fetch(`${url}/ready`)).status, 200);
  });
});

describe('a reader of a large trace', () => {
  // More than the sockets in between keep.
  const large = { trace: 99, service: 'large', name: 'step', durationNs: 5, startMs: Date.now() };
  const bytes = 40_000_000;
  let impatient: string;

  before(async () => {
    const text = `map('text', repeat('0123456789', ${bytes / 1000}))`;
    await insertSpans(
      fixture.client,
      Array.from({ length: 100 }, (_, span) => ({ ...large, span: span + 1, strings: text })),
    );
    impatient = await listen({}, { readerStallMs: 2_000 });
  });

  const read = (address: string): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      request(`${address}/clew/v1/traces/${traceIdOf(99)}`, resolve)
        .on('error', reject)
        .end();
    });

  const countConnections = (app: FastifyInstance) => promisify(app.server.getConnections.bind(app.server))();

  async function until(condition: () => Promise<boolean>): Promise<void> {
    const deadline = Date.now() + 60_000;
    while (!(await condition())) {
      assert.ok(Date.now() < deadline, `still not true after 60 s: ${condition}`);
      await sleep(20);
    }
  }

  test('who takes nothing is cut off, and learns that it was', async () => {
    const response = await read(impatient);
    response.pause();
    // A socket that is not read does not notice its end.
    await until(async () => (await countConnections(apps.at(-1)!)) === 0);
    await assert.rejects(response.toArray(), /aborted/);
    assert.equal(response.complete, false);
  });

  test('who takes little at a time is not, however long that lasts', async () => {
    const response = await read(impatient);
    let received = 0;
    let naps = 0;
    for await (const piece of response) {
      received += piece.length;
      // In all three times as long as a reader may take nothing.
      if (received > (naps + 1) * 300_000 && naps < 30) {
        naps += 1;
        await sleep(200);
      }
    }
    assert.ok(naps === 30 && received > bytes, `${received} bytes`);
    assert.equal(response.complete, true);
  });
});

describe('what changes the store', () => {
  const send = (path: string, method: string, type: string | undefined, body: string | undefined) =>
    fetch(`${url}/clew/v1/${path}`, {
      method,
      ...(type !== undefined && { headers: { 'content-type': type } }),
      ...(body !== undefined && { body }),
    });

  test('limits of retention are shown, changed, and shown again with what that did', async () => {
    const changed = await send(
      'retention',
      'PUT',
      'application/json; charset=utf-8',
      '{"age":"30d","maxBytes":"1GiB"}',
    );
    assert.equal(changed.status, 200, await changed.clone().text());
    const shown = await fetch(`${url}/clew/v1/retention`);
    assert.equal(shown.headers.get('cache-control'), 'no-store');
    for (const report of [await changed.json(), await shown.json()] as RetentionResponse[]) {
      assert.deepEqual(report.age, { value: '30d', source: 'api' });
      assert.deepEqual(report.maxBytes, { value: 1_073_741_824, source: 'api' });
      assert.deepEqual(report.diskShare, { value: null, source: 'start' });
      assert.equal(report.lastRun?.error, null);
    }
    const refused = await send('retention', 'PUT', 'application/json', '{"age":"soon"}');
    assert.equal(refused.status, 400);
    assert.equal(((await refused.json()) as ErrorResponse).code, 'CLEW_PARAMETER_INVALID');
  });

  test('takes JSON and nothing that a page of another origin may send without asking', async () => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x']) {
      const response = await send('retention', 'PUT', type, '{"age":"1m"}');
      assert.equal(response.status, 415, type);
      assert.match(
        ((await response.json()) as ErrorResponse).message,
        /PUT \/clew\/v1\/retention takes application\/json/,
      );
    }
    assert.equal((await send('retention', 'PUT', undefined, undefined)).status, 415);
    const asked = await fetch(`${url}/clew/v1/traces/${traceIdOf(1)}`, {
      method: 'OPTIONS',
      headers: { origin: 'https://evil.example', 'access-control-request-method': 'DELETE' },
    });
    assert.equal(asked.headers.get('access-control-allow-origin'), null);
    assert.equal(asked.headers.get('access-control-allow-methods'), null);
  });

  test('a trace that is deleted is gone when that is answered, and its neighbour is not', async () => {
    const span = { span: 1, service: 'shop', name: 'GET /', durationNs: 5 };
    const yesterday = Date.now() - 86_400_000;
    await insertSpans(fixture.client, [
      { ...span, trace: 0xd1, startMs: yesterday },
      { ...span, trace: 0xd1, span: 2, startMs: Date.now() },
      { ...span, trace: 0xd2, startMs: Date.now() },
    ]);
    const path = `traces/${traceIdOf(0xd1)}`;
    const deleted = await send(path, 'DELETE', undefined, undefined);
    assert.deepEqual([deleted.status, await deleted.json()], [200, { traceId: traceIdOf(0xd1), deletedSpans: 2 }]);
    assert.equal((await fetch(`${url}/clew/v1/${path}`)).status, 404);
    assert.equal((await fetch(`${url}/clew/v1/traces/${traceIdOf(0xd2)}`)).status, 200);
    const search = await (await fetch(`${url}/clew/v1/search?start=${yesterday - 1}`)).json();
    const ids = (search as SearchResponse).traces.map(({ traceId }) => traceId);
    assert.ok(ids.includes(traceIdOf(0xd2)) && !ids.includes(traceIdOf(0xd1)), ids.join());
    assert.equal((await send(path, 'DELETE', undefined, undefined)).status, 404);
    assert.equal((await send('traces/xyz', 'DELETE', undefined, undefined)).status, 400);
    // What comes later is stored.
    await insertSpans(fixture.client, [{ ...span, trace: 0xd1, span: 3, startMs: Date.now() }]);
    assert.equal((await fetch(`${url}/clew/v1/${path}`)).status, 200);
  });

  test('the values of a trace that is deleted are no longer offered, unless another trace of that day has them', async () => {
    const span = { span: 1, service: 'shop', name: 'GET /', durationNs: 5 };
    const today = Date.now();
    const yesterday = today - 86_400_000;
    const secret = "it's {a:String} \\\\ 50%";
    const strings = (mail: string) => `map('gone.mail', '${mail}', 'gone.plan', 'free')`;
    const secretLiteral = secret.replaceAll('\\', '\\\\').replaceAll("'", "\\'");
    await insertSpans(fixture.client, [
      {
        ...span,
        trace: 0xe1,
        startMs: today,
        strings: strings(secretLiteral),
        ints: "map('gone.size', 0)",
        doubles: "map('gone.rate', 0.1)",
        bools: "map('gone.hit', false, 'gone.old', true)",
      },
      { ...span, trace: 0xe1, span: 2, startMs: yesterday, strings: strings('') },
      // A key of another type, and a trace of another day, keep nothing.
      {
        ...span,
        trace: 0xe2,
        startMs: today,
        strings: strings('bob'),
        ints: "map('gone.rate', 0)",
        bools: "map('gone.hit', false)",
      },
      { ...span, trace: 0xe3, startMs: yesterday, bools: "map('gone.old', true)" },
    ]);
    const rollup = new Rollup({ client: fixture.client, log: createLogger('silent') });
    await rollup.run();
    const keys = ['mail', 'plan', 'size', 'rate', 'hit', 'old'];
    const readOffered = async (startMs: number) => {
      const answers = keys.map(async (key) => {
        const response = await fetch(`${url}/clew/v1/attribute-values?key=gone.${key}&start=${startMs}&end=${startMs}`);
        return ((await response.json()) as AttributeValuesResponse).values.map(({ value }) => value).sort();
      });
      return Promise.all(answers);
    };
    assert.deepEqual(await readOffered(today), [['bob', secret], ['free'], ['0'], ['0', '0.1'], ['false'], ['true']]);
    assert.deepEqual(await readOffered(yesterday), [[''], ['free'], [], [], [], ['true']]);
    assert.equal((await send(`traces/${traceIdOf(0xe1)}`, 'DELETE', undefined, undefined)).status, 200);
    const left = [['bob'], ['free'], [], ['0'], ['false'], []];
    assert.deepEqual(await readOffered(today), left);
    assert.deepEqual(await readOffered(yesterday), [[], [], [], [], [], ['true']]);
    await rollup.run();
    await rollup.stop();
    assert.deepEqual(await readOffered(today), left);
  });

  test('nothing is deleted while spans that were acknowledged before still wait for the store', async () => {
    const flush = (): Promise<void> => Promise.reject(new Error('too long'));
    const data = await openDataControl({ client: fixture.client, dataDir: fixture.dataDir, flush });
    const behind = await listen({ data });
    const response = await fetch(`${behind}/clew/v1/traces/${traceIdOf(1)}`, { method: 'DELETE' });
    assert.equal(response.status, 503);
    assert.ok(response.headers.has('retry-after'));
    assert.equal(((await response.json()) as ErrorResponse).code, 'CLEW_SPOOL_BEHIND');
    assert.equal((await fetch(`${behind}/clew/v1/traces/${traceIdOf(1)}`)).status, 200);
  });
});

describe('the web UI', () => {
  const page = { headers: { accept: 'text/html,*/*' } };

  test('its addresses all answer with the page, which is asked for anew each time', async () => {
    for (const path of ['/', '/search?service=shop', `/trace/${traceIdOf(1)}`]) {
      const response = await fetch(url + path, page);
      assert.equal(response.status, 200);
      assert.match(response.headers.get('content-type') ?? '', /^text\/html/);
      assert.equal(response.headers.get('cache-control'), 'no-cache', path);
      assert.match(await response.text(), /<title>Clew/);
    }
  });

  test('files with a hash in their name may be kept for ever; those that are missing are not the page', async () => {
    const script = await fetch(`${url}/assets/index-abc123.js`);
    assert.equal(script.headers.get('cache-control'), 'public, max-age=31536000, immutable');
    assert.match(script.headers.get('content-type') ?? '', /javascript/);
    assert.equal((await fetch(`${url}/assets/index-old.js`, page)).status, 404);
    assert.equal((await fetch(`${url}/search`, { headers: { accept: 'application/json' } })).status, 404);
  });

  test('nothing outside its directory is served', async () => {
    for (const path of ['/..%2f..%2fetc/passwd', '/assets/..%2f..%2fpackage.json', '/%2e%2e/%2e%2e/etc/passwd']) {
      const response = await fetch(url + path);
      assert.ok(response.status >= 400 && response.status < 500, `${path}: ${response.status}`);
    }
  });

  test('where it is not built, the page says what to run', async () => {
    const bare = await listen({}, { webRoot: join(webRoot, 'none') });
    for (const path of ['/', '/search']) {
      const response = await fetch(bare + path, page);
      assert.equal(response.status, 503);
      assert.match(response.headers.get('content-type') ?? '', /^text\/plain/);
      assert.match(await response.text(), /npm run build/);
    }
  });

  test('every answer forbids other origins, framing and guessing of types', async () => {
    for (const path of ['/', '/clew/v1/services', '/clew/v1/nothing', '/health', '/assets/index-abc123.js']) {
      const { headers } = await fetch(url + path);
      assert.match(headers.get('content-security-policy') ?? '', /^default-src 'self';.*frame-ancestors 'none'/);
      assert.doesNotMatch(headers.get('content-security-policy') ?? '', /unsafe|\*|http/);
      assert.equal(headers.get('x-content-type-options'), 'nosniff');
      assert.equal(headers.get('access-control-allow-origin'), null);
    }
  });
});

describe('the Host header', () => {
  test('names this machine when the server is bound to it, with any port', async () => {
    for (const host of ['localhost', 'localhost:1', '127.0.0.1:16686', '[::1]:16686', 'LOCALHOST']) {
      assert.equal(await getWithHost(url, host), 200, host);
    }
    for (const host of ['evil.example', 'evil.example:16686', 'localhost.evil.example', '127.0.0.1.evil.example', '']) {
      assert.equal(await getWithHost(url, host), 403, host);
    }
  });

  test('can be any where the server is bound to an outside address', async () => {
    const outside = await listen({}, { allowsHost: createHostCheck('0.0.0.0', []) });
    assert.equal(await getWithHost(outside, 'traces.example'), 200);
  });
});

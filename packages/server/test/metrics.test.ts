import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { StatsResponse } from '@clew/model';
import { parseConfig, type RunningServer, startServer } from '@clew/server';
import { Metrics } from '#src/metrics.js';
import { findEngine } from './engine-pid.js';
import { freePorts } from './free-ports.js';

let dataDir: string;
let server: RunningServer;

before(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'clew-metrics-'));
  const settings = { dataDir, ...freePorts, healthPort: 0, maxRequestBytes: 4096, logLevel: 'silent' };
  server = await startServer(parseConfig({}, settings));
});
after(async () => {
  await server.close();
  await rm(dataDir, { recursive: true });
});

const startMs = Date.now();

function spanOf(traceId: string, spanId: string, atMs: number): object {
  return { traceId, spanId, name: 'x', startTimeUnixNano: `${atMs}000000`, endTimeUnixNano: `${atMs}500000` };
}

async function post(body: string, contentType = 'application/json'): Promise<number> {
  const response = await fetch(`${server.otlpUrl}/v1/traces`, {
    method: 'POST',
    headers: { 'content-type': contentType },
    body,
  });
  await response.arrayBuffer();
  return response.status;
}

const bodyOf = (...spans: object[]): string => JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] });

/** Every sample of `/metrics`, by its name with its labels as they stand there. */
async function readMetrics(): Promise<Map<string, number>> {
  const response = await fetch(`${server.uiUrl}/metrics`);
  assert.equal(response.status, 200);
  assert.equal(response.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
  const lines = (await response.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const end = line.lastIndexOf(' ');
      return [line.slice(0, end), Number(line.slice(end + 1))];
    }),
  );
}

async function readStats(): Promise<StatsResponse> {
  const response = await fetch(`${server.uiUrl}/clew/v1/stats`);
  assert.equal(response.headers.get('cache-control'), 'no-store');
  return (await response.json()) as StatsResponse;
}

describe('a server without traffic', () => {
  test('counts zeros, and knows its process', async () => {
    const metrics = await readMetrics();
    assert.equal(metrics.get('clew_received_requests_total{receiver="otlp-http"}'), 0);
    assert.equal(metrics.get('clew_spool_bytes'), 0);
    assert.equal(metrics.get('clew_spool_limit_bytes'), 2 ** 30);
    assert.equal(metrics.get('clew_spool_oldest_age_seconds'), 0);
    assert.equal(metrics.get('clew_engine_ready'), 1);
    assert.equal(metrics.get('clew_engine_restarts_total'), 0);
    assert.equal(metrics.get('clew_transcoder_busy_threads'), 0);
    assert.equal(metrics.get('clew_transcoder_wait_seconds'), 0);
    assert.equal(metrics.get('clew_transcoder_refused_groups_total'), 0);
    for (const reason of ['deadline', 'memory', 'failure']) {
      assert.equal(metrics.get(`clew_transcoder_ended_threads_total{reason="${reason}"}`), 0);
    }
    for (const name of [
      'process_cpu_seconds_total',
      'process_resident_memory_bytes',
      'nodejs_eventloop_lag_p99_seconds',
    ]) {
      assert.ok(metrics.has(name), name);
    }
    const { receivers, store, spool } = await readStats();
    assert.deepEqual(
      receivers,
      ['otlp-http', 'otlp-grpc', 'zipkin', 'jaeger-http', 'jaeger-grpc'].map((receiver) => ({
        receiver,
        requests: 0,
        spans: 0,
        bytes: 0,
        refused: {},
      })),
    );
    assert.deepEqual(spool, { bytes: 0, limitBytes: 2 ** 30, segments: 0, oldestAgeS: null, setAside: 0 });
    assert.ok('spans' in store);
    assert.deepEqual([store.spans, store.oldestNs, store.newestNs], [0, null, null]);
  });
});

describe('after traffic', () => {
  const trace = 'ab'.repeat(16);
  const body = bodyOf(
    spanOf(trace, '00000000000000aa', startMs - 2000),
    spanOf(trace, '00000000000000bb', startMs),
    spanOf(trace, '0000000000000000', startMs),
    spanOf('00'.repeat(16), '00000000000000cc', startMs),
    spanOf('00'.repeat(16), '00000000000000dd', startMs),
  );

  before(async () => {
    assert.equal(await post(body), 200);
    assert.equal(await post('{'), 400);
    assert.equal(await post('x'.repeat(4097)), 413);
    assert.equal(await post('x', 'text/plain'), 415);
    assert.equal((await fetch(`${server.otlpUrl}/v1/logs`, { method: 'POST' })).status, 404);
    assert.equal((await fetch(`${server.otlpUrl}/v1/traces`)).status, 405);
    // A sender that goes away in the middle of its body.
    await new Promise((resolve) => {
      const headers = { 'content-type': 'application/json', 'content-length': 100 };
      const sent = request(`${server.otlpUrl}/v1/traces`, { method: 'POST', headers }).on('error', resolve);
      sent.write('{', () => setTimeout(() => sent.destroy(new Error('gone')), 20));
    });
    for (;;) {
      const { store } = await readStats();
      // Rows can be seen a moment before their insert is answered and counted.
      const counted = (await readMetrics()).get('clew_stored_spans_total');
      if ('spans' in store && store.spans === 2 && counted === 2) break;
      await sleep(20);
    }
  });

  test('what was received, refused and rejected is counted by receiver and reason', async () => {
    const expected: readonly (readonly [name: string, value: number])[] = [
      ['clew_received_requests_total{receiver="otlp-http"}', 7],
      ['clew_received_spans_total{receiver="otlp-http"}', 5],
      ['clew_received_bytes_total{receiver="otlp-http"}', body.length],
      ['clew_refused_requests_total{receiver="otlp-http",reason="malformed"}', 1],
      ['clew_refused_requests_total{receiver="otlp-http",reason="too_large"}', 1],
      ['clew_refused_requests_total{receiver="otlp-http",reason="unsupported"}', 1],
      ['clew_refused_requests_total{receiver="otlp-http",reason="address"}', 1],
      ['clew_refused_requests_total{receiver="otlp-http",reason="method"}', 1],
      ['clew_refused_requests_total{receiver="otlp-http",reason="aborted"}', 1],
      ['clew_rejected_spans_total{reason="trace_id"}', 2],
      ['clew_rejected_spans_total{reason="span_id"}', 1],
      ['clew_acknowledgement_seconds_count{receiver="otlp-http"}', 1],
      ['clew_acknowledgement_seconds_bucket{le="+Inf",receiver="otlp-http"}', 1],
      ['clew_acknowledgement_seconds_bucket{le="0.001",receiver="otlp-http"}', 0],
      ['clew_stored_spans_total', 2],
      ['clew_inserts_total{table="spans"}', 1],
      ['clew_inserts_total{table="resources"}', 1],
      ['clew_insert_seconds_count{table="spans"}', 1],
    ];
    const metrics = await readMetrics();
    for (const [name, value] of expected) assert.equal(metrics.get(name), value, name);
  });

  test('the answer of the API has the same numbers, and what is stored', async () => {
    const { receivers, rejectedSpans, store, since } = await readStats();
    const refused = { malformed: 1, too_large: 1, unsupported: 1, address: 1, method: 1, aborted: 1 };
    assert.deepEqual(receivers[0], { receiver: 'otlp-http', requests: 7, spans: 5, bytes: body.length, refused });
    assert.deepEqual(rejectedSpans, { trace_id: 2, span_id: 1 });
    assert.ok('spans' in store);
    assert.equal(store.oldestNs, `${startMs - 2000}000000`);
    assert.equal(store.newestNs, `${startMs}000000`);
    const spans = store.tables.find(({ table }) => table === 'spans');
    assert.equal(spans?.rows, 2);
    assert.ok(spans.bytes > 100 && store.bytes > spans.bytes);
    assert.ok(Math.abs(Date.parse(since) - startMs) < 60_000);
    assert.equal((await fetch(`${server.uiUrl}/clew/v1/stats?x=1`)).status, 400);
  });

  test('queries are counted by endpoint and outcome; pages and addresses that do not exist are none', async () => {
    await fetch(`${server.uiUrl}/clew/v1/traces/${trace}`);
    await fetch(`${server.uiUrl}/clew/v1/traces/${'1'.repeat(32)}`);
    await fetch(`${server.uiUrl}/clew/v1/search?limit=x`);
    await fetch(`${server.uiUrl}/search`, { headers: { accept: 'text/html' } });
    await fetch(`${server.uiUrl}/clew/v1/never`);
    const metrics = await readMetrics();
    const counts = [...metrics].filter(([name]) => name.startsWith('clew_query_seconds_count'));
    const endpoints = Object.fromEntries(
      counts.map(([name, value]) => [name.slice('clew_query_seconds_count'.length), value]),
    );
    assert.equal(endpoints['{endpoint="/clew/v1/traces/:traceId",outcome="ok"}'], 1);
    assert.equal(endpoints['{endpoint="/clew/v1/traces/:traceId",outcome="not_found"}'], 1);
    assert.equal(endpoints['{endpoint="/clew/v1/search",outcome="refused"}'], 1);
    assert.ok(Object.keys(endpoints).every((labels) => /"\/clew\/v1\/(stats|search|traces\/:traceId)"/.test(labels)));
  });

  test('while the engine does not answer, spans are seen waiting; its death is counted', async () => {
    const engine = await findEngine();
    process.kill(engine, 'SIGSTOP');
    assert.equal(await post(bodyOf(spanOf(trace, '00000000000000ee', startMs))), 200);
    // Its insert is under way then, to an engine that does not answer.
    while (!(await readdir(join(dataDir, 'spool'))).some((name) => name.endsWith('.sealed'))) await sleep(20);
    await sleep(100);
    const waiting = await readMetrics();
    assert.equal(waiting.get('clew_spool_segments'), 1);
    assert.ok(waiting.get('clew_spool_bytes')! > 100);
    assert.ok(waiting.get('clew_spool_oldest_age_seconds')! > 0);
    process.kill(engine, 'SIGKILL');
    let metrics = await readMetrics();
    while (metrics.get('clew_stored_spans_total') !== 3 || metrics.get('clew_spool_bytes') !== 0) {
      await sleep(50);
      metrics = await readMetrics();
    }
    assert.equal(metrics.get('clew_engine_restarts_total'), 1);
    assert.equal(metrics.get('clew_engine_ready'), 1);
    assert.equal(metrics.get('clew_spool_bytes'), 0);
    const failures = [...metrics].filter(([name]) => name.startsWith('clew_insert_failures_total'));
    assert.ok(failures.length > 0);
    assert.ok(
      failures.every(([name, value]) => name.endsWith('retried="true"}') && value > 0),
      String(failures),
    );
  });

  test('the answer of the API stays while the engine is away, and says so', async () => {
    const engine = await findEngine();
    process.kill(engine, 'SIGKILL');
    let { store, receivers } = await readStats();
    // It may be back before it was missed.
    while (!('unavailable' in store)) {
      process.kill(await findEngine(), 'SIGKILL');
      ({ store, receivers } = await readStats());
    }
    assert.match(store.unavailable, /^The storage engine /);
    assert.equal(receivers[0]?.receiver, 'otlp-http');
  });
});

describe('metrics', () => {
  test('inserts that are not tried again and segments set aside are counted apart', async () => {
    const metrics = new Metrics();
    const refuse = () => Promise.reject(new Error('refused'));
    await assert.rejects(
      metrics.observeInsert('spans', refuse, () => false),
      /refused/,
    );
    metrics.countSetAside('refused');
    metrics.countSetAside('damaged');
    metrics.countSetAside('damaged');
    const text = await metrics.render();
    assert.match(text, /^clew_insert_failures_total\{table="spans",retried="false"\} 1$/m);
    assert.match(text, /^clew_spool_segments_set_aside_total\{reason="damaged"\} 2$/m);
    assert.doesNotMatch(text, /^clew_inserts_total\{/m);
    assert.equal((await metrics.readCounts()).spool.setAside, 3);
  });
});

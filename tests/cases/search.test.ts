import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { OperationMetricsResponse, SearchResponse, ServiceGraphResponse } from '@clew/model';
import { runClew, startClew, type TestProcess } from '../e2e/clew-process.js';

const cases = fileURLToPath(new URL('../../cases/backend/', import.meta.url));
const startMs = Date.parse('2026-11-30T12:00:00Z');
/** Holds all cases but those of other centuries. */
const window = { start: String(startMs - 60_000), end: String(startMs + 60_000) };

const dataDir = mkdtempSync(join(tmpdir(), 'clew-search-'));
let server: TestProcess;
let uiUrl: string;
let otlpUrl: string;
let zipkinUrl: string;

before(async () => {
  server = await startClew(dataDir);
  [uiUrl = '', otlpUrl = '', zipkinUrl = ''] = server.groups;
});

after(async () => {
  await server.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

function readCase(name: string): string {
  return readFileSync(`${cases}${name}`, 'utf8');
}

async function send(url: string, body: string): Promise<void> {
  const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  assert.ok(response.ok, `${response.status} ${await response.text()}`);
}

async function ask<Answer>(path: string, query: Readonly<Record<string, string>>): Promise<Answer> {
  const response = await fetch(`${uiUrl}/clew/v1/${path}?${new URLSearchParams(query)}`);
  const text = await response.text();
  assert.equal(response.status, 200, text);
  return JSON.parse(text) as Answer;
}

async function search(query: Readonly<Record<string, string>>): Promise<SearchResponse> {
  return await ask<SearchResponse>('search', { ...window, ...query });
}

async function countOf(query: Readonly<Record<string, string>>): Promise<number> {
  return (await search(query)).traces.length;
}

/** Repeats until the answer is the one that is wanted; what was sent is stored a moment later. */
async function waitFor<Answer>(read: () => Promise<Answer>, isThere: (answer: Answer) => boolean): Promise<Answer> {
  for (const endMs = performance.now() + 60_000; ; ) {
    const answer = await read();
    if (isThere(answer)) return answer;
    assert.ok(performance.now() < endMs, JSON.stringify(answer).slice(0, 500));
    await sleep(50);
  }
}

const range = ['--start', '2026-11-30T11:59', '--end', '2026-11-30T12:01'];

/** As `13-same-millisecond.py` does: traces that start one nanosecond after another. */
function sameMillisecond(count: number, service: string): string {
  const first = BigInt(startMs) * 1_000_000n;
  const hash = [...Buffer.from(service)].reduce((sum, byte) => sum + byte, 0);
  const spans = Array.from({ length: count }, (_, index) => ({
    traceId: `13${hash.toString(16).padStart(26, '0')}${(index + 1).toString(16).padStart(4, '0')}`,
    spanId: (index + 1).toString(16).padStart(16, '0'),
    name: 'same-ms',
    kind: 1,
    startTimeUnixNano: String(first + BigInt(index)),
    endTimeUnixNano: String(first + BigInt(index + 1_000)),
  }));
  const resource = { attributes: [{ key: 'service.name', value: { stringValue: service } }] };
  return JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ spans }] }] });
}

describe('traces of one millisecond', () => {
  const count = 1_500;

  async function readPages(query: Readonly<Record<string, string>>): Promise<string[]> {
    const all: string[] = [];
    for (let cursor: Readonly<Record<string, string>> | undefined = {}; cursor !== undefined; ) {
      const { traces, next }: SearchResponse = await search({ ...query, ...cursor });
      all.push(...traces.map(({ traceId }) => traceId));
      cursor = next === undefined ? undefined : { cursor: next };
    }
    return all;
  }

  before(async () => {
    await send(`${otlpUrl}/v1/traces`, sameMillisecond(count, 'c13'));
    await waitFor(
      () => search({ service: 'c13', limit: '1000' }),
      ({ traces, hasMore }) => traces.length === 1_000 && hasMore,
    );
  });

  for (const limit of ['1000', '700']) {
    test(`are all on the pages of ${limit}, each once`, async () => {
      const all = await waitFor(
        () => readPages({ service: 'c13', limit }),
        (ids) => ids.length >= count,
      );
      assert.equal(all.length, count);
      assert.equal(new Set(all).size, count);
    });
  }
});

test('a trace id of 64 bits finds its trace, however it is written', async () => {
  await send(`${zipkinUrl}/api/v2/spans`, readCase('05-zipkin-64-bit-trace-id.json'));
  await waitFor(
    () => countOf({ service: 'c05' }),
    (found) => found === 1,
  );
  for (const id of ['05ad4dd4cf6152aa', '5ad4dd4cf6152aa', '05AD4DD4CF6152AA', '000000000000000005ad4dd4cf6152aa']) {
    assert.equal((await fetch(`${uiUrl}/clew/v1/traces/${id}`)).status, 200, id);
  }
  for (const id of ['05ad4dd4cf6152aa', '05AD4DD4CF6152AA']) {
    assert.match(await runClew(uiUrl, 'trace', id), /^Trace 000000000000000005ad4dd4cf6152aa /);
    assert.match(await runClew(uiUrl, 'export', id), /"traceId":"000000000000000005ad4dd4cf6152aa"/);
  }
  assert.match(await runClew(uiUrl, 'delete', '0x5ad4dd4cf6152aa', '--yes'), /Deleted 1 span/);
});

test('a span that ends before it starts lasts 0 in all figures', async () => {
  await send(`${otlpUrl}/v1/traces`, readCase('09-end-before-start.json'));
  const { operations } = await waitFor(
    () => ask<OperationMetricsResponse>('operation-metrics', { ...window, service: 'c09' }),
    (answer) => answer.operations[0]?.calls === 6,
  );
  assert.equal(operations[0]?.meanNs, 833_333);
  const { traces } = await search({ service: 'c09' });
  assert.deepEqual(traces.map(({ durationNs }) => durationNs).sort(), [0, 1e6, 1e6, 1e6, 1e6, 1e6]);
  assert.equal(await countOf({ service: 'c09', maxDuration: '0ns' }), 1);
  assert.equal(await countOf({ service: 'c09', minDuration: '0ns' }), 6);
  const { edges } = await ask<ServiceGraphResponse>('service-graph', window);
  assert.ok(edges.every(({ meanNs }) => meanNs >= 0));
  for (const command of [['search', '--service', 'c09'], ['services', 'c09'], ['services'], ['graph']]) {
    assert.doesNotMatch(await runClew(uiUrl, ...command, ...range), /\s-\d/);
  }
});

test('an array is found by its elements', async () => {
  await send(`${otlpUrl}/v1/traces`, readCase('10-array-attributes.json'));
  const header = 'http.request.header';
  await waitFor(
    () => countOf({ attribute: `${header}.x-request-id=req-42` }),
    (found) => found === 1,
  );
  for (const attribute of [`${header}.accept=text/html`, `${header}.accept=*/*`, 'nums=1', 'nums=2', 'nums=[1,2]']) {
    assert.equal(await countOf({ attribute }), 1, attribute);
  }
  const args = ['--attribute', `${header}.accept=text/html`];
  assert.match(await runClew(uiUrl, 'search', ...args, ...range), /\n1 trace between/);
  for (const attribute of [`${header}.accept=text`, 'nums=3', 'nums=12']) assert.equal(await countOf({ attribute }), 0);
});

test("a failed span of Jaeger is found by its status and by Jaeger's tag", async () => {
  await runClew(uiUrl, 'import', `${cases}12-jaeger-error-tag.json`, '--url', otlpUrl);
  await waitFor(
    () => countOf({ service: 'c12' }),
    (found) => found === 1,
  );
  const found: readonly Readonly<Record<string, string>>[] = [
    { status: 'error' },
    { attribute: 'error=true' },
    { attribute: 'span.kind=server' },
    { kind: 'server' },
  ];
  for (const condition of found) assert.equal(await countOf({ service: 'c12', ...condition }), 1);
  assert.equal(await countOf({ service: 'c12', status: 'ok' }), 0);
  const args = ['--service', 'c12', '--status', 'error', '--kind', 'server'];
  assert.match(await runClew(uiUrl, 'search', ...args, ...range), /\n1 trace between/);
});

test('a condition that is not understood is refused by the API and by clew, and said why', async () => {
  for (const attribute of ['http.response.status_code>=500', 'a!=b', 'a=~b', 'a', '=b', '"a']) {
    const response = await fetch(`${uiUrl}/clew/v1/search?${new URLSearchParams({ attribute })}`);
    const { code, message } = (await response.json()) as { code: string; message: string };
    assert.deepEqual([response.status, code], [400, 'CLEW_PARAMETER_INVALID'], attribute);
    assert.match(message, /parameter attribute is .*key=value/);
  }
  await assert.rejects(runClew(uiUrl, 'search', '--attribute', 'a>=5'), /--attribute.*key=value/);
  await assert.rejects(runClew(uiUrl, 'search', '--min-duration', '5'), /--min-duration.*1\.5s/);
});

test('a span of 2261 is found in a window that holds it', async () => {
  await send(`${otlpUrl}/v1/traces`, readCase('22-start-in-2261.json'));
  const at = 9_197_366_400_123;
  const query = { service: 'c22', start: String(at - 1), end: String(at + 1) };
  await waitFor(
    () => countOf(query),
    (found) => found === 1,
  );
  const args = ['--service', 'c22', '--start', String(at - 1), '--end', '9223372036854'];
  assert.match(await runClew(uiUrl, 'search', ...args), /2261-[\s\S]+\n1 trace between/);
  assert.equal(await countOf({ service: 'c22', start: '0', end: String(at - 1) }), 0);
});

test('a window that cannot be is refused with its values', async () => {
  for (const [query, message] of [
    ['start=2&end=1', /start is 2, but it must be at most the end, 1/],
    ['start=-1', /start is "-1".* whole number from 0 to 9223372036854/],
    ['start=1.5', /start is "1\.5"/],
    ['end=9223372036855', /end is "9223372036855"/],
    ['end=99999999999999999999', /end is/],
  ] as const) {
    const response = await fetch(`${uiUrl}/clew/v1/search?${query}`);
    assert.equal(response.status, 400);
    assert.match(((await response.json()) as { message: string }).message, message);
  }
});

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { detailsOf, type SearchResponse, tableFromNative } from '@clew/model';
import {
  type ClewServer,
  enginePid,
  forgetPeak,
  isAlive,
  killAll,
  readMemory,
  spawnServer,
  waitForEmptySpool,
} from './clew-server.ts';
import { countFromEnv } from './random.ts';

// What senders send that nobody planned for: each has a defined answer, which docs/limits.md tells.

const dayMs = 86_400_000;
const traceSpans = countFromEnv('CLEW_FAULT_TRACE_SPANS', 100_000);

let dataDir: string;
let server: ClewServer;

before(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'clew-odd-'));
  server = await spawnServer(dataDir).ready;
});

after(async () => {
  await killAll(server);
  rmSync(dataDir, { recursive: true, force: true });
});

interface Span {
  readonly spanId: string;
  readonly name?: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly [field: string]: unknown;
}

interface Answer {
  readonly status: number;
  readonly rejectedSpans: number;
  readonly message: string;
}

let traces = 0;
const nextTraceId = (): string => (++traces).toString(16).padStart(32, '0');

function span(number: number, startMs: number, durationMs = 1): Span {
  return {
    spanId: number.toString(16).padStart(16, '0'),
    name: 'odd',
    startTimeUnixNano: `${startMs}000000`,
    endTimeUnixNano: `${startMs + durationMs}000000`,
  };
}

const text = (key: string, stringValue: string) => ({ key, value: { stringValue } });

async function send(traceId: string, spans: readonly Span[], service = 'odd'): Promise<Answer> {
  const resource = { attributes: [text('service.name', service)] };
  const withTrace = spans.map((each) => ({ traceId, ...each }));
  return post({ resourceSpans: [{ resource, scopeSpans: [{ spans: withTrace }] }] });
}

async function post(request: unknown): Promise<Answer> {
  const response = await fetch(`${server.otlpUrl}/v1/traces`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(request),
  });
  const answer = (await response.json()) as {
    partialSuccess?: { rejectedSpans: string; errorMessage: string };
    message?: string;
  };
  return {
    status: response.status,
    rejectedSpans: Number(answer.partialSuccess?.rejectedSpans ?? 0),
    message: answer.partialSuccess?.errorMessage ?? answer.message ?? '',
  };
}

async function readTrace(traceId: string) {
  await waitForEmptySpool(dataDir);
  const response = await fetch(`${server.uiUrl}/clew/v1/traces/${traceId}`);
  const bytes = new Uint8Array(await response.arrayBuffer());
  assert.equal(response.status, 200, Buffer.from(bytes).toString().slice(0, 300));
  return tableFromNative(bytes);
}

async function search(query: string): Promise<SearchResponse> {
  const response = await fetch(`${server.uiUrl}/clew/v1/search?${query}`);
  assert.equal(response.status, 200, await response.clone().text());
  return (await response.json()) as SearchResponse;
}

const accepted: Answer = { status: 200, rejectedSpans: 0, message: '' };

describe('what nobody planned for', () => {
  it('spans of 400 days in one request, a partition each, are stored', async () => {
    const traceId = nextTraceId();
    const spans = Array.from({ length: 400 }, (_, day) => span(day + 1, Date.now() - day * dayMs));
    assert.deepEqual(await send(traceId, spans), accepted);
    assert.equal((await readTrace(traceId)).spanCount, 400);
  });

  it('an attribute of 10 MB is stored whole', async () => {
    const traceId = nextTraceId();
    const value = 'long '.repeat(2_000_000);
    assert.deepEqual(await send(traceId, [{ ...span(1, Date.now()), attributes: [text('long', value)] }]), accepted);
    const [found] = detailsOf(await readTrace(traceId), 0).attributes;
    assert.equal(found?.value.type === 'string' && found.value.value === value, true);
  });

  it('10,000 keys on one span are stored, and each can be searched for', async () => {
    const traceId = nextTraceId();
    const attributes = Array.from({ length: 10_000 }, (_, i) => text(`key.${i}`, `value ${i}`));
    assert.deepEqual(await send(traceId, [{ ...span(1, Date.now()), attributes }], 'keys'), accepted);
    assert.equal(detailsOf(await readTrace(traceId), 0).attributes.length, 10_000);
    const found = await search(`service=keys&attribute=${encodeURIComponent('key.9999=value 9999')}`);
    assert.deepEqual(
      found.traces.map((trace) => trace.traceId),
      [traceId],
    );
  });

  it('100,000 names of spans are stored, and the list of operations is answered', async () => {
    const perRequest = 2_000;
    for (let first = 0; first < 100_000; first += perRequest) {
      const spans = Array.from({ length: perRequest }, (_, i) => ({
        ...span(first + i + 1, Date.now()),
        name: `GET /orders/${first + i}`,
      }));
      assert.deepEqual(await send(nextTraceId(), spans, 'names'), accepted);
    }
    await waitForEmptySpool(dataDir);
    const response = await fetch(`${server.uiUrl}/clew/v1/operations?service=names`);
    const { operations } = (await response.json()) as { operations: string[] };
    assert.equal(operations.length, 100_000);
    const found = await search(`service=names&operation=${encodeURIComponent('GET /orders/99999')}`);
    assert.equal(found.traces.length, 1);
  });

  it('times in 1970, in 2100, tomorrow, and an end before the start are kept; one beyond 2262 is rejected', async () => {
    const traceId = nextTraceId();
    const tomorrow = Date.now() + dayMs;
    const spans = [
      span(1, 0),
      { ...span(2, 0), startTimeUnixNano: '0', endTimeUnixNano: '0' },
      span(3, Date.UTC(2100, 0, 1)),
      span(4, tomorrow),
      span(5, tomorrow, -5_000),
      { ...span(6, 0), startTimeUnixNano: '9223372036854775808', endTimeUnixNano: '9223372036854775809' },
    ];
    const answer = await send(traceId, spans, 'times');
    assert.deepEqual([answer.status, answer.rejectedSpans], [200, 1]);
    assert.match(answer.message, /a time beyond 2262-04-11/);
    const table = await readTrace(traceId);
    assert.equal(table.spanCount, 5);
    const starts = Array.from(table.spanStartNs, (ns) => Number(table.startNs) / 1e6 + ns / 1e6);
    assert.deepEqual(starts.map(Math.round), [0, 0, tomorrow, tomorrow, Date.UTC(2100, 0, 1)]);
    // What ended before it began is shown without duration.
    assert.equal(Math.min(...table.spanDurationNs), 0);
    const found = await search(`service=times&start=0&end=${Date.UTC(2101, 0, 1)}`);
    assert.deepEqual(
      found.traces.map((trace) => trace.traceId),
      [traceId],
    );
  });

  it('ids of zeros or of another length are rejected, with the reason, and the others are kept', async () => {
    const traceId = nextTraceId();
    const now = Date.now();
    const spans = [
      span(1, now),
      { ...span(2, now), traceId: '0'.repeat(32) },
      { ...span(3, now), spanId: '0'.repeat(16) },
      { ...span(4, now), traceId: 'ab' },
      { ...span(5, now), spanId: 'ab'.repeat(9) },
      { ...span(6, now), parentSpanId: 'abcd' },
    ];
    const answer = await send(traceId, spans);
    assert.deepEqual([answer.status, answer.rejectedSpans], [200, 5]);
    assert.match(answer.message, /trace_id must be 16 bytes, not all zero/);
    assert.equal((await readTrace(traceId)).spanCount, 1);
  });

  it('a value that is nested 100 deep is stored; a deeper one rejects its span with the limit', async () => {
    const nest = (depth: number): unknown =>
      depth === 0 ? { stringValue: 'core' } : { arrayValue: { values: [nest(depth - 1)] } };
    const sendNested = (traceId: string, depth: number): Promise<Answer> =>
      send(traceId, [{ ...span(1, Date.now()), attributes: [{ key: 'deep', value: nest(depth) }] }]);
    const traceId = nextTraceId();
    assert.deepEqual(await sendNested(traceId, 99), accepted);
    const [deep] = detailsOf(await readTrace(traceId), 0).attributes;
    assert.equal(deep?.value.type, 'array');
    const rejected = await sendNested(nextTraceId(), 101);
    assert.deepEqual([rejected.status, rejected.rejectedSpans], [200, 1]);
    assert.match(rejected.message, /nested deeper than 100/);
  });

  it('50,000 events on one span are stored whole', async () => {
    const traceId = nextTraceId();
    const now = Date.now();
    const events = Array.from({ length: 50_000 }, (_, i) => ({ timeUnixNano: `${now}000000`, name: `event ${i}` }));
    assert.deepEqual(await send(traceId, [{ ...span(1, now), events }]), accepted);
    const details = detailsOf(await readTrace(traceId), 0);
    assert.equal(details.events.length, 50_000);
    assert.equal(details.events.at(-1)?.name, 'event 49999');
  });

  it(`a trace of ${traceSpans} spans is stored, found and answered whole`, async (t: TestContext) => {
    const traceId = nextTraceId();
    const now = Date.now();
    const perRequest = 5_000;
    const pids = [server.child.pid!, enginePid(server)!];
    pids.forEach(forgetPeak);
    for (let first = 0; first < traceSpans; first += perRequest) {
      const spans = Array.from({ length: perRequest }, (_, i) => ({
        ...span(first + i + 1, now),
        ...(first + i > 0 && { parentSpanId: ((first + i + 1) >> 1 || 1).toString(16).padStart(16, '0') }),
        attributes: [text('order.id', String(first + i))],
      }));
      assert.deepEqual(await send(traceId, spans, 'large'), accepted);
    }
    const table = await readTrace(traceId);
    assert.equal(table.spanCount, traceSpans);
    const { traces: found } = await search('service=large');
    assert.deepEqual(
      found.map((trace) => [trace.traceId, trace.spanCount]),
      [[traceId, traceSpans]],
    );
    const peaks = pids.map((pid) => readMemory(pid).peakMib);
    t.diagnostic(`server ${peaks[0]} MiB at most, engine ${peaks[1]} MiB`);
    assert.ok(peaks[0]! + peaks[1]! < 1536, `${peaks.join(' + ')} MiB`);
  });

  it('and after all of it the server takes spans and answers', async () => {
    assert.ok(isAlive(server.child));
    const traceId = nextTraceId();
    assert.deepEqual(await send(traceId, [span(1, Date.now())]), accepted);
    assert.equal((await readTrace(traceId)).spanCount, 1);
    assert.deepEqual(
      server.log.filter(({ level }) => level >= 50).map(({ msg }) => msg),
      [],
    );
  });
});

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, get, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type SearchResponse, tableFromNative } from '@clew/model';
import { parseConfig, type RunningServer, startServer } from '@clew/server';
import { connectStore, type StoreClient } from '#src/store/client.js';
import { freePorts } from './free-ports.js';
import { fetchLines } from './store-fixture.js';

/** With CLEW_FAULT_TRACE_SPANS=1000000 and CLEW_FAULT_READER_BYTES_PER_S=1000000, a reader takes five minutes. */
const spans = Number(process.env.CLEW_FAULT_TRACE_SPANS ?? 12_000);
const readerBytesPerS = Number(process.env.CLEW_FAULT_READER_BYTES_PER_S ?? Number.POSITIVE_INFINITY);
/** More than the sockets in between keep. */
const traceBytes = 75_000_000;
const attributeBytes = Math.max(150, Math.round(traceBytes / spans));

const traceId = 'a1'.repeat(16);
const startMs = Date.now() - 60_000;

const tokenOf = (who: string) => `${who}-query-0123456789`;
const settings = {
  dataDir: mkdtempSync(join(tmpdir(), 'clew-abandoned-')),
  ...freePorts,
  healthPort: 0,
  logLevel: 'silent',
  // This is not about the deadline.
  queryTimeoutMs: 600_000,
  tenants: ['alpha', 'beta'].map((name) => ({
    name,
    ingestTokens: [`${name}-ingest-0123456789`],
    queryTokens: [tokenOf(name)],
  })),
};

let server: RunningServer;
let agent: Agent;
/** Of alpha's database, beside the server. */
let store: StoreClient;

before(async () => {
  server = await startServer(parseConfig({}, settings));
  agent = new Agent();
  store = connectStore({ socketPath: join(settings.dataDir, 'engine.sock'), database: 'tenant_alpha' });
  // Each value of the search below is in every granule, and no span has both: all of the wide column is read for nothing.
  const spansPerInsert = 50_000;
  for (let first = 0; first < spans; first += spansPerInsert) {
    await store.command({
      query: `INSERT INTO spans (trace_id, span_id, name, start, service, attr_string)
        SELECT unhex('${traceId}'), reinterpretAsFixedString(number + 1), 'step', fromUnixTimestamp64Nano(toInt64(${startMs}000000 + number * 1000)), 'shop',
          CAST(map('even', toString(number % 2), 'odd', toString((number + 1) % 2), 'text', repeat(hex(randomString(25)), ${Math.round(attributeBytes / 50)})), 'Map(LowCardinality(String), String)')
        FROM numbers(${first}, ${Math.min(spansPerInsert, spans - first)})`,
      clickhouse_settings: { max_block_size: '4096', max_execution_time: 110 },
    });
  }
});

afterEach(() => {
  agent.destroy();
  agent = new Agent();
});

after(async () => {
  agent.destroy();
  await store.close();
  await server.close();
  rmSync(settings.dataDir, { recursive: true });
});

/** Resolves with the head of the answer. */
function ask(who: string, path: string): Promise<IncomingMessage> {
  const headers = { authorization: `Bearer ${tokenOf(who)}` };
  return new Promise((resolve, reject) => {
    get(`${server.uiUrl}${path}`, { agent, headers }, resolve).on('error', reject);
  });
}

async function readAll(response: IncomingMessage): Promise<Buffer> {
  return Buffer.concat(await response.toArray());
}

async function readMetric(who: string, name: string): Promise<number> {
  const text = (await readAll(await ask(who, '/metrics'))).toString();
  return Number(new RegExp(`^${name.replace(/[{}]/g, '\\$&')} (\\S+)$`, 'm').exec(text)?.[1] ?? 0);
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 120_000;
  while (!(await condition())) {
    assert.ok(Date.now() < deadline, `still not true after 120 s: ${condition}`);
    await sleep(20);
  }
}

const slowSearch = '/clew/v1/search?attribute=even=1&attribute=odd=1';
const tracePath = `/clew/v1/traces/${traceId}`;
const stopped = 'clew_stopped_statements_total{reason="caller_left"}';

const hasQueries = async (who: string): Promise<boolean> =>
  (await readMetric(who, 'clew_running_statements')) + (await readMetric(who, 'clew_waiting_statements')) > 0;

async function expectAnswer(who: string): Promise<void> {
  const response = await ask(who, '/clew/v1/search?service=shop');
  assert.equal(response.statusCode, 200);
  assert.ok(Array.isArray((JSON.parse((await readAll(response)).toString()) as SearchResponse).traces));
}

const expectWhole = (trace: Buffer): void => assert.equal(tableFromNative(trace).spanCount, spans);

describe('a query whose caller leaves', () => {
  test('is stopped, with all of its statements; those of others go on', async () => {
    const before = await readMetric('alpha', stopped);
    const callers = new AbortController();
    const searches = Array.from({ length: 25 }, () =>
      fetch(server.uiUrl + slowSearch, {
        headers: { authorization: `Bearer ${tokenOf('alpha')}` },
        signal: callers.signal,
      }).catch(() => 'left'),
    );
    await until(async () => (await readMetric('alpha', 'clew_waiting_statements')) > 20);
    callers.abort();
    await expectAnswer('beta');
    await until(async () => !(await hasQueries('alpha')));
    await until(
      async () =>
        (
          await fetchLines(
            store,
            "SELECT count() FROM system.processes WHERE query LIKE '%GROUP BY trace_id%' AND query NOT LIKE '%processes%'",
          )
        )[0] === '0',
    );
    const outcomes = await Promise.all(searches);
    const left = outcomes.filter((outcome) => outcome === 'left').length;
    // One statement of each, and none after it.
    assert.equal((await readMetric('alpha', stopped)) - before, left);
    assert.ok(left > 20, `${left} searches were left`);
    await expectAnswer('alpha');
  });

  test('on a connection that is kept for more requests, stops none of those that were answered', async () => {
    const before = await readMetric('alpha', stopped);
    agent = new Agent({ keepAlive: true, maxSockets: 1 });
    for (let i = 0; i < 15; i += 1) await expectAnswer('alpha');
    assert.equal(Object.values(agent.freeSockets).flat().length, 1);
    agent.destroy();
    agent = new Agent();
    await expectAnswer('alpha');
    assert.equal(await readMetric('alpha', stopped), before);
  });
});

describe('one tenant with many queries', () => {
  test('has them answered one after another, and those of another tenant between them', async () => {
    let answered = 0;
    const searches = Array.from({ length: 25 }, async () => {
      const response = await ask('alpha', slowSearch);
      await readAll(response);
      answered += 1;
      return response.statusCode;
    });
    await until(async () => (await readMetric('alpha', 'clew_waiting_statements')) > 20);
    await expectAnswer('beta');
    assert.ok(answered < 15, `${answered} of 25 searches of the other tenant were answered before`);
    for (const status of await Promise.all(searches)) assert.equal(status, 200);
  });

  test('may leave downloads unread: they keep no database session, and nobody waits for them', async () => {
    const paused = await Promise.all(Array.from({ length: 4 }, () => ask('alpha', tracePath)));
    assert.deepEqual([...new Set(paused.map(({ statusCode }) => statusCode))], [200]);
    await expectAnswer('beta');
    await until(async () => !(await hasQueries('alpha')));
    assert.ok((await readMetric('alpha', 'clew_overflow_bytes')) > 3.5 * traceBytes);
    await expectAnswer('alpha');
    const [first, ...others] = paused;
    expectWhole(await readAll(first!));
    for (const other of others) other.destroy();
    await until(async () => (await readMetric('alpha', 'clew_overflow_bytes')) === 0);
  });
});

describe('a slow reader', () => {
  test('gets all of a large trace, however slowly, and keeps no database session', async (t) => {
    const slow = await ask('alpha', tracePath);
    const pieces: Buffer[] = [];
    let bytes = 0;
    const startedMs = performance.now();
    for await (const piece of slow) {
      // A reader with a rate may not take nothing for as long as a large trace takes on a machine that is busy.
      if (bytes === 0 && readerBytesPerS === Number.POSITIVE_INFINITY) {
        await until(async () => !(await hasQueries('alpha')));
      }
      pieces.push(piece);
      bytes += piece.length;
      const aheadMs = (bytes / readerBytesPerS) * 1000 - (performance.now() - startedMs);
      if (aheadMs > 50) await sleep(aheadMs);
    }
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
    t.diagnostic(`${spans} spans, ${bytes} bytes in ${seconds} s`);
    expectWhole(Buffer.concat(pieces));
  });
});

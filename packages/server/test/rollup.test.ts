import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLogger } from '#src/log.js';
import { listAttributeKeys, listAttributeValues } from '#src/query/attribute-catalog.js';
import { readCardinality } from '#src/query/cardinality.js';
import { readQuantileNs } from '#src/query/duration-buckets.js';
import { parseOperationMetricsQuery, readOperationMetrics } from '#src/query/operation-metrics.js';
import { readServiceGraph } from '#src/query/service-graph.js';
import { findPendingMinutes } from '#src/rollup/minutes.js';
import { Rollup } from '#src/rollup/rollup.js';
import { connectStore } from '#src/store/client.js';
import { insertMissingSpans } from '#src/store/insert-missing.js';
import { migrate, readMigrations } from '#src/store/migrations.js';
import { StoreError } from '#src/store/store-error.js';
import { type EngineFixture, fetchLines, insertSpans, startEngineFixture, type TestSpan } from './store-fixture.js';

const minuteMs = 60_000;
const nowMs = Date.parse('2026-11-25T12:00:00Z');
const window = { startMs: nowMs - 60 * minuteMs, endMs: nowMs + 60 * minuteMs };
const tables = ['spans', 'trace_minutes', 'span_minutes', 'rollups', 'operation_minutes', 'service_edges'];

let fixture: EngineFixture;
let rollup: Rollup;

before(async () => {
  fixture = await startEngineFixture();
  await migrate(fixture.client);
  rollup = new Rollup({ client: fixture.client, log: createLogger('silent') });
});

after(async () => {
  await rollup.stop();
  await fixture.stop();
});

beforeEach(async () => {
  for (const table of [...tables, 'attribute_keys', 'attribute_values', 'resources']) {
    await fixture.client.command({ query: `TRUNCATE TABLE ${table}` });
  }
});

const span = (fields: Partial<TestSpan>): TestSpan => ({
  trace: 1,
  span: 1,
  service: 'shop',
  name: 'GET /',
  kind: 2,
  startMs: nowMs,
  durationNs: 1_000_000,
  ...fields,
});

const insert = (...spans: Partial<TestSpan>[]) => insertSpans(fixture.client, spans.map(span));
const command = (query: string) => fixture.client.command({ query });
const read = (query: Record<string, string> = {}) =>
  readOperationMetrics(fixture.client, {
    ...parseOperationMetricsQuery(query, nowMs),
    ...window,
  });
const calls = async () => (await read()).operations.map(({ name, calls: count }) => `${name} ${count}`).sort();
const pending = async () => (await findPendingMinutes(fixture.client)).map(({ minute }) => minute);

describe('rate, errors and durations', () => {
  test('are counted by service, name and kind', async () => {
    await insert(
      { span: 1 },
      { span: 2, isError: true, durationNs: 3_000_000 },
      { span: 3, kind: 3 },
      { span: 4, name: 'PUT /' },
      { span: 5, service: 'stock' },
    );
    await rollup.run();
    const { operations } = await read();
    assert.deepEqual(
      operations.map((one) => [one.service, one.name, one.kind, one.calls, one.errors, one.meanNs]),
      [
        ['shop', 'GET /', 'server', 2, 1, 2_000_000],
        ['shop', 'GET /', 'client', 1, 0, 1_000_000],
        ['shop', 'PUT /', 'server', 1, 0, 1_000_000],
        ['stock', 'GET /', 'server', 1, 0, 1_000_000],
      ],
    );
    assert.equal((await read({ service: 'stock' })).operations.length, 1);
    assert.equal((await read({ operation: 'PUT /' })).operations.length, 1);
  });

  test('quantiles are within 4.5 % of those of all durations, over minutes', async () => {
    const durations = Array.from({ length: 1000 }, (_, i) => Math.round(1000 * 1.012 ** i));
    await insert(
      ...durations.map((durationNs, i) => ({ span: i + 1, durationNs, startMs: nowMs + (i % 3) * minuteMs })),
    );
    await rollup.run();
    const [one] = (await read()).operations;
    for (const [share, value] of [
      [0.5, one!.p50Ns],
      [0.95, one!.p95Ns],
      [0.99, one!.p99Ns],
    ] as const) {
      const exact = durations[Math.ceil(share * 1000) - 1]!;
      assert.ok(Math.abs(value / exact - 1) < 0.045, `${share}: ${value} instead of ${exact}`);
    }
  });

  test('durations below zero and of zero are in the bucket of the least', async () => {
    await insert({ span: 1, durationNs: -5_000_000 }, { span: 2, durationNs: 0 }, { span: 3, durationNs: 1 });
    await rollup.run();
    assert.deepEqual(await fetchLines(fixture.client, 'SELECT duration_buckets FROM operation_minutes'), ['{0:3}']);
    assert.equal((await read()).operations[0]!.p99Ns, 1);
    assert.equal(readQuantileNs([], 0.5), 0);
  });

  test('come in steps', async () => {
    await insert({ span: 1 }, { span: 2, startMs: nowMs + minuteMs }, { span: 3, startMs: nowMs + 2 * minuteMs });
    await rollup.run();
    const [one] = (await read({ step: '120' })).operations;
    assert.equal(one?.calls, 3);
    assert.deepEqual(
      one?.points?.map(({ start, calls: count }) => [start, count]),
      [
        [nowMs, 2],
        [nowMs + 2 * minuteMs, 1],
      ],
    );
  });

  test('are right for spans that come late, and for the same spans come twice', async () => {
    await insert({ span: 1 }, { span: 2, startMs: nowMs + minuteMs });
    await rollup.run();
    assert.deepEqual(await pending(), []);
    await insert({ span: 3 });
    assert.deepEqual(await pending(), [nowMs / 1000]);
    await rollup.run();
    await rollup.run();
    assert.deepEqual(await calls(), ['GET / 3']);
  });

  test('names beyond a thousand in a minute are counted together, also when others become frequent', async () => {
    const names = Array.from({ length: 1003 }, (_, i) => `name-${String(i).padStart(4, '0')}`);
    await insert(...names.map((name, i) => ({ span: i + 1, name })));
    await rollup.run();
    const callsOf = async (operation: string) => (await read({ operation })).operations.map((one) => one.calls);
    assert.deepEqual(await callsOf('(other)'), [3]);
    assert.deepEqual(await callsOf('name-0999'), [1]);
    await insert({ span: 2000, name: 'name-1002' });
    await rollup.run();
    assert.deepEqual(await callsOf('(other)'), [3]);
    assert.deepEqual(await callsOf('name-0999'), [], 'it was counted by itself before');
    assert.deepEqual(await callsOf('name-1002'), [2]);
  });

  test('an insert that still runs is counted when it has ended', async () => {
    const slow = command(`INSERT INTO spans (trace_id, span_id, service, name, kind, start)
      SELECT unhex('${'01'.repeat(16)}'), unhex('${'02'.repeat(8)}'), 'shop', 'slow', 2, now64() + sleepEachRow(2) * 0
      FROM numbers(1)`);
    await sleep(500);
    await insert({ span: 1, startMs: Date.now() });
    await rollup.run();
    await slow;
    await rollup.run();
    const counted = await fetchLines(fixture.client, 'SELECT DISTINCT name FROM operation_minutes ORDER BY name');
    assert.deepEqual(counted, ['GET /', 'slow']);
  });

  test('minutes that a crash kept from being noted are noted when the segment comes again', async () => {
    await insert({ span: 1 });
    const result = await fixture.client.exec({ query: 'SELECT * FROM spans FORMAT Native' });
    const block = Buffer.concat(await result.stream.toArray());
    await command('TRUNCATE TABLE span_minutes');
    assert.deepEqual(await pending(), []);
    assert.equal(await insertMissingSpans(fixture.client, [block], 'again'), 0);
    assert.deepEqual(await pending(), [nowMs / 1000]);
  });

  test('spans that were stored by an older program are rolled up after the migration', async () => {
    await insert({ span: 1 });
    await command('TRUNCATE TABLE span_minutes');
    for (const statement of readMigrations()[1]!.statements) await command(statement);
    await rollup.run();
    assert.deepEqual(await calls(), ['GET / 1']);
  });

  test('spans that tail sampling removed stay counted when others come late; an import of another minute is counted', async () => {
    await insert({ span: 1 }, { span: 2 });
    await rollup.run();
    await command('ALTER TABLE spans DELETE WHERE 1 SETTINGS mutations_sync = 1');
    await insert({ span: 3 }, { span: 4, startMs: nowMs - 5 * minuteMs });
    const sampledUntilMs = () => nowMs + minuteMs;
    await new Rollup({ client: fixture.client, log: createLogger('silent'), sampledUntilMs }).run();
    assert.deepEqual(await calls(), ['GET / 3'], 'two before, and that of the other minute');
  });

  test('wait while the tables are not there, and stop with the server', async () => {
    const warnings: unknown[] = [];
    const log = createLogger('silent');
    log.warn = ((...args: unknown[]) => warnings.push(args)) as typeof log.warn;
    const waiting = new Rollup({ client: fixture.client, log, isReady: () => false });
    await insert({ span: 1 });
    waiting.start();
    await waiting.stop();
    assert.deepEqual(await calls(), []);
    assert.deepEqual(warnings, []);
  });
});

describe('the service graph', () => {
  const edges = async () => {
    await rollup.run();
    const graph = await readServiceGraph(fixture.client, window);
    return graph.edges.map(
      (edge) => `${edge.client} -> ${edge.server} ${edge.connectionType} ${edge.calls} ${edge.errors}`,
    );
  };

  test('has the calls from service to service, with errors', async () => {
    await insert(
      { span: 1, service: 'gateway' },
      { span: 2, parent: 1, service: 'gateway', kind: 3 },
      { span: 3, parent: 2, service: 'shop', isError: true },
      { span: 4, parent: 3, service: 'shop', kind: 1 },
      { span: 5, parent: 4, service: 'shop', kind: 4 },
      { span: 6, parent: 5, service: 'mail', kind: 5 },
      // Of another trace: not a call.
      { trace: 2, span: 7, parent: 1, service: 'stock' },
    );
    assert.deepEqual(await edges(), ['gateway -> shop  1 1', 'shop -> mail messaging_system 1 0']);
  });

  test('has calls of a service to itself, and calls whose spans have no kind', async () => {
    await insert(
      { span: 1, kind: 3 },
      { span: 2, parent: 1 },
      { span: 3, parent: 2, kind: 0 },
      { span: 4, parent: 2, kind: 0, service: 'old' },
    );
    assert.deepEqual(await edges(), ['shop -> old  1 0', 'shop -> shop  1 0']);
  });

  test('has each call once, even when its caller came many times, and all calls of one caller', async () => {
    await insert({ span: 1, kind: 3 }, { span: 1, kind: 3 }, { span: 1, kind: 3 });
    await insert({ span: 2, parent: 1, service: 'stock' }, { span: 3, parent: 1, service: 'stock' });
    await insert({ span: 2, parent: 1, service: 'mail' });
    assert.deepEqual(await edges(), ['shop -> stock  2 0', 'shop -> mail  1 0']);
  });

  test('does not multiply spans that all have the same ids', async () => {
    await fixture.client.command({
      query: `INSERT INTO spans (trace_id, span_id, parent_span_id, service, kind, start)
        SELECT unhex('${'01'.repeat(16)}'), unhex('${'02'.repeat(8)}'), unhex('${'02'.repeat(8)}'), 'shop', 2, '2026-11-25 12:00:00'
        FROM numbers(30000)`,
    });
    await rollup.run();
    assert.deepEqual(await pending(), []);
    assert.equal((await read()).operations[0]?.calls, 30_000);
  });

  test('has databases by their system and name, or by what the client calls them', async () => {
    const client = { kind: 3 };
    await insert(
      { span: 1, ...client, strings: "map('db.system.name', 'postgresql', 'db.namespace', 'orders')" },
      { span: 2, ...client, strings: "map('db.system', 'redis')", isError: true },
      { span: 3, ...client, strings: "map('db.system', 'redis', 'peer.service', 'cache')" },
      { span: 4, kind: 2, strings: "map('db.system', 'redis')" },
    );
    assert.deepEqual(await edges(), [
      'shop -> cache database 1 0',
      'shop -> postgresql/orders database 1 0',
      'shop -> redis database 1 1',
    ]);
  });

  test('finds callers that came later and started in the minute before, or up to five minutes ago', async () => {
    await insert({ span: 2, parent: 1, service: 'stock' }, { trace: 2, span: 2, parent: 1, service: 'mail' });
    assert.deepEqual(await edges(), []);
    await insert({ span: 1, kind: 3, startMs: nowMs - minuteMs });
    assert.deepEqual(await edges(), ['shop -> stock  1 0']);
    await insert({ trace: 2, span: 1, kind: 3, startMs: nowMs - 5 * minuteMs }, { trace: 3, span: 1 });
    assert.deepEqual(await edges(), ['shop -> mail  1 0', 'shop -> stock  1 0']);
  });
});

describe('a minute that the store cannot roll up', () => {
  /** A store that refuses what names the minute. */
  const refusing = (minute: number) => {
    const client = connectStore(fixture.engine);
    const { command: run } = client;
    const refused: number[] = [];
    client.command = async (params) => {
      const { minutes = [], minute: one } = (params.query_params ?? {}) as { minutes?: number[]; minute?: number };
      if (params.query.includes('attribute_values') && one === minute) {
        refused.push(minute);
        throw new StoreError('CLEW_QUERY_TOO_EXPENSIVE', { reason: 'memory' });
      }
      assert.ok(minutes.length <= 10);
      return run.call(client, params);
    };
    return { client, refused };
  };

  test('does not keep others from it, is left out after three attempts, and comes again with more of its spans', async () => {
    const bad = nowMs / 1000;
    const { client, refused } = refusing(bad);
    const patient = new Rollup({ client, log: createLogger('silent') });
    await insert({ span: 1 }, { span: 2, startMs: nowMs - minuteMs }, { span: 3, startMs: nowMs + 5 * minuteMs });
    // A run ends after ten seconds, on a slow machine before it has come to all.
    while (patient.failedMinutes === 0) await patient.run();
    assert.deepEqual(await pending(), [bad]);
    for (let i = 0; i < 3; i++) await patient.run();
    assert.equal(refused.length, 4, 'once with others, three times by itself');
    assert.equal(patient.failedMinutes, 1);
    await insert({ span: 4 });
    await patient.run();
    assert.equal(refused.length, 5);
    await patient.stop();
    await client.close();
    await rollup.run();
    assert.deepEqual(await pending(), []);
  });
});

describe('attributes for completion', () => {
  const keysOf = (prefix = '', limit = 100) => listAttributeKeys(fixture.client, { ...window, prefix, limit });
  const valuesOf = (key: string, prefix = '', limit = 100) =>
    listAttributeValues(fixture.client, { ...window, key, prefix, limit });

  test('are those of spans and resources, with their types', async () => {
    await insert(
      { span: 1, strings: "map('user.id', 'ada')", ints: "map('rows', 5)", bools: "map('hit', true)" },
      { span: 2, doubles: "map('rows', 2.5)", others: "map('list', 'x')" },
    );
    await command("INSERT INTO resources (resource_hash, attr_string) SELECT 1, map('host.name', 'a')");
    await rollup.run();
    const { attributes, hasMore, isTruncated } = await keysOf();
    assert.deepEqual(
      attributes.map(({ scope, key, types }) => `${scope} ${key} ${types}`),
      ['span hit bool', 'resource host.name string', 'span list other', 'span rows double,int', 'span user.id string'],
    );
    assert.deepEqual([hasMore, isTruncated], [false, false]);
    assert.deepEqual((await valuesOf('rows')).values, [
      { value: '2.5', type: 'double' },
      { value: '5', type: 'int' },
    ]);
    assert.deepEqual((await valuesOf('host.name')).values, [{ value: 'a', type: 'string' }]);
    assert.deepEqual((await valuesOf('hit')).values, [{ value: 'true', type: 'bool' }]);
    assert.deepEqual((await keysOf('r')).attributes.length, 1);
    assert.deepEqual((await keysOf('', 2)).hasMore, true);
    assert.deepEqual((await valuesOf('rows', '5')).values.length, 1);
  });

  test('values are the most frequent ones, twenty a minute', async () => {
    await insert(
      ...Array.from({ length: 30 }, (_, i) => ({ span: i + 1, strings: `map('user.id', 'user-${i}')` })),
      ...Array.from({ length: 2 }, (_, i) => ({ span: i + 50, strings: "map('user.id', 'zoe')" })),
    );
    await rollup.run();
    const { values } = await valuesOf('user.id');
    assert.equal(values.length, 20);
    assert.equal(values.at(-1)?.value, 'zoe');
  });

  test('are noted of a minute with spans of 30 MB, whose own long values are not', async () => {
    const big = `INSERT INTO spans (trace_id, span_id, service, name, kind, start, attr_string, attr_int)
      SELECT unhex('${'02'.repeat(16)}'), unhex('${'03'.repeat(8)}'), 'shop', 'big', 3, fromUnixTimestamp64Milli(toInt64(${nowMs})),
        map('big', repeat(repeat('x', 30000), 1000), 'db.system', 'redis', 'size', 'huge'), map('bytes', 30000000)`;
    for (let i = 0; i < 40; i++) await command(big);
    await insert({ span: 1, strings: "map('user.id', 'ada')" }, { span: 2, startMs: nowMs - minuteMs });
    // One run takes ten seconds at most.
    for (let runs = 0; runs < 6 && (await pending()).length > 0; runs++) await rollup.run();
    assert.deepEqual(await pending(), []);
    assert.equal(rollup.failedMinutes, 0);
    const shown = async (key: string) => (await valuesOf(key)).values.map(({ value }) => value);
    assert.deepEqual(
      [await shown('user.id'), await shown('size'), await shown('bytes')],
      [['ada'], ['huge'], ['30000000']],
    );
    assert.deepEqual(await shown('big'), []);
    assert.deepEqual(
      (await keysOf('bi')).attributes.map(({ key }) => key),
      ['big'],
    );
  });

  test('what is left out of them today is said', async () => {
    const now = Date.now();
    await command(
      "INSERT INTO attribute_values SELECT today(), 'user.id', 'string', toString(number) FROM numbers(1000)",
    );
    await command("INSERT INTO attribute_keys SELECT today(), toString(number), 'string' FROM numbers(9999)");
    await insert(...Array.from({ length: 1001 }, (_, i) => ({ span: i + 1, name: `name-${i}`, startMs: now })));
    await rollup.run();
    const left = { foldedServices: ['shop'], truncatedKeys: ['user.id'], hasAllKeys: true };
    assert.deepEqual(await readCardinality(fixture.client), left);
    await command("INSERT INTO attribute_keys SELECT today(), 'one more', 'string'");
    assert.equal((await readCardinality(fixture.client)).hasAllKeys, false);
  });

  test('no more than a thousand values of a key and ten thousand keys are noted a day, and it is said', async () => {
    await command(`INSERT INTO attribute_values
      SELECT '2026-11-25', 'user.id', 'string', toString(number) FROM numbers(1000)`);
    await command("INSERT INTO attribute_keys SELECT '2026-11-25', toString(number), 'string' FROM numbers(10000)");
    await insert({ span: 1, strings: "map('user.id', 'ada', 'other', 'x')" });
    await rollup.run();
    assert.deepEqual(await valuesOf('user.id', 'ada'), {
      key: 'user.id',
      values: [],
      hasMore: false,
      isTruncated: true,
    });
    assert.equal((await valuesOf('other')).values.length, 1);
    const keys = await keysOf('o');
    assert.deepEqual([keys.attributes, keys.isTruncated], [[], true]);
  });
});

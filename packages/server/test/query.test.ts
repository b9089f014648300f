import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { tableFromNative } from '@clew/model';
import { bytesAt, hexAt, readNativeBlocks } from '@clew/wire';
import {
  buildAttributeKeysStatement,
  buildAttributeValuesStatement,
  buildFullestDayStatement,
} from '#src/query/attribute-catalog.js';
import {
  buildFoldedServicesStatement,
  buildFullKeysStatement,
  buildKeyCountStatement,
} from '#src/query/cardinality.js';
import { buildOperationsStatement, buildServicesStatement, listOperations, listServices } from '#src/query/catalog.js';
import { buildPlacesStatement } from '#src/query/conditions.js';
import { buildMatchStatement, buildRepeatsStatement } from '#src/query/newest-traces.js';
import { buildOperationMetricsStatement } from '#src/query/operation-metrics.js';
import type { RawParameters } from '#src/query/parameters.js';
import { buildSummaryStatement, searchTraces } from '#src/query/search.js';
import { parseSearch } from '#src/query/search-request.js';
import { buildServiceGraphStatement } from '#src/query/service-graph.js';
import type { Statement } from '#src/query/statement.js';
import { buildTablesStatement, buildTimesStatement } from '#src/query/store-stats.js';
import { buildResourcesStatement, buildTraceStatement, openTrace, spanColumns } from '#src/query/trace.js';
import { buildDecideStatement, buildMinutesStatement, buildOutcomesStatement } from '#src/retain/tail-decision.js';
import {
  buildDroppedDaysStatement,
  buildOldRunsStatement,
  buildRemoveMinutesStatement,
  buildRemoveSpansStatement,
  buildUnfinishedStatement,
} from '#src/retain/tail-removal.js';
import { buildKeysStatement, buildValuesStatement } from '#src/rollup/attributes.js';
import { buildEdgesStatement } from '#src/rollup/edges.js';
import { buildDoneStatement, buildGenerationStatement, buildPendingStatement } from '#src/rollup/minutes.js';
import * as rollup from '#src/rollup/operations.js';
import { migrate } from '#src/store/migrations.js';
import { snapshots } from './query-snapshots.js';
import { type EngineFixture, fetchLines, insertSpans, startEngineFixture, traceIdOf } from './store-fixture.js';

const nowMs = 1_700_000_000_000;

let fixture: EngineFixture;

before(async () => {
  fixture = await startEngineFixture();
  const { client } = fixture;
  await migrate(client);
  await client.command({
    query: `INSERT INTO resources (resource_hash, service, attributes, attr_string, attr_int, attr_double, attr_bool)
      SELECT 1, 'front', 'front-bytes', map('host', 'a', 'key', 'resource'), map('cores', 4), map(), map('spot', true)`,
  });
  await client.command({
    query: `INSERT INTO resources (resource_hash, service, attributes, attr_string, attr_int, attr_double, attr_bool)
      SELECT 18446744073709551615, 'back', 'back-bytes', map('host', 'b', 'key', 'resource'), map(), map(), map()`,
  });
  const back = { service: 'back', resourceHash: '18446744073709551615' };
  const front = { service: 'front', resourceHash: '1' };
  await insertSpans(client, [
    // Trace 1: the root comes after its child, as clocks differ.
    {
      trace: 1,
      span: 1,
      ...front,
      name: 'GET /',
      startMs: nowMs - 5000,
      durationNs: 100e6,
      strings: "map('key', 'span', 'text', '5')",
    },
    {
      trace: 1,
      span: 2,
      parent: 1,
      ...back,
      name: 'query',
      startMs: nowMs - 5001,
      durationNs: 2e6,
      isError: true,
      ints: "map('rows', 5, 'low', -9223372036854775808)",
    },
    {
      trace: 1,
      span: 3,
      parent: 1,
      ...back,
      name: 'query',
      startMs: nowMs - 4990,
      durationNs: 200e6,
      doubles: "map('rows', 5)",
    },
    // Trace 2: its root is missing.
    {
      trace: 2,
      span: 5,
      parent: 4,
      ...back,
      name: 'late',
      startMs: nowMs - 900,
      durationNs: 1,
      bools: "map('hit', true)",
    },
    {
      trace: 2,
      span: 6,
      parent: 5,
      ...front,
      name: 'later',
      startMs: nowMs - 800,
      durationNs: 1,
      others: "map('key', 'a list')",
    },
    // Trace 3: over an hour old, ends of the window included.
    { trace: 3, span: 7, ...front, name: 'GET /', startMs: nowMs - 3_600_001, durationNs: 1 },
  ]);
});

after(async () => {
  await fixture.stop();
});

/** The numbers of the traces that are found, and dots when there are more. */
async function find(raw: RawParameters): Promise<string> {
  const { traces, hasMore } = await searchTraces(fixture.client, parseSearch(raw, nowMs));
  return traces.map(({ traceId }) => Number.parseInt(traceId, 16)).join(' ') + (hasMore ? ' …' : '');
}

describe('services and operations', () => {
  test('are sorted, and an unknown service has none', async () => {
    assert.deepEqual(await listServices(fixture.client), { services: ['back', 'front'] });
    assert.deepEqual(await listOperations(fixture.client, 'back'), { operations: ['late', 'query'] });
    assert.deepEqual(await listOperations(fixture.client, "x' OR 1"), { operations: [] });
  });
});

describe('search', () => {
  test('summaries count the whole trace, not only the spans that matched', async () => {
    const response = await searchTraces(fixture.client, parseSearch({ operation: 'GET /' }, nowMs));
    assert.deepEqual(response, {
      hasMore: false,
      start: nowMs - 3_600_000,
      end: nowMs,
      traces: [
        {
          traceId: traceIdOf(1),
          firstService: 'front',
          firstName: 'GET /',
          rootCount: 1,
          startNs: `${nowMs - 5001}000000`,
          durationNs: 211e6,
          spanCount: 3,
          errorCount: 1,
          services: [
            { service: 'back', spanCount: 2 },
            { service: 'front', spanCount: 1 },
          ],
        },
      ],
    });
  });

  test('a trace whose root has not been received says so, and names its earliest span', async () => {
    const { traces } = await searchTraces(fixture.client, parseSearch({ operation: 'later' }, nowMs));
    assert.equal(traces[0]?.firstService, 'back');
    assert.equal(traces[0]?.firstName, 'late');
    assert.equal(traces[0]?.rootCount, 0);
  });

  test('the newest traces win, and it is said when there are more', async () => {
    assert.equal(await find({}), '2 1');
    assert.equal(await find({ limit: '1' }), '2 …');
    assert.equal(await find({ service: 'nobody' }), '');
  });

  test('a trace is as new as its newest span that matched', async () => {
    // The front's span of trace 1 is older than that of trace 2; those of the back that took 200 ms are not.
    assert.equal(await find({ service: 'back', minDuration: '2ms' }), '1');
    assert.equal(await find({ service: 'front' }), '2 1');
  });

  test('the window holds its ends and nothing beyond', async () => {
    const at = nowMs - 3_600_001;
    assert.equal(await find({ start: String(at), end: String(at) }), '3');
    assert.equal(await find({ start: String(at + 1), end: String(at + 1) }), '');
    assert.equal(await find({ start: String(at) }), '2 1 3');
  });

  test('durations include their ends', async () => {
    assert.equal(await find({ minDuration: '200ms' }), '1');
    assert.equal(await find({ minDuration: '200000001ns' }), '');
    assert.equal(await find({ maxDuration: '1ns' }), '2');
    assert.equal(await find({ minDuration: '2ms', maxDuration: '2ms' }), '1');
  });

  const attributes: readonly [condition: string | string[], found: string, why: string][] = [
    ['text=5', '1', 'a string'],
    ['rows=5', '1', 'an integer or a double'],
    ['rows=5.0', '1', 'a double, written otherwise'],
    ['rows=05', '1', 'a double, but no integer'],
    ['rows=6', '', 'no number that equals'],
    ['low=-9223372036854775808', '1', 'the smallest integer'],
    ['low=-9223372036854775809', '', 'no integer'],
    ['hit=true', '2', 'a boolean'],
    ['hit=false', '', 'another boolean'],
    ['key=span', '1', 'an attribute of a span whose resource has the key too'],
    ['key=resource', '2 1', 'an attribute of the resource of spans that do not have the key'],
    ['host=a', '2 1', 'an attribute of the resource'],
    ['cores=4', '2 1', 'an integer of the resource'],
    ['spot=true', '2 1', 'a boolean of the resource'],
    ['missing=', '', 'no attribute at all'],
    [['key=span', 'text=5'], '1', 'both on one span'],
    [['text=5', 'rows=5'], '', 'never both on one span'],
    ["text=5' OR 1=1 --", '', 'a value that looks like SQL'],
  ];
  for (const [attribute, found, why] of attributes) {
    test(`${attribute} finds ${found}: ${why}`, async () => {
      assert.equal(await find({ attribute }), found);
    });
  }

  test('key=resource does not see through the key of a span, of whatever type it is', async () => {
    assert.equal(await find({ attribute: 'key=resource', service: 'front' }), '');
  });

  test('an end of the year 2262 is one that the engine can compare with', async () => {
    assert.equal(await find({ start: '0', end: '9223372036854' }), '2 1 3');
  });
});

describe('a trace by its id', () => {
  before(async () => {
    // Many granules, in other minutes and in the same.
    await fixture.client.command({
      query: `INSERT INTO spans (trace_id, span_id, service, name, start)
        SELECT reverse(reinterpretAsFixedString(toUInt128(number + 1000))), reinterpretAsFixedString(number), 'bulk', 'bulk',
          fromUnixTimestamp64Milli(toInt64(${nowMs - 7_200_000} + number * 36), 'UTC')
        FROM numbers(200000)`,
    });
  });

  async function fetchTrace(id: string): Promise<Buffer> {
    return Buffer.concat(await (await openTrace(fixture.client, id)).toArray());
  }

  test('is answered in Native: all spans in the order of their start, then their resources, each once', async () => {
    const native = new Uint8Array(await fetchTrace(traceIdOf(1).toUpperCase()));
    const [spans, ...resources] = readNativeBlocks(native);
    assert.equal(spans?.rowCount, 3);
    assert.deepEqual([...spans!.columns.keys()], spanColumns);
    const ids = [0, 1, 2].map((row) => hexAt(spans!.columns.get('span_id')!, row));
    assert.deepEqual(ids, ['0000000000000002', '0000000000000001', '0000000000000003']);
    const texts = resources.flatMap(({ columns, rowCount }) =>
      Array.from({ length: rowCount }, (_, row) => Buffer.from(bytesAt(columns.get('attributes')!, row)).toString()),
    );
    assert.deepEqual(texts.sort(), ['back-bytes', 'front-bytes']);
  });

  test('that nobody sent is not found; what is no id is refused', async () => {
    await assert.rejects(fetchTrace(traceIdOf(99)), { code: 'CLEW_TRACE_NOT_FOUND', status: 404 });
    for (const id of ['0'.repeat(32), '1'.repeat(33), `${'1'.repeat(31)}g`]) {
      await assert.rejects(fetchTrace(id), { code: 'CLEW_PARAMETER_INVALID', status: 400 });
    }
  });

  test('is looked up by the sorting key, in the granules of its minutes alone', async () => {
    for (const statement of [buildTraceStatement(traceIdOf(1)), buildSummaryStatement([traceIdOf(1)])]) {
      const plan = await explain(statement);
      assert.match(plan, /PrimaryKey[\s\S]+Keys:[\s│]+toStartOfMinute\(start\)[\s│]+trace_id/);
      assert.match(plan, /Granules: [12]\/\d\d/);
    }
  });

  test('is found whole when its spans are days apart, and when some of them come late', async () => {
    const { client } = fixture;
    const span = { trace: 77, service: 'far', name: 'far', durationNs: 1 };
    await insertSpans(client, [{ ...span, span: 1, startMs: 1000 }]);
    await insertSpans(client, [{ ...span, span: 2, startMs: 5e12 }]);
    await insertSpans(client, [{ ...span, span: 3, startMs: nowMs - 90_000_000 }]);
    const [summary] = (await searchTraces(client, parseSearch({ service: 'far', start: '0' }, nowMs))).traces;
    assert.equal(summary?.spanCount, 3);
    assert.equal(summary?.startNs, '1000000000');
    const { spanStartNs } = tableFromNative(await fetchTrace(traceIdOf(77)));
    assert.deepEqual([...spanStartNs], [0, (nowMs - 90_001_000) * 1e6, 4_999_999_999_000e6]);
  });

  test('is summed up the same in any window that it is found in: over midnight, and before its root has come', async () => {
    const { client } = fixture;
    const midnight = Date.parse('2026-11-25T00:00:00Z');
    const child = { trace: 78, service: 'night', name: 'child', durationNs: 60e9, parent: 1 };
    await insertSpans(client, [
      { ...child, span: 2, startMs: midnight - 60_000, isError: true },
      { ...child, span: 3, startMs: midnight + 600_000 },
    ]);
    const summaryIn = async (start: number, end: number) => {
      const window = { service: 'night', start: String(start), end: String(end) };
      const { traces } = await searchTraces(client, parseSearch(window, nowMs));
      return traces.map(({ firstName, startNs, durationNs, spanCount, errorCount, services }) => [
        ...[firstName, startNs, durationNs, spanCount, errorCount],
        services.map(({ service, spanCount: spans }) => `${service} ${spans}`).join(),
      ]);
    };
    const before = [['child', `${midnight - 60_000}000000`, 720e9, 2, 1, 'night 2']];
    assert.deepEqual(await summaryIn(midnight - 3_600_000, midnight - 1), before);
    await insertSpans(client, [
      { trace: 78, span: 1, service: 'cron', name: 'nightly', durationNs: 1200e9, startMs: midnight - 120_000 },
    ]);
    const whole = [['nightly', `${midnight - 120_000}000000`, 1200e9, 3, 1, 'night 2,cron 1']];
    assert.deepEqual(await summaryIn(midnight - 3_600_000, midnight - 1), whole);
    assert.deepEqual(await summaryIn(midnight, midnight + 3_600_000), whole);
  });
});

/** What the engine is going to read, with its indexes. */
async function explain({ sql, params, settings }: Statement): Promise<string> {
  const plan = await fixture.client.query({
    query: `EXPLAIN indexes = 1 ${sql}`,
    query_params: { ...params },
    clickhouse_settings: { ...settings },
    format: 'TabSeparated',
  });
  return plan.text();
}

describe('slices of the window', () => {
  test('a trace with spans in several of them is found once, where its newest span is', async () => {
    const { client } = fixture;
    const at = nowMs - 100_000_000;
    const span = { service: 'sliced', name: 'sliced', durationNs: 1 };
    await insertSpans(client, [
      { ...span, trace: 81, span: 1, startMs: at - 1 },
      { ...span, trace: 81, span: 2, startMs: at - 15_000 },
      { ...span, trace: 82, span: 3, startMs: at - 14_000 },
      { ...span, trace: 83, span: 4, startMs: at - 80_000 },
      { ...span, trace: 81, span: 5, startMs: at - 90_000 },
    ]);
    const query = { service: 'sliced', start: String(at - 3_600_000), end: String(at) };
    assert.equal(await find(query), '81 82 83');
    assert.equal(await find({ ...query, limit: '3' }), '81 82 83');
    assert.equal(await find({ ...query, limit: '2' }), '81 82 …');
    assert.equal(await find({ ...query, limit: '1' }), '81 …');
  });
});

test('the times of the oldest and the newest span are read from the parts, not from a column', async () => {
  const plan = await fetchLines(fixture.client, `EXPLAIN ${buildTimesStatement().sql}`);
  assert.match(plan.join('\n'), /_minmax_count_projection/);
});

describe('every statement', () => {
  const search = parseSearch(
    { service: 's', operation: 'o', attribute: ['a=1', 'b=true'], minDuration: '1us', maxDuration: '1s' },
    nowMs,
  );
  const fields = parseSearch({ kind: 'server', status: 'error', attribute: 'error=true' }, nowMs);
  const nowhere = { onResources: false, inArrays: false };
  const places = [false, true].map((onResources) => ({ onResources, inArrays: true }));
  const cursor = { newestNs: 7n, traceId: traceIdOf(2), window: { startMs: 0, endMs: 1 } };
  const keepRule = {
    error: true,
    minDuration: '1s',
    rarerThan: 5,
    service: 'pay*',
    attributes: { a: 'b' },
    share: 0.5,
  } as const;
  const droppedDay = { day: '2026-11-25', first: 60, last: 120 };
  const all: Record<string, Statement> = {
    services: buildServicesStatement(),
    operations: buildOperationsStatement('shop'),
    operationMetrics: buildOperationMetricsStatement({
      service: 's',
      operation: 'o',
      startMs: 1,
      endMs: 2,
      stepS: 60,
    }),
    serviceGraph: buildServiceGraphStatement({ startMs: 1, endMs: 2 }),
    attributeKeys: buildAttributeKeysStatement({ startMs: 1, endMs: 2, prefix: 'a', limit: 3 }),
    attributeValues: buildAttributeValuesStatement({ key: 'k', startMs: 1, endMs: 2, prefix: 'a', limit: 3 }),
    mostKeys: buildFullestDayStatement({ startMs: 1, endMs: 2 }),
    mostValues: buildFullestDayStatement({ key: 'k', startMs: 1, endMs: 2 }),
    foldedServices: buildFoldedServicesStatement(),
    fullKeys: buildFullKeysStatement(),
    keyCount: buildKeyCountStatement(),
    rollupGeneration: buildGenerationStatement(),
    rollupPending: buildPendingStatement(),
    rollupDone: buildDoneStatement([60, 120], 3),
    rollupOperations: rollup.buildOperationsStatement([60, 120], 3),
    rollupEdges: buildEdgesStatement([60, 120], 3),
    rollupKeys: buildKeysStatement(60),
    rollupValues: buildValuesStatement(60),
    tailDecide: buildDecideStatement('run', [keepRule, { error: true }], 60),
    tailMinutes: buildMinutesStatement(60, 120),
    tailOutcomes: buildOutcomesStatement('run'),
    tailDays: buildDroppedDaysStatement('run'),
    tailRemoveSpans: buildRemoveSpansStatement('run', droppedDay),
    tailRemoveMinutes: buildRemoveMinutesStatement('run', droppedDay),
    tailUnfinished: buildUnfinishedStatement('run'),
    tailOldRuns: buildOldRunsStatement('run', 30),
    places: buildPlacesStatement(search.attributes, { startNs: 5n, endNs: 9n }),
    match: buildMatchStatement(search, places, { startNs: 5n, endNs: 9n }, [traceIdOf(3)], 20),
    matchFields: buildMatchStatement(fields, [nowhere], { startNs: 5n, endNs: 9n }, [], 20, cursor),
    repeats: buildRepeatsStatement(parseSearch({ service: 's' }, nowMs), [], cursor, [traceIdOf(3)]),
    summary: buildSummaryStatement([traceIdOf(1), traceIdOf(2)]),
    resources: buildResourcesStatement(traceIdOf(1)),
    trace: buildTraceStatement(traceIdOf(1)),
    tables: buildTablesStatement(),
    times: buildTimesStatement(),
  };
  test('looks past the granules that have no span with the value, the service or the name', async () => {
    const indexes = [
      'service_index',
      'name_index',
      'duration_index',
      'attr_string_index',
      'attr_int_index',
      'attr_double_index',
    ];
    const plan = await explain(buildMatchStatement(search, [nowhere, nowhere], { startNs: 5n, endNs: 9n }, [], 20));
    for (const index of indexes) assert.match(plan, new RegExp(`Name: ${index}`));
  });

  for (const [name, statement] of Object.entries(all)) {
    test(`is as it was reviewed, and the engine takes it: ${name}`, async () => {
      assert.equal(statement.sql, snapshots[name]);
      await fixture.client.command({
        query: statement.sql,
        query_params: { ...statement.params },
        clickhouse_settings: { ...statement.settings },
      });
    });
  }

  test('binds its values and never contains them', () => {
    assert.deepEqual(all.match!.params, {
      start: '5',
      end: '9',
      known: [traceIdOf(3)],
      service: 's',
      operation: 'o',
      minDuration: 1000,
      maxDuration: 1e9,
      key0: 'a',
      string0: '1',
      int0: '1',
      double0: '1',
      elements0: ['030a0131', '021801', '09' + '21000000000000f03f'],
      key1: 'b',
      string1: 'true',
      bool1: 'true',
      elements1: ['060a0474727565', '021001'],
      wholes1: ['3a03b6bb9e'],
      limit: 20,
    });
  });
});

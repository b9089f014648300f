import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { parseConfig } from '#src/config.js';
import { describeKeepRule, type KeepRule, keepRuleSchema } from '#src/keep-rules.js';
import { createLogger } from '#src/log.js';
import { dropDecisions } from '#src/retain/tail-removal.js';
import { TailSampling, type TailSamplingOptions } from '#src/retain/tail-sampling.js';
import { Rollup } from '#src/rollup/rollup.js';
import type { StoreClient } from '#src/store/client.js';
import { migrate, readMigrations } from '#src/store/migrations.js';
import { type EngineFixture, fetchLines, insertSpans, startEngineFixture, type TestSpan } from './store-fixture.js';

const minuteMs = 60_000;
const startMs = Date.parse('2026-11-25T12:00:00Z');
const afterMs = 20 * minuteMs;

let fixture: EngineFixture;
let path: string;
let outcomes: Record<string, number>;

before(async () => {
  fixture = await startEngineFixture();
  await migrate(fixture.client);
  path = join(fixture.dataDir, 'tail-sampling.json');
});

after(async () => {
  await fixture.stop();
});

beforeEach(async () => {
  await rm(path, { force: true });
  outcomes = {};
  const tables = ['spans', 'trace_minutes', 'span_minutes', 'rollups', 'operation_minutes', 'tail_decisions'];
  for (const table of tables) await fixture.client.command({ query: `TRUNCATE TABLE ${table}` });
});

const span = (fields: Partial<TestSpan>): TestSpan => ({
  trace: 1,
  span: 1,
  service: 'shop',
  name: 'GET /',
  kind: 2,
  startMs,
  durationNs: 1_000_000,
  ...fields,
});

const insert = (...spans: Partial<TestSpan>[]) => insertSpans(fixture.client, spans.map(span));
const traces = async () =>
  (
    await fetchLines(
      fixture.client,
      'SELECT DISTINCT reinterpretAsUInt64(reverse(trace_id)) AS t FROM spans ORDER BY t',
    )
  ).join(' ');

/** As a server that was switched on a minute before the first span, and looks again at a time. */
async function open(keep: readonly KeepRule[], nowMs: number, options: Partial<TailSamplingOptions> = {}) {
  const common = {
    client: fixture.client,
    path,
    afterMs,
    keep,
    oldestWaitingMs: () => undefined,
    isReady: () => true,
    onDecided: (outcome: string, count: number) => {
      outcomes[outcome] = (outcomes[outcome] ?? 0) + count;
    },
    log: createLogger('silent'),
  };
  await TailSampling.open({ ...common, now: () => startMs - minuteMs });
  return TailSampling.open({ ...common, now: () => nowMs, ...options });
}

const runAt = async (keep: readonly KeepRule[], nowMs: number, options: Partial<TailSamplingOptions> = {}) => {
  const sampling = await open(keep, nowMs, options);
  await sampling.run();
  await sampling.stop();
  return sampling.describe();
};

const hourLater = startMs + 60 * minuteMs;

describe('tail sampling', () => {
  test('keeps the traces that a rule keeps, whole, and frees the bytes of the others', async () => {
    await insert(
      { trace: 1, span: 1 },
      { trace: 2, span: 1 },
      { trace: 2, span: 2, parent: 1, isError: true },
      { trace: 3, span: 1, durationNs: 2_000_000_000 },
      // Long from its first start to its last end.
      { trace: 4, span: 1 },
      { trace: 4, span: 2, parent: 1, startMs: startMs + 1_500 },
    );
    await runAt([{ error: true }, { minDuration: '1.5s' }], hourLater);
    assert.equal(await traces(), '2 3 4');
    assert.deepEqual(await fetchLines(fixture.client, 'SELECT count() FROM spans'), ['5']);
    assert.deepEqual(await fetchLines(fixture.client, 'SELECT count() FROM trace_minutes FINAL'), ['3']);
    const rows = await fetchLines(
      fixture.client,
      "SELECT sum(rows) FROM system.parts WHERE active AND table = 'spans' AND database = currentDatabase()",
    );
    assert.deepEqual(rows, ['5'], 'rows on disk');
    assert.deepEqual(outcomes, { removed: 1, error: 1, 'minDuration=1.5s': 2 });
  });

  test('a trace is decided when its last span is old enough, with all of its minutes and days', async () => {
    const midnight = Date.parse('2026-11-26T00:00:00Z');
    await insert(
      { trace: 1, startMs: midnight - 30 * minuteMs },
      { trace: 1, span: 2, parent: 1, startMs: midnight + 10 * minuteMs },
      { trace: 2, startMs: midnight - 30 * minuteMs },
      { trace: 2, span: 2, parent: 1, startMs: midnight + 10 * minuteMs, isError: true },
      { trace: 3, startMs: midnight - 30 * minuteMs },
    );
    await runAt([{ error: true }], midnight);
    assert.equal(await traces(), '1 2');
    await runAt([{ error: true }], midnight + 40 * minuteMs);
    assert.equal(await traces(), '2');
    assert.deepEqual(await fetchLines(fixture.client, 'SELECT count() FROM spans'), ['2']);
  });

  test('what is younger stays, to the minute', async () => {
    await insert({ trace: 1 }, { trace: 2, startMs: startMs + 5 * minuteMs });
    await runAt([{ error: true }], startMs + 3 * minuteMs + 59_999 + afterMs);
    assert.equal(await traces(), '1 2', 'less than a step');
    await runAt([{ error: true }], startMs + 5 * minuteMs + 59_999 + afterMs);
    assert.equal(await traces(), '2');
  });

  test('spans that wait in the spool hold it up', async () => {
    await insert({ trace: 1 });
    await runAt([{ error: true }], hourLater, { oldestWaitingMs: () => startMs + afterMs });
    assert.equal(await traces(), '1');
    await runAt([{ error: true }], hourLater);
    assert.equal(await traces(), '');
  });

  test('what was stored before it was switched on stays, and what comes too late', async () => {
    await insert({ trace: 1, startMs: startMs - 60 * minuteMs }, { trace: 2 });
    await runAt([{ error: true }], hourLater);
    assert.equal(await traces(), '1');
    await insert({ trace: 3 });
    await runAt([{ error: true }], hourLater + 60 * minuteMs);
    assert.equal(await traces(), '1 3');
    await TailSampling.forget(path);
    await assert.rejects(readFile(path), { code: 'ENOENT' });
  });

  test('a removal that was cut off is finished as it was decided', async () => {
    await insert({ trace: 1 }, { trace: 2, isError: true });
    await fixture.client.command({
      query: `INSERT INTO tail_decisions SELECT 'mine', 0, trace_id FROM spans WHERE status_code = 2`,
    });
    const untilMs = startMs + minuteMs;
    await writeFile(
      path,
      JSON.stringify({ run: 'mine', decidedUntilMs: startMs - minuteMs, removingUntilMs: untilMs }),
    );
    const { decidedUntilMs } = await runAt([{ error: true }], startMs + afterMs);
    assert.equal(await traces(), '1');
    assert.equal(decidedUntilMs, untilMs);
  });

  test('a removal that an earlier version has begun is finished as it was decided', async () => {
    const earlier = await startEngineFixture();
    try {
      const { client } = earlier;
      await migrate(
        client,
        readMigrations().filter(({ version }) => version < 5),
      );
      await insertSpans(client, [span({ trace: 1 }), span({ trace: 2, isError: true })]);
      await client.command({
        query: 'INSERT INTO trace_decisions SELECT 0, trace_id FROM spans WHERE status_code = 2',
      });
      await migrate(client);
      const state = { decidedUntilMs: startMs - minuteMs, removingUntilMs: startMs + minuteMs };
      await writeFile(path, JSON.stringify(state));
      await runAt([{ error: true }], startMs + afterMs, { client });
      assert.deepEqual(await fetchLines(client, 'SELECT DISTINCT reinterpretAsUInt64(reverse(trace_id)) FROM spans'), [
        '1',
      ]);
      const { run } = JSON.parse(await readFile(path, 'utf8')) as { run: string };
      assert.match(run, /^[0-9a-f-]{36}$/, 'what it decides next is its own');
    } finally {
      await earlier.stop();
    }
  });

  test('drops what it has decided before, and leaves what another server has', async () => {
    await fixture.client.command({ query: "INSERT INTO tail_decisions VALUES ('other', 0, 'a'), ('mine', 0, 'b')" });
    const state = { run: 'mine', decidedUntilMs: startMs - minuteMs, removingUntilMs: null };
    await writeFile(path, JSON.stringify(state));
    await runAt([{ error: true }], hourLater);
    assert.deepEqual(await fetchLines(fixture.client, 'SELECT run FROM tail_decisions'), ['other']);
    await dropDecisions(fixture.client, 'mine', 0);
    assert.deepEqual(await fetchLines(fixture.client, 'SELECT run FROM tail_decisions'), [], 'idle for too long');
  });

  test('waits while the tables are not there', async () => {
    await insert({ trace: 1 });
    await runAt([{ error: true }], hourLater, { isReady: () => false });
    assert.equal(await traces(), '1');
  });

  test('many minutes are decided in steps of an hour', async () => {
    const minutes = Array.from({ length: 150 }, (_, i) => i);
    await insert(...minutes.map((i) => ({ trace: i + 1, startMs: startMs + i * minuteMs, isError: i % 50 === 0 })));
    const { decidedUntilMs } = await runAt([{ error: true }], startMs + 150 * minuteMs + afterMs);
    assert.equal(await traces(), '1 51 101');
    assert.equal(decidedUntilMs, startMs + 150 * minuteMs);
  });
});

/** The same numbers below a limit for the same seed. */
function randomOf(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

/** Clients whose statements run one at a time, in an order that the seed decides. */
function takeTurns(client: StoreClient, random: (limit: number) => number, count: number) {
  const waiting: (() => void)[] = [];
  let running = count;
  const next = () => {
    if (waiting.length === running && running > 0) waiting.splice(random(waiting.length), 1)[0]!();
  };
  return {
    /** @param failing the statement that does not reach the engine, counted from 0 */
    connect: (failing?: number): StoreClient => {
      let statements = 0;
      const takeTurn = async () => {
        await new Promise<void>((resolve) => {
          waiting.push(resolve);
          next();
        });
        if (statements++ === failing) throw new Error('connect ECONNREFUSED');
      };
      return {
        exec: (params: Parameters<StoreClient['exec']>[0]) => takeTurn().then(() => client.exec(params)),
        command: (params: Parameters<StoreClient['command']>[0]) => takeTurn().then(() => client.command(params)),
      } as StoreClient;
    },
    leave: () => {
      running--;
      next();
    },
  };
}

describe('two servers on one database', () => {
  for (const seed of [1, 2, 3, 4]) {
    // One server of every second schedule loses the engine for a moment, and is started again.
    const isCutOff = seed % 2 === 0;
    test(`remove what each has decided, whichever statement comes first (seed ${seed})`, async () => {
      const random = randomOf(seed);
      const laterMs = startMs + 10 * minuteMs;
      const minutes = Array.from({ length: 20 }, (_, i) => i);
      const isKept = (i: number) => i % 5 === 0;
      await insert(
        ...minutes.map((i) => ({
          trace: i + 1,
          startMs: startMs + i * minuteMs,
          isError: isKept(i) && i < 10,
          service: isKept(i) ? 'pay' : 'shop',
        })),
      );
      const turns = takeTurns(fixture.client, random, 2);
      const counts: Record<string, number>[] = [{}, {}];
      // The second was switched on ten minutes after the first, and has another rule.
      const runServer = async (i: 0 | 1, keep: readonly KeepRule[], fromMs: number, failing?: number) => {
        const options = {
          path: `${path}.${i}`,
          afterMs,
          keep,
          oldestWaitingMs: () => undefined,
          isReady: () => true,
          onDecided: (outcome: string, count: number) => {
            counts[i]![outcome] = (counts[i]![outcome] ?? 0) + count;
          },
          log: createLogger('silent'),
        };
        await rm(options.path, { force: true });
        await TailSampling.open({ ...options, client: fixture.client, now: () => fromMs });
        for (const client of [...(failing === undefined ? [] : [turns.connect(failing)]), turns.connect()]) {
          const sampling = await TailSampling.open({ ...options, client, now: () => fromMs + 10 * minuteMs + afterMs });
          await sampling.run();
          await sampling.stop();
        }
        turns.leave();
      };
      await Promise.all([
        runServer(0, [{ error: true }], startMs, isCutOff ? 12 + random(10) : undefined),
        runServer(1, [{ name: 'POST*' }, { service: 'pay' }], laterMs),
      ]);
      assert.equal(
        await traces(),
        minutes
          .filter(isKept)
          .map((i) => i + 1)
          .join(' '),
      );
      assert.deepEqual(counts[1], { removed: 8, 'service=pay': 2 });
      if (!isCutOff) assert.deepEqual(counts[0], { removed: 8, error: 2 });
    });
  }
});

describe('a rule', () => {
  /** Which of these traces it keeps. */
  const keeps = async (rule: KeepRule) => {
    await runAt([rule], hourLater);
    return traces();
  };

  test('holds when one span has its service, name and attributes, with * for any characters', async () => {
    const fill = () =>
      insert(
        { trace: 1, service: 'pay', name: 'charge', strings: "map('card', 'visa_1')" },
        { trace: 2, service: 'pay', name: 'refund' },
        { trace: 2, span: 2, service: 'shop', name: 'charge' },
        { trace: 3, service: 'pay-2', name: 'charge 50%', ints: "map('rows', 42)" },
        { trace: 4, service: 'mail', name: 'send', bools: "map('hit', true)", doubles: "map('rate', 0.5)" },
      );
    for (const [rule, kept] of [
      [{ service: 'pay', name: 'charge' }, '1'],
      [{ name: 'charge' }, '1 2'],
      [{ service: 'pay*' }, '1 2 3'],
      [{ name: 'charge*%' }, '3'],
      [{ name: 'charge_50%' }, ''],
      [{ attributes: { card: 'visa_*' } }, '1'],
      [{ attributes: { card: 'visa__' } }, ''],
      [{ attributes: { rows: '42' } }, '3'],
      [{ attributes: { hit: 'true', rate: '0.5' } }, '4'],
      [{ attributes: { card: 'visa_1', rows: '42' } }, ''],
      [{ service: "p'; DROP TABLE spans; --" }, ''],
    ] as const) {
      await fixture.client.command({ query: 'TRUNCATE TABLE spans' });
      await rm(path, { force: true });
      await fill();
      assert.equal(await keeps(rule), kept, describeKeepRule(rule));
    }
  });

  test('of rare traces counts the calls of the root operation on the day before', async () => {
    const dayMs = 1440 * minuteMs;
    await insert(
      ...[1, 2, 3].map((trace) => ({ trace, name: 'often' })),
      { trace: 4, name: 'seldom' },
      { trace: 5, name: 'once a day' },
      { trace: 6, span: 1, name: 'once a day', startMs: startMs - dayMs },
      { trace: 7, span: 1, name: 'seldom', startMs: startMs - dayMs + minuteMs },
    );
    await new Rollup({ client: fixture.client, log: createLogger('silent') }).run();
    assert.equal(await keeps({ rarerThan: 2 }), '5 6 7');
  });

  test('of a share keeps about as many, by the trace alone', async () => {
    await insert(...Array.from({ length: 2000 }, (_, i) => ({ trace: i + 1, service: i % 2 === 0 ? 'shop' : 'pay' })));
    const kept = (await keeps({ share: 0.25 })).split(' ');
    assert.ok(kept.length > 400 && kept.length < 600, `${kept.length} of 2000`);
    await rm(path);
    const half = (await keeps({ share: 0.125, service: 'shop' })).split(' ');
    assert.ok(half.length > 60 && half.length < 200, `${half.length} of ${kept.length}`);
    assert.ok(half.every((trace) => kept.includes(trace)));
  });

  test('is refused when it says nothing, or what it cannot mean', () => {
    for (const rule of [
      {},
      { error: false },
      { share: 0 },
      { share: 1.1 },
      { rarerThan: 0 },
      { minDuration: 'long' },
      { minDuration: 5 },
      { service: '' },
      { erorr: true },
    ]) {
      assert.equal(keepRuleSchema.safeParse(rule).success, false, JSON.stringify(rule));
    }
    const rule = { error: true, minDuration: '1s', attributes: { a: 1 }, share: 1 };
    assert.equal(describeKeepRule(keepRuleSchema.parse(rule)), 'error minDuration=1s share=1 attributes.a=1');
  });

  test('is set with the age, and both are needed', () => {
    const env = { CLEW_TAIL_SAMPLING_AFTER: '1h', CLEW_TAIL_SAMPLING_KEEP: '[{"error":true},{"share":0.1}]' };
    const { tailSamplingAfter, tailSamplingKeep } = parseConfig(env);
    assert.deepEqual([tailSamplingAfter, tailSamplingKeep], [60 * minuteMs, [{ error: true }, { share: 0.1 }]]);
    for (const bad of [
      { ...env, CLEW_TAIL_SAMPLING_KEEP: '' },
      { ...env, CLEW_TAIL_SAMPLING_AFTER: '' },
      { ...env, CLEW_TAIL_SAMPLING_AFTER: '4m' },
      { ...env, CLEW_TAIL_SAMPLING_KEEP: '[]' },
    ]) {
      assert.throws(() => parseConfig(bad), /CLEW_TAIL_SAMPLING_(AFTER|KEEP)/, JSON.stringify(bad));
    }
  });
});

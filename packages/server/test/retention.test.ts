import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { after, before, beforeEach, describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { listOperations } from '#src/query/catalog.js';
import { takeInventory } from '#src/retain/inventory.js';
import { deleteOrphanedResources } from '#src/retain/orphaned-resources.js';
import { trimDay } from '#src/retain/remove.js';
import { SpaceReserve } from '#src/retain/space-reserve.js';
import type { StoreClient } from '#src/store/client.js';
import { insertBlocks } from '#src/store/insert.js';
import { migrate, readMigrations } from '#src/store/migrations.js';
import { openDataControl } from './data-fixture.js';
import { type EngineFixture, fetchLines, insertSpans, startEngineFixture } from './store-fixture.js';

let fixture: EngineFixture;
const dayMs = 86_400_000;
const dayS = 86_400;
const nowMs = Date.parse('2026-11-25T12:34:56Z');

before(async () => {
  fixture = await startEngineFixture();
  await migrate(fixture.client);
});

after(async () => {
  await fixture.stop();
});

beforeEach(async () => {
  for (const table of ['spans', 'trace_minutes', 'operations', 'resources']) {
    await fixture.client.command({ query: `TRUNCATE TABLE ${table}` });
  }
});

const open = (options: Partial<Parameters<typeof openDataControl>[0]> = {}) =>
  openDataControl({ client: fixture.client, dataDir: fixture.dataDir, now: () => nowMs, ...options });

/** A span a time, each a trace of its own with the number of its place. */
async function insertAt(...times: readonly string[]): Promise<void> {
  const span = { span: 1, service: 'shop', durationNs: 5 };
  const spans = times.map((time, i) => ({ ...span, trace: i + 1, name: time, startMs: Date.parse(time) }));
  await insertSpans(fixture.client, spans);
}

const names = () => fetchLines(fixture.client, 'SELECT name FROM spans ORDER BY start');
const minutes = () => fetchLines(fixture.client, 'SELECT toDate(minute) FROM trace_minutes FINAL ORDER BY minute');

/** Spans of a day, a hundred a minute from its start, and of about 100 bytes each. */
async function insertMinutes(day: string, count: number): Promise<void> {
  await fixture.client.command({
    query: `INSERT INTO spans (trace_id, span_id, start, service, name, attr_string)
      SELECT toFixedString(toString(number), 16), toFixedString(toString(number), 8),
        toDateTime64('${day} 00:00:00', 9, 'UTC') + INTERVAL intDiv(number, 100) MINUTE, 'shop', 'GET /',
        map('noise', hex(randomString(100)))
      FROM numbers(${count * 100})`,
  });
}

describe('retention', () => {
  test('by age drops days and hours from every table, and says what it did', async () => {
    await insertAt('2026-11-17T23:59:59Z', '2026-11-18T11:59:59Z', '2026-11-18T12:00:00Z', '2026-11-25T12:00:00Z');
    const { retention } = await open({ limits: { maxAgeMs: 7 * dayMs, maxBytes: null, maxDiskShare: null } });
    const run = await retention.run();
    assert.deepEqual(await names(), ['2026-11-18T12:00:00Z', '2026-11-25T12:00:00Z']);
    assert.deepEqual(await minutes(), ['2026-11-18', '2026-11-25']);
    const { operations } = await listOperations(fixture.client, 'shop');
    assert.equal(operations.includes('2026-11-17T23:59:59Z'), false);
    assert.equal(run.error, null);
    assert.deepEqual(
      run.removed.map(({ bytes, ...removal }) => removal),
      [
        { day: '2026-11-17', reason: 'age', beforeMs: null, spans: 1 },
        { day: '2026-11-18', reason: 'age', beforeMs: Date.parse('2026-11-18T12:00:00Z'), spans: 1 },
      ],
    );
    assert.ok(run.removed[0]!.bytes > 0);
    assert.deepEqual((await retention.run()).removed, [], 'the same again has nothing to do');
    const report = await retention.report();
    assert.deepEqual(report.lastRemoval, run);
    assert.equal(report.oldestMs, Date.parse('2026-11-18T12:00:00Z'));
    assert.equal(report.newestMs, Date.parse('2026-11-25T12:00:00Z'));
    assert.equal(report.spans, 2);
    assert.ok(report.bytesUsed > 0 && report.diskFreeBytes > 0 && report.diskTotalBytes > report.diskFreeBytes);
  });

  test('by bytes drops whole days, the oldest first, and keeps the present when one of 2100 came', async () => {
    for (const day of ['2100-01-01', '2026-11-24', '2026-11-25']) await insertMinutes(day, 60);
    const { retention } = await open();
    const { bytesUsed } = await retention.report();
    const daysLeft = () => fetchLines(fixture.client, 'SELECT DISTINCT toDate(start) AS day FROM spans ORDER BY day');
    await retention.change({ maxBytes: Math.floor(bytesUsed * 0.8) });
    assert.deepEqual(await daysLeft(), ['2026-11-24', '2026-11-25']);
    await retention.change({ maxBytes: Math.floor(bytesUsed * 0.6) });
    assert.deepEqual(await daysLeft(), ['2026-11-25']);
    await retention.change({ maxBytes: 'default' });
  });

  test('a day ahead of the clock is gone when it has been there for the age, even when the server was restarted', async () => {
    await insertAt('2100-01-01T00:00:00Z', '2026-11-25T12:00:00Z');
    const limits = { maxAgeMs: dayMs, maxBytes: null, maxDiskShare: null };
    const removedAt = async (time: number) => {
      const { retention } = await open({ limits, now: () => time });
      return (await retention.run()).removed.map(({ day, reason }) => `${day} ${reason}`);
    };
    assert.deepEqual(await removedAt(nowMs), []);
    assert.deepEqual(await removedAt(nowMs + dayMs - 1), []);
    assert.deepEqual(await removedAt(nowMs + dayMs), ['2100-01-01 ahead']);
    assert.deepEqual(await names(), ['2026-11-25T12:00:00Z']);
  });

  test('when the present day alone is over the limit, its oldest minutes go and their bytes are free', async () => {
    await insertMinutes('2026-11-25', 200);
    const { retention } = await open();
    const { bytesUsed } = await retention.report();
    const maxBytes = Math.floor(bytesUsed * 0.75);
    await retention.change({ maxBytes });
    const { lastRun, ...report } = await retention.report();
    assert.equal(lastRun?.error, null);
    const [removal] = lastRun!.removed;
    assert.equal(removal?.reason, 'bytes');
    assert.equal(new Date(removal!.beforeMs!).toISOString().slice(0, 13), '2026-11-25T01');
    assert.ok(report.bytesUsed < maxBytes, `${report.bytesUsed} of ${maxBytes}`);
    assert.equal(report.oldestMs, removal?.beforeMs);
    assert.equal(report.spans, 20_000 - removal!.spans);
    const oldestMinute = await fetchLines(
      fixture.client,
      'SELECT toUnixTimestamp(min(minute)) * 1000 FROM trace_minutes',
    );
    assert.deepEqual(oldestMinute, [String(removal?.beforeMs)]);
    await retention.change({ maxBytes: 'default' });
  });

  test('where the disk has no room to rewrite a day, the files with its oldest spans go as they are', async () => {
    await fixture.client.command({ query: 'SYSTEM STOP MERGES spans' });
    await insertAt('2026-11-25T11:00:00Z');
    await insertAt('2026-11-25T10:00:00Z');
    await insertAt('2026-11-25T12:00:00Z');
    const { partitions } = await takeInventory(fixture.client);
    const day = partitions.filter((partition) => partition.day === '2026-11-25');
    const trimmed = await trimDay(fixture.client, day, 1, 0);
    assert.deepEqual([trimmed?.beforeMs, trimmed?.spans], [null, 1]);
    assert.deepEqual(await names(), ['2026-11-25T11:00:00Z', '2026-11-25T12:00:00Z']);
    await fixture.client.command({ query: 'SYSTEM START MERGES spans' });
  });

  test('limits set over the API win over those of the start, hold after a restart, and can be given back', async () => {
    const limits = { maxAgeMs: 2 * dayMs, maxBytes: null, maxDiskShare: 0.8 };
    const first = await open({ limits });
    await first.retention.change({ age: '36h', maxBytes: '10GiB', diskShare: null });
    const again = await open({ limits });
    const { age, maxBytes, diskShare } = await again.retention.report();
    assert.deepEqual(age, { value: '36h', source: 'api' });
    assert.deepEqual(maxBytes, { value: 10 * 1024 ** 3, source: 'api' });
    assert.deepEqual(diskShare, { value: null, source: 'api' });
    await again.retention.change({ age: 'default', maxBytes: 'default', diskShare: 'default' });
    const report = await again.retention.report();
    assert.deepEqual(report.age, { value: '2d', source: 'start' });
    assert.deepEqual(report.diskShare, { value: 0.8, source: 'start' });
  });

  const refused: readonly [request: unknown, message: RegExp][] = [
    [{ age: '59s' }, /age is "59s".*such as 90m/],
    [{ age: 7 }, /age is 7/],
    [{ maxBytes: 1_048_575 }, /maxBytes is 1048575.*at least 1MiB/],
    [{ maxBytes: '1.5' }, /maxBytes is "1.5"/],
    [{ diskShare: 0 }, /diskShare is 0.*above 0/],
    [{ diskShare: 1.01 }, /diskShare is 1.01/],
    [{ days: 7 }, /no parameter days/],
    [[], /body is \[\]/],
    [null, /body is null/],
  ];
  for (const [request, message] of refused) {
    test(`${JSON.stringify(request)} is refused and changes nothing`, async () => {
      const { retention } = await open();
      await assert.rejects(retention.change(request), { status: 400, message });
      assert.equal((await retention.report()).age.source, 'start');
    });
  }

  test('a file of limits that somebody has damaged is named, not ignored: more could go than was meant', async () => {
    const path = join(fixture.dataDir, 'retention.json');
    await writeFile(path, '{"limits":{"maxAgeMs":1},"aheadSinceMs":{}}');
    await assert.rejects(open(), { code: 'CLEW_STATE_FILE_UNUSABLE', message: /retention\.json/ });
    await writeFile(path, '{"limits":{},"aheadSinceMs":{}}');
  });

  test('a store that does not answer is said in the run, and the next run goes on', async () => {
    await insertAt('2026-11-01T00:00:00Z');
    const { retention } = await open({ limits: { maxAgeMs: dayMs, maxBytes: null, maxDiskShare: null } });
    process.kill(fixture.engine.pid!, 'SIGKILL');
    while (fixture.engine.isReady) await new Promise((resolve) => setImmediate(resolve));
    assert.match((await retention.run()).error ?? '', /cannot be reached/);
    await fixture.engine.whenReady();
    assert.equal((await retention.run()).error, null);
    assert.deepEqual(await names(), []);
  });
});

describe('a space reserve', () => {
  test('does not stop retention from removing days when it cannot be given up or refilled', async () => {
    await insertAt('2026-11-01T00:00:00Z', '2026-11-25T00:00:00Z');
    const reserve = new SpaceReserve(join(fixture.dataDir, 'no directory', 'reserve'));
    await assert.rejects(reserve.giveUpWhenFull());
    await assert.rejects(reserve.refill());
    const { retention } = await open({ limits: { maxAgeMs: dayMs, maxBytes: null, maxDiskShare: null }, reserve });
    const { removed, error } = await retention.run();
    assert.deepEqual([removed.map(({ day }) => day), error], [['2026-11-01'], null]);
    assert.deepEqual(await names(), ['2026-11-25T00:00:00Z']);
  });
});

describe('resources', () => {
  const services = () => fetchLines(fixture.client, 'SELECT service FROM resources ORDER BY service');

  /** Inserts a resource as if it had come so long ago. */
  async function insertResource(hash: string, service: string, agoS: number): Promise<void> {
    await fixture.client.command({
      query: `INSERT INTO resources (resource_hash, service, stored) SELECT ${hash}, '${service}', now() - ${agoS}`,
    });
  }

  async function makeResource(): Promise<Uint8Array> {
    const result = await fixture.client.exec({
      query: "SELECT toUInt64(7) AS resource_hash, 'shop' AS service, '' AS attributes FORMAT Native",
    });
    return new Uint8Array(await buffer(result.stream));
  }

  test('go when no span has referred to them for a day: the spans of those that came later may be on their way', async () => {
    await insertResource('1', 'referred to', 2 * dayS);
    await insertResource('2', 'gone', dayS);
    await insertResource('18446744073709551615', 'gone', dayS);
    await insertResource('3', 'came later', dayS - 600);
    await insertResource('4', 'came again', 2 * dayS);
    await insertResource('4', 'came again', 0);
    const span = { span: 1, service: 'kept', name: 'GET /', durationNs: 5, startMs: nowMs };
    await insertSpans(fixture.client, [{ ...span, trace: 1, resourceHash: '1' }]);
    assert.equal(await deleteOrphanedResources(fixture.client), 2);
    assert.deepEqual([...new Set(await services())], ['came again', 'came later', 'referred to']);
    assert.equal(await deleteOrphanedResources(fixture.client), 0);
  });

  test('stay when another server stores them for new spans while they are being deleted', async () => {
    await insertResource('7', 'shop', 2 * dayS);
    const block = await makeResource();
    const { client } = fixture;
    // Between the query that finds it and the statement that deletes it.
    const interrupted = Object.create(client, {
      command: {
        value: async (...args: Parameters<StoreClient['command']>) => {
          await insertBlocks(client, 'resources', [block], 'other server');
          await client.command({ query: 'OPTIMIZE TABLE resources FINAL' });
          return client.command(...args);
        },
      },
    }) as StoreClient;
    assert.equal(await deleteOrphanedResources(interrupted), 1);
    assert.deepEqual(await services(), ['shop']);
  });

  test('are stored anew with a segment that comes again, when their spans could not be stored for a day', async () => {
    const block = await makeResource();
    await insertBlocks(fixture.client, 'resources', [block], 'segment');
    await fixture.client.command({ query: `ALTER TABLE resources UPDATE stored = now() - ${dayS} WHERE 1` });
    await insertBlocks(fixture.client, 'resources', [block], 'segment');
    await fixture.client.command({ query: 'OPTIMIZE TABLE resources FINAL' });
    assert.equal(await deleteOrphanedResources(fixture.client), 0);
    assert.deepEqual(await services(), ['shop']);
  });

  test('of a database of an earlier version are as old as its upgrade', async () => {
    const old = await startEngineFixture();
    try {
      const migrations = readMigrations();
      await migrate(old.client, migrations.slice(0, 5));
      await old.client.command({ query: "INSERT INTO resources (resource_hash, service) VALUES (1, 'shop')" });
      await migrate(old.client);
      const stored = () => fetchLines(old.client, 'SELECT stored FROM resources');
      const [atUpgrade] = await stored();
      // Once the clock of the engine is past that second.
      while ((await fetchLines(old.client, 'SELECT now()'))[0] === atUpgrade) await setTimeout(50);
      assert.deepEqual(await stored(), [atUpgrade]);
    } finally {
      await old.stop();
    }
  });

  test('are deleted by the run that drops days', async () => {
    await insertResource('1', 'gone', 2 * dayS);
    const { retention } = await open({ limits: { maxAgeMs: dayMs, maxBytes: null, maxDiskShare: null } });
    await retention.run();
    assert.deepEqual(await services(), [], 'the first run finishes what an earlier process may have left');
    await insertResource('1', 'gone', 2 * dayS);
    await retention.run();
    assert.deepEqual(await services(), ['gone']);
    await insertAt('2026-11-01T00:00:00Z');
    await retention.run();
    assert.deepEqual(await services(), []);
  });
});

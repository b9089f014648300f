import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { detailsOf, tableFromNative } from '@clew/model';
import { openTrace, spanColumns } from '#src/query/trace.js';
import { connectStore, type StoreClient } from '#src/store/client.js';
import { insertBlocks } from '#src/store/insert.js';
import { insertMissingSpans } from '#src/store/insert-missing.js';
import { insertNative } from '#src/store/insert-native.js';
import { migrate, readMigrations } from '#src/store/migrations.js';
import { type EngineFixture, fetchLines, startEngineFixture } from './store-fixture.js';

let fixture: EngineFixture;

before(async () => {
  fixture = await startEngineFixture();
});

after(async () => {
  await fixture.stop();
});

async function makeBlock(client: StoreClient, select: string): Promise<Uint8Array> {
  const { stream } = await client.exec({ query: `${select} FORMAT Native` });
  return Buffer.concat(await stream.toArray());
}

describe('migrations', () => {
  test('run once, in order, and are found where the package keeps them', async () => {
    const ran = await migrate(fixture.client);
    assert.deepEqual(
      ran.map(({ name }) => name),
      [
        '0001-schema',
        '0002-rollups',
        '0003-tail-sampling',
        '0004-schema-urls',
        '0005-tail-decisions',
        '0006-stored-resources',
        '0007-keys-of-arrays',
      ],
    );
    assert.deepEqual(await migrate(fixture.client), []);
  });

  test('one that was interrupted runs again to its end', async () => {
    const known = readMigrations();
    const interrupted = {
      version: known.length + 1,
      name: 'test',
      statements: ['CREATE TABLE IF NOT EXISTS a (x UInt8) ENGINE = Memory', 'NONSENSE'],
    };
    await assert.rejects(migrate(fixture.client, [...known, interrupted]), { code: 'CLEW_STORE_REFUSED' });
    const mended = {
      ...interrupted,
      statements: [interrupted.statements[0]!, 'CREATE TABLE b (x UInt8) ENGINE = Memory'],
    };
    assert.deepEqual(await migrate(fixture.client, [...known, mended]), [mended]);
    await fixture.client.command({
      query: `ALTER TABLE clew_migrations DELETE WHERE version = ${known.length + 1} SETTINGS mutations_sync = 2`,
    });
  });

  test('a database of the same version is accepted; one that is newer is refused, with both versions', async () => {
    const newest = readMigrations().at(-1)!.version;
    await migrate(fixture.client);
    await fixture.client.command({
      query: `INSERT INTO clew_migrations VALUES (${newest + 1}, 'from the future', now())`,
    });
    await assert.rejects(migrate(fixture.client), {
      code: 'CLEW_STORE_NEWER',
      message: new RegExp(`version ${newest + 1}, but this program knows versions up to ${newest}`),
    });
  });

  test('a database without schema URLs keeps its spans, and takes blocks that were written before the upgrade', async () => {
    const old = await startEngineFixture();
    try {
      const { client } = old;
      await migrate(client, readMigrations().slice(0, 3));
      const blocksOf = async (spanId: string) => ({
        spans: await makeBlock(
          client,
          `SELECT unhex('${'0'.repeat(31)}1')::FixedString(16) AS trace_id, '${spanId}'::FixedString(8) AS span_id,
            'GET /' AS name, toDateTime64(1796040000, 9, 'UTC') AS start, toUInt64(7) AS resource_hash`,
        ),
        resources: await makeBlock(client, "SELECT toUInt64(7) AS resource_hash, 'shop' AS service, '' AS attributes"),
      });
      const stored = await blocksOf('stored--');
      for (const table of ['spans', 'resources'] as const) await insertBlocks(client, table, [stored[table]], 'stored');
      assert.deepEqual(
        (await migrate(client)).map(({ name }) => name),
        ['0004-schema-urls', '0005-tail-decisions', '0006-stored-resources', '0007-keys-of-arrays'],
      );
      const spooled = await blocksOf('spooled-');
      for (const table of ['spans', 'resources'] as const)
        await insertBlocks(client, table, [spooled[table]], 'spooled');
      assert.equal(await insertMissingSpans(client, [spooled.spans], 'again'), 0);
      assert.equal(await insertMissingSpans(client, [(await blocksOf('replayed')).spans], 'again'), 1);
      const bytes = Buffer.concat(await (await openTrace(client, `${'0'.repeat(31)}1`)).toArray());
      const table = tableFromNative(bytes);
      const details = Array.from({ length: table.spanCount }, (_, row) => detailsOf(table, row));
      assert.deepEqual(
        details.map(({ spanId }) => Buffer.from(spanId, 'hex').toString()),
        ['replayed', 'spooled-', 'stored--'],
      );
      for (const { scope, resourceSchemaUrl, resourceDroppedAttributesCount } of details) {
        assert.deepEqual(scope, { name: '', version: '', attributes: [], droppedAttributesCount: 0, schemaUrl: '' });
        assert.deepEqual([resourceSchemaUrl, resourceDroppedAttributesCount], ['', 0]);
      }
    } finally {
      await old.stop();
    }
  });

  test('the columns of spans are those that a trace is answered with', async () => {
    const columns = await fetchLines(
      fixture.client,
      "SELECT name FROM system.columns WHERE database = currentDatabase() AND table = 'spans' AND default_kind != 'ALIAS' ORDER BY position",
    );
    assert.deepEqual(columns, spanColumns);
  });
});

describe('insertBlocks', () => {
  test('stores a block once, however often it comes with the same token', async () => {
    const block = await makeBlock(
      fixture.client,
      "SELECT 'once'::FixedString(16) AS trace_id, toDateTime64(1796040000, 9, 'UTC') AS start",
    );
    const count = () => fetchLines(fixture.client, "SELECT count() FROM spans WHERE trace_id = 'once'");
    for (let i = 0; i < 3; i += 1) await insertBlocks(fixture.client, 'spans', [block], 'one');
    assert.deepEqual(await count(), ['1']);
    await insertBlocks(fixture.client, 'spans', [block], 'two');
    assert.deepEqual(await count(), ['2']);
  });

  test('a token that a crash left without its rows loses none: what is missing is inserted, what is there stays once', async () => {
    const { client } = fixture;
    const block = await makeBlock(
      fixture.client,
      `SELECT toFixedString(concat('hole', toString(number)), 16) AS trace_id,
      toFixedString(toString(number), 8) AS span_id, toDateTime64(1.6e9 + number * 86400, 9, 'UTC') AS start, 'shop' AS service,
      map('key', 'value') AS attr_string FROM numbers(6)`,
    );
    await insertBlocks(client, 'spans', [block], 'hole');
    await client.command({
      query:
        "ALTER TABLE spans DELETE WHERE startsWith(trace_id, 'hole') AND toUInt32(trim(BOTH '\\0' FROM toString(span_id))) < 4",
      clickhouse_settings: { mutations_sync: '2' },
    });
    const count = (): Promise<string[]> =>
      fetchLines(
        client,
        "SELECT count(), uniqExact(span_id), any(attr_string['key']) FROM spans WHERE startsWith(trace_id, 'hole')",
      );
    assert.deepEqual(await count(), ['2\t2\tvalue']);
    await insertBlocks(client, 'spans', [block], 'hole');
    assert.deepEqual(await count(), ['2\t2\tvalue'], 'the engine takes the token for the rows');
    assert.equal(await insertMissingSpans(client, [block], 'again'), 4);
    assert.deepEqual(await count(), ['6\t6\tvalue']);
    assert.equal(await insertMissingSpans(client, [block], 'again'), 0);
    assert.deepEqual(await count(), ['6\t6\tvalue']);
  });

  test('blocks one behind the other, across days, are stored once as a whole', async () => {
    const day = (n: number): string =>
      `SELECT toFixedString(unhex('${'0'.repeat(31)}${n}'), 16) AS trace_id, fromUnixTimestamp64Milli(toInt64(${n} * 86400000)) AS start`;
    const blocks = Buffer.concat([
      await makeBlock(fixture.client, day(1)),
      await makeBlock(fixture.client, day(2)),
      await makeBlock(fixture.client, day(3)),
    ]);
    for (let i = 0; i < 3; i += 1) await insertBlocks(fixture.client, 'spans', [blocks], 'days');
    assert.deepEqual(
      await fetchLines(
        fixture.client,
        'SELECT toDate(start), count() FROM spans WHERE toYear(start) = 1970 GROUP BY 1 ORDER BY 1',
      ),
      ['1970-01-02\t1', '1970-01-03\t1', '1970-01-04\t1'],
    );
  });

  test('a block with spans of more days than the engine takes by default is stored', async () => {
    const block = await makeBlock(
      fixture.client,
      "SELECT toFixedString('many days', 16) AS trace_id, toDateTime64(number * 86400, 9, 'UTC') AS start FROM numbers(150)",
    );
    await insertBlocks(fixture.client, 'spans', [block], 'many days');
    const query = "SELECT uniq(toDate(start)) FROM spans WHERE trace_id = toFixedString('many days', 16)";
    assert.deepEqual(await fetchLines(fixture.client, query), ['150']);
  });

  test('a block that is cut off or of a wrong type is refused for good', async () => {
    const block = await makeBlock(fixture.client, "SELECT toUInt64(9) AS resource_hash, 'shop' AS service");
    const refused = { name: 'StoreError', code: 'CLEW_STORE_REFUSED', retryable: false };
    await assert.rejects(insertBlocks(fixture.client, 'resources', [block.subarray(0, -1)], 'cut'), refused);
    const text = await makeBlock(fixture.client, "SELECT 'no number' AS resource_hash");
    await assert.rejects(insertBlocks(fixture.client, 'resources', [text], 'type'), refused);
    assert.deepEqual(await fetchLines(fixture.client, 'SELECT resource_hash FROM resources'), []);
  });

  test('while the engine is away it fails as retryable, and the same block goes in afterwards', async () => {
    const { client, engine } = fixture;
    const block = await makeBlock(
      fixture.client,
      "SELECT 'away'::FixedString(16) AS trace_id, toDateTime64(1796040000, 9, 'UTC') AS start",
    );
    process.kill(engine.pid!, 'SIGKILL');
    await assert.rejects(
      async () => {
        // The engine may take a moment to die; a block that still goes in is the same block.
        for (;;) await insertBlocks(client, 'spans', [block], 'away');
      },
      { name: 'StoreError', code: 'CLEW_ENGINE_UNAVAILABLE', retryable: true },
    );
    while (engine.isReady) await new Promise((resolve) => setImmediate(resolve));
    await engine.whenReady();
    await insertBlocks(client, 'spans', [block], 'away');
    assert.deepEqual(await fetchLines(client, "SELECT count() FROM spans WHERE trace_id = 'away'"), ['1']);
  });
});

describe('two clients on one database', () => {
  test('compare what came again at the same time, and miss and double nothing', async () => {
    const others = [fixture.client, connectStore(fixture.engine)];
    for (let round = 0; round < 12; round++) {
      await Promise.all(
        others.map(async (client, i) => {
          const block = await makeBlock(
            client,
            `SELECT toFixedString('shared ${round}', 16) AS trace_id, toFixedString(concat('${i}', toString(number)), 8) AS span_id,
            toDateTime64(1.7e9 + number, 9, 'UTC') AS start FROM numbers(${20 + 3 * round + i})`,
          );
          await insertMissingSpans(client, [block], `${round} ${i}`);
          assert.equal(await insertMissingSpans(client, [block], `${round} ${i}`), 0);
        }),
      );
      const [line] = await fetchLines(
        fixture.client,
        `SELECT count(), uniqExact(span_id) FROM spans WHERE trace_id = toFixedString('shared ${round}', 16)`,
      );
      const expected = 41 + 6 * round;
      assert.equal(line, `${expected}\t${expected}`, `round ${round}`);
    }
    await others[1]!.close();
  });

  test('an attempt waits for the insert of the one before it, whose answer was lost', async () => {
    const { client } = fixture;
    const block = await makeBlock(
      client,
      `SELECT toFixedString('slow', 16) AS trace_id, toFixedString('slow', 8) AS span_id, toDateTime64(1.7e9, 9, 'UTC') AS start`,
    );
    const hash = createHash('sha256').update('slow').digest('hex').slice(0, 16);
    const replay = `spans_replay_${Math.floor(Date.now() / 1000)}_${hash}`;
    await client.command({ query: `CREATE TABLE ${replay} AS spans ENGINE = Memory` });
    await insertNative(client, replay, [block]);
    const slow = client.command({ query: `INSERT INTO spans SELECT * FROM ${replay} WHERE sleepEachRow(1) = 0` });
    const running = "SELECT count() FROM system.processes WHERE query LIKE 'INSERT INTO spans SELECT%sleepEachRow%'";
    while ((await fetchLines(client, running))[0] !== '1');
    assert.equal(await insertMissingSpans(client, [block], 'slow'), 0);
    await slow;
  });
});

import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ClickHouseError, type ClickHouseSettings } from '@clickhouse/client';
import fc from 'fast-check';
import { startEngine } from '#src/engine/engine.js';
import { createLogger } from '#src/log.js';
import { connectStore } from '#src/store/client.js';
import { toStoreError } from '#src/store/store-error.js';
import { type EngineFixture, fetchLines, startEngineFixture } from './store-fixture.js';

let fixture: EngineFixture;

before(async () => {
  fixture = await startEngineFixture({ maxQueued: 2, maxInsertBytes: 100_000 });
});

after(async () => {
  await fixture.stop();
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function waitFor(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!condition()) {
    assert.ok(Date.now() < deadline, `still not true after 20 s: ${condition}`);
    await sleep(20);
  }
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!(await condition())) {
    assert.ok(Date.now() < deadline, `still not true after 60 s: ${condition}`);
    await sleep(20);
  }
}

async function consume(stream: Readable): Promise<number> {
  let bytes = 0;
  for await (const chunk of stream) bytes += chunk.length;
  return bytes;
}

function codeIs(code: string): (error: unknown) => boolean {
  return (error) => error instanceof ClickHouseError && error.code === code;
}

describe('statements', () => {
  test('any text comes back as it was bound', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 40 }), async (value) => {
        const result = await fixture.client.query({
          query: 'SELECT {value:String} AS value',
          query_params: { value },
          format: 'JSONEachRow',
        });
        assert.deepEqual(await result.json(), [{ value }]);
      }),
      { numRuns: 60, examples: [["it's"], ['a\\tb'], ['tab\there'], ['line\nbreak'], ['{value:String}'], ['—ü😀']] },
    );
  });

  test('statements that run at the same time see their own values only', async () => {
    await Promise.all(
      ['a', 'b'].map(async (name) => {
        for (let i = 0; i < 40; i += 1) {
          const result = await fixture.client.query({
            query: 'SELECT {value:String} AS value',
            query_params: { value: `${name}${i}` },
            format: 'JSONEachRow',
          });
          assert.deepEqual(await result.json(), [{ value: `${name}${i}` }]);
        }
      }),
    );
  });

  test('a value that an earlier statement bound does not leak into a later one', async () => {
    for (let i = 0; i < 6; i += 1) {
      await fixture.client.command({ query: 'SELECT {secret:String}', query_params: { secret: 'mine' } });
    }
    for (let i = 0; i < 6; i += 1) {
      await assert.rejects(fixture.client.command({ query: 'SELECT {secret:String}' }), codeIs('456'));
    }
  });

  test('a setting holds for one statement, also when that one fails', async () => {
    const limit = "SELECT getSetting('max_memory_usage')";
    const [before] = await fetchLines(fixture.client, limit);
    for (let i = 0; i < 6; i += 1) {
      const tooMuch = fixture.client.command({
        query: 'SELECT length(groupArray(number)) FROM numbers(100000000)',
        clickhouse_settings: { max_memory_usage: '10000000' },
      });
      await assert.rejects(tooMuch, codeIs('241'));
      assert.deepEqual(await fetchLines(fixture.client, limit), [before]);
    }
  });

  test('a statement has more than one thread, although the engine has little memory', async () => {
    const table = 'CREATE TABLE many (a UInt64) ENGINE = MergeTree ORDER BY a AS SELECT number FROM numbers(1000000)';
    await fixture.client.command({ query: table });
    const pipeline = await fetchLines(
      fixture.client,
      'EXPLAIN PIPELINE SELECT sum(a) FROM many SETTINGS max_threads = 2',
    );
    assert.ok(
      pipeline.some((line) => line.includes('MergeTreeSelect') && line.includes('× 2')),
      pipeline.join('\n'),
    );
  });

  test('a statement that runs for too long is ended', async () => {
    for (const query of [
      'SELECT number FROM numbers(100000000000) FORMAT Native',
      'SELECT sum(number) FROM numbers(1000000000000)',
    ]) {
      const endless = async (): Promise<void> => {
        const { stream } = await fixture.client.exec({ query, clickhouse_settings: { max_execution_time: 1 } });
        await consume(stream);
      };
      await assert.rejects(endless);
    }
  });

  test('a setting that does not exist is refused, and the next statement is as before', async () => {
    for (let i = 0; i < 6; i += 1) {
      const wrong = fixture.client.command({
        query: 'SELECT 1',
        clickhouse_settings: { max_threads: 1, no_such_setting: 1 } as Record<string, number>,
      });
      await assert.rejects(wrong, codeIs('115'));
      assert.deepEqual(await fetchLines(fixture.client, 'SELECT 1'), ['1']);
    }
  });

  test('the name of a setting cannot smuggle in another statement', async () => {
    const smuggle = fixture.client.command({
      query: 'SELECT 1',
      clickhouse_settings: { 'max_threads = 1; DROP TABLE t; SET x': 1 } as Record<string, number>,
    });
    await assert.rejects(smuggle, codeIs('36'));
  });

  test('an error has the number, the type and the text of the engine', async () => {
    await assert.rejects(
      fixture.client.query({ query: 'SELECT * FROM no_such_table' }),
      (error: unknown) =>
        error instanceof ClickHouseError &&
        error.code === '60' &&
        error.type === 'UNKNOWN_TABLE' &&
        error.message.includes('no_such_table'),
    );
  });

  test('a failure in the middle of a result is an error at the client, not a short result', async () => {
    const query = 'SELECT throwIf(number = 3000000) FROM numbers(4000000) FORMAT Native';
    const { stream } = await fixture.client.exec({ query });
    await assert.rejects(consume(stream));
    const rows = await fixture.client.query({
      query: 'SELECT throwIf(number = 3000000) FROM numbers(4000000)',
      format: 'JSONEachRow',
    });
    await assert.rejects(rows.json());
  });

  test('with wait_end_of_query the same failure has its number', async () => {
    const failing = fixture.client.exec({
      query: 'SELECT throwIf(number = 3000000) FROM numbers(4000000) FORMAT Native',
      clickhouse_settings: { wait_end_of_query: 1 },
    });
    await assert.rejects(failing, codeIs('395'));
  });

  test('a reader that goes away frees its session', async () => {
    for (let i = 0; i < 6; i += 1) {
      const { stream } = await fixture.client.exec({ query: 'SELECT number FROM numbers(300000000) FORMAT Native' });
      await once(stream, 'readable');
      stream.destroy();
    }
    assert.deepEqual(await fetchLines(fixture.client, 'SELECT 1'), ['1']);
  });

  /** Running statements that hold the text, but for the one that asks. */
  async function countRunning(text: string): Promise<number> {
    const [count] = await fetchLines(
      fixture.client,
      `SELECT count() FROM system.processes WHERE position(query, '${text}') > 0 AND position(query, 'processes') = 0`,
    );
    return Number(count);
  }

  /** Resolves when it runs, and then leaves it. */
  async function abandon(query: string, settings: ClickHouseSettings): Promise<void> {
    const caller = new AbortController();
    const running = fixture.client
      .exec({ query, abort_signal: caller.signal, clickhouse_settings: { ...settings, max_execution_time: 600 } })
      .then(({ stream }) => consume(stream));
    await until(async () => (await countRunning('sipHash64')) > 0);
    caller.abort();
    await assert.rejects(running);
  }

  for (const [kind, settings] of [
    ['streamed', {}],
    ['sent when it is complete', { wait_end_of_query: 1 }],
  ] as const) {
    test(`a SELECT whose client leaves is stopped while it computes, when its result is ${kind}`, async () => {
      // Without rows until its end, which is hours away.
      const endless = 'SELECT count() FROM numbers(1000000000000) WHERE sipHash64(number) = 1 FORMAT Native';
      for (let i = 0; i < 3; i += 1) {
        await abandon(endless, settings);
        await until(async () => (await countRunning('sipHash64')) === 0);
      }
    });
  }

  test('stopping a statement leaves the next one of its session alone', async () => {
    for (let i = 0; i < 20; i += 1) {
      const caller = new AbortController();
      const left = [1, 2].map(() =>
        fixture.client
          .exec({ query: 'SELECT sleep(0.02) FORMAT Native', abort_signal: caller.signal })
          .then(({ stream }) => consume(stream))
          .catch(() => 'left'),
      );
      await sleep(i * 2);
      caller.abort();
      const next = await Promise.all([1, 2].map(() => fetchLines(fixture.client, 'SELECT sleep(0.03)')));
      assert.deepEqual(next, [['0'], ['0']]);
      await Promise.all(left);
    }
  });

  test('what waits is bounded, and the refusal is one that can be tried again', async () => {
    // Two reads run and two wait; none of the others fits.
    const slow = Array.from({ length: 8 }, () =>
      fixture.client.command({ query: 'SELECT sleep(0.5)' }).then(
        () => 'done',
        (error: unknown) => toStoreError(error),
      ),
    );
    const outcomes = await Promise.all(slow);
    assert.equal(outcomes.filter((outcome) => outcome === 'done').length, 4);
    for (const outcome of outcomes.filter((outcome) => outcome !== 'done')) {
      assert.deepEqual(pick(outcome), { code: 'CLEW_ENGINE_BUSY', retryable: true });
    }
  });
});

describe('inserts', () => {
  const insertDir = (): string => join(fixture.dataDir, 'engine', 'clew-inserts');

  before(async () => {
    await fixture.client.command({
      query: "CREATE TABLE t (x UInt8, s String DEFAULT 'none') ENGINE = MergeTree ORDER BY x",
    });
  });

  async function insert(format: string, data: string | Uint8Array): Promise<void> {
    const { stream } = await fixture.client.exec({
      query: `INSERT INTO t FORMAT ${format}`,
      values: Readable.from([Buffer.from(data)], { objectMode: false }),
    });
    await consume(stream);
  }

  test('columns are found by name, and one that is not sent takes its default', async () => {
    await insert('JSONEachRow', '{"s":"one","x":1}\n{"x":2}\n');
    assert.deepEqual(await fetchLines(fixture.client, 'SELECT x, s FROM t ORDER BY x'), ['1\tone', '2\tnone']);
  });

  test('data up to the limit goes in; one byte more is refused and leaves no file', async () => {
    await insert('TabSeparated', `3\t${'a'.repeat(100_000 - 3)}\n`);
    assert.deepEqual(await fetchLines(fixture.client, 'SELECT length(s) FROM t WHERE x = 3'), ['99997']);
    await assert.rejects(insert('TabSeparated', `4\t${'a'.repeat(100_000 - 2)}\n`), codeIs('307'));
    assert.deepEqual(await readdir(insertDir()), []);
  });

  test('data that cannot be read is refused and leaves no file', async () => {
    await assert.rejects(insert('Native', 'not a block'), codeIs('33'));
    assert.deepEqual(await readdir(insertDir()), []);
  });
});

describe('the process', () => {
  test('a second engine on the same directory is refused with the directory in the message', async () => {
    const second = startEngine({ dataDir: fixture.dataDir, log: createLogger('silent') });
    await assert.rejects(second, { code: 'CLEW_DATA_DIR_LOCKED', message: new RegExp(fixture.dataDir) });
    assert.deepEqual(await fetchLines(fixture.client, 'SELECT 1'), ['1']);
  });

  test('a data directory that cannot be made is refused with the reason', async () => {
    const file = join(fixture.dataDir, 'a-file');
    await writeFile(file, '');
    const inFile = startEngine({ dataDir: join(file, 'data'), log: createLogger('silent') });
    await assert.rejects(inFile, { code: 'CLEW_DATA_DIR_UNUSABLE', message: /ENOTDIR/ });
  });

  test('killed in the middle of a statement, it fails that one as retryable, comes back by itself and has lost nothing', async () => {
    const { engine, client, dataDir } = fixture;
    await client.command({ query: 'CREATE TABLE kept (x UInt8) ENGINE = MergeTree ORDER BY x' });
    await client.command({ query: 'INSERT INTO kept VALUES (1)' });
    await writeFile(join(dataDir, 'engine', 'clew-inserts', 'left.insert'), 'left');
    const killed = engine.pid!;
    const running = client.command({ query: 'SELECT sleep(3)' }).catch(toStoreError);
    await fetchLines(client, 'SELECT 1');
    process.kill(killed, 'SIGKILL');
    assert.deepEqual(pick(await running), { code: 'CLEW_ENGINE_UNAVAILABLE', retryable: true });
    await waitFor(() => !engine.isReady);
    assert.deepEqual(pick(await client.command({ query: 'SELECT 1' }).catch(toStoreError)), {
      code: 'CLEW_ENGINE_UNAVAILABLE',
      retryable: true,
    });
    await engine.whenReady();
    assert.notEqual(engine.pid, killed);
    assert.deepEqual(await fetchLines(client, 'SELECT x FROM kept'), ['1']);
    assert.deepEqual(await readdir(join(dataDir, 'engine', 'clew-inserts')), []);
  });

  test('stopped, it lets a running statement end and leaves neither process nor socket', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'clew-test-'));
    const engine = await startEngine({ dataDir, log: createLogger('silent') });
    const client = connectStore(engine);
    const pid = engine.pid!;
    const running = fetchLines(client, 'SELECT sleep(1)');
    await fetchLines(client, 'SELECT 1');
    await engine.stop();
    assert.deepEqual(await running, ['0']);
    assert.equal(isAlive(pid), false);
    await assert.rejects(access(engine.socketPath));
    await assert.rejects(engine.whenReady(), { code: 'CLEW_ENGINE_UNAVAILABLE' });
    await client.close();
    await rm(dataDir, { recursive: true });
  });

  test('a configuration file of somebody else in the working directory is none of its', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'clew-test-'));
    await writeFile(join(directory, 'config.xml'), '<project>not for ClickHouse');
    const program = fileURLToPath(new URL('./engine-parent.js', import.meta.url));
    const parent = fork(program, [join(directory, 'data')], { cwd: directory });
    const [{ pid }] = (await once(parent, 'message')) as [{ pid: number }];
    parent.kill('SIGKILL');
    await waitFor(() => !isAlive(pid));
    await rm(directory, { recursive: true });
  });

  test('when its parent is killed, it dies with it', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'clew-test-'));
    const parent = fork(fileURLToPath(new URL('./engine-parent.js', import.meta.url)), [dataDir]);
    const [{ pid }] = (await once(parent, 'message')) as [{ pid: number }];
    assert.equal(isAlive(pid), true);
    parent.kill('SIGKILL');
    await waitFor(() => !isAlive(pid));
    await rm(dataDir, { recursive: true });
  });
});

function pick(error: unknown): { code: string; retryable: boolean } {
  const { code, retryable } = error as { code: string; retryable: boolean };
  return { code, retryable };
}

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { readNativeBlocks, stringAt } from '@clew/wire';
import { pino } from 'pino';
import type { ExportRequest, ExportResult } from '#src/receive/export-request.js';
import { reportOnTranscoders } from '#src/serve/transcoder-readiness.js';
import { GroupCommit } from '#src/spool/group-commit.js';
import type { TraceBlocks } from '#src/transcode/trace-transcoder.js';
import { TranscoderPool, type TranscoderPoolOptions } from '#src/transcode/transcoder-pool.js';
import { RefusedRequestError, TranscoderUnavailableError } from '#src/transcode/transcoder-thread.js';
import { traceOf } from './otlp-requests.js';

const log = pino({ level: 'silent' });
const patient = { baseMs: 600_000, msPerMiB: 0, maxHeapMiB: 1_024 };

let pool: TranscoderPool;

function createPool(options: Partial<TranscoderPoolOptions> = {}): TranscoderPool {
  pool = new TranscoderPool({ limits: patient, maxThreads: 2, maxRequestBytes: 2 ** 26, log, ...options });
  return pool;
}

afterEach(() => pool.close());

const jsonRequest = (json: string): ExportRequest => ({
  encoding: 'json',
  bytes: new Uint8Array(Buffer.from(json)) as Uint8Array<ArrayBuffer>,
});

/** A request of one span with this name. */
const named = (name: string): ExportRequest => jsonRequest(traceOf(1).json.replace('span 0', name));

/** A request that takes seconds: JSON of many resources with 15 attributes each, and without a span. */
function heavy(resources = 85_000): ExportRequest {
  const attributes = Array.from({ length: 15 }, (_, i) => ({ key: `key.${i}`, value: { doubleValue: i + 0.5 } }));
  const resource = JSON.stringify({ resource: { attributes } });
  return jsonRequest(`{"resourceSpans":[${new Array(resources).fill(resource).join(',')}]}`);
}

/** A request of 2 MB whose objects take more than 64 MiB of heap: a span of Jaeger's with 900,000 empty logs. */
function hungry(): ExportRequest {
  const logs = Buffer.alloc(1_800_000, Buffer.of(0x4a, 0));
  const field = (content: Buffer): Buffer => {
    const { length } = content;
    const varint = [(length & 0x7f) | 0x80, ((length >>> 7) & 0x7f) | 0x80, length >>> 14];
    return Buffer.concat([Buffer.of(0x0a, ...varint), content]);
  };
  return { encoding: 'jaeger-protobuf', bytes: new Uint8Array(field(field(logs))) };
}

function namesOf(blocks: TraceBlocks | null): string[] {
  if (blocks === null) return [];
  return [...readNativeBlocks(blocks.spans)].flatMap(({ columns, rowCount }) => {
    const names = columns.get('name')!;
    return Array.from({ length: rowCount }, (_, row) => stringAt(names, row));
  });
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await sleep(5);
}

const kindOf = (result: ExportResult | Error | undefined): string =>
  result instanceof RefusedRequestError
    ? result.reason
    : result instanceof TranscoderUnavailableError
      ? 'unavailable'
      : result instanceof Error
        ? String(result)
        : 'accepted';

describe('the transcoder pool', () => {
  it('refuses a request that takes longer than its limit, and lets the others of its group be sent again', async () => {
    const queue = createPool({ limits: { ...patient, baseMs: 50 } }).createQueue();
    const group = [named('before'), heavy(20_000), named('after')];
    const { results, blocks } = await queue.transcode(() => group);
    assert.deepEqual(results.map(kindOf), ['unavailable', 'too_expensive', 'unavailable']);
    assert.match(
      (results[1] as Error).message,
      /takes more CPU time than the limit of 50 ms and 0 ms a MiB\. Send smaller/,
    );
    assert.equal(blocks, null);
    assert.deepEqual(pool.endedThreads, { deadline: 1, memory: 0, failure: 0 });
    assert.equal(pool.refusedGroups, 1);
    const next = await queue.transcode(() => [named('next')]);
    assert.deepEqual(namesOf(next.blocks), ['next']);
  });

  it('refuses a request that takes more memory than its limit, and goes on', async () => {
    const queue = createPool({ limits: { ...patient, maxHeapMiB: 64 } }).createQueue();
    const { results } = await queue.transcode(() => [named('before'), hungry()]);
    assert.deepEqual(results.map(kindOf), ['unavailable', 'too_expensive']);
    assert.match((results[1] as Error).message, /more memory than the limit of 64 MiB/);
    assert.deepEqual(pool.endedThreads, { deadline: 0, memory: 1, failure: 0 });
    const next = await queue.transcode(() => [named('next')]);
    assert.deepEqual(namesOf(next.blocks), ['next']);
  });

  it('undoes the compression of requests, and refuses what is malformed or too large then, but not its group', async () => {
    const maxRequestBytes = 10_000;
    const queue = createPool({ maxRequestBytes }).createQueue();
    const gzipped = (json: string): ExportRequest => ({
      ...jsonRequest(json),
      bytes: new Uint8Array(gzipSync(json)),
      compression: 'gzip',
    });
    const padded = (length: number): string => traceOf(1).json.padEnd(length);
    const group = [
      gzipped(padded(maxRequestBytes)),
      gzipped(padded(maxRequestBytes + 1)),
      { ...named('not compressed'), compression: 'gzip' },
      gzipped(traceOf(1).json.replace('span 0', 'last')),
    ];
    const { results, blocks } = await queue.transcode(() => group);
    assert.deepEqual(results.map(kindOf), ['accepted', 'too_large', 'malformed', 'accepted']);
    assert.equal((results[0] as ExportResult).bytes, maxRequestBytes);
    assert.match((results[1] as Error).message, /more than 10000 bytes when decompressed; the limit is 10000/);
    assert.match((results[2] as Error).message, /The body is not gzip: incorrect header check\./);
    assert.deepEqual(namesOf(blocks), ['span 0', 'last']);
  });

  it('leaves a thread to the other pipelines, whatever one of them sends', async () => {
    createPool();
    const [a, b] = [pool.createQueue(), pool.createQueue()];
    let finished = 0;
    const stuck = Array.from({ length: 3 }, () =>
      a
        .transcode(() => [heavy()])
        .then(
          () => finished++,
          () => {},
        ),
    );
    await until(() => pool.describe().busyThreads === 1);
    for (let i = 0; i < 20; i++) {
      const { blocks } = await b.transcode(() => [named(`b ${i}`)]);
      assert.deepEqual(namesOf(blocks), [`b ${i}`]);
    }
    assert.equal(finished, 0);
    assert.equal(reportOnTranscoders(pool).ready, true);
    assert.deepEqual(pool.describe().threads, 2);
    await pool.close();
    await Promise.all(stuck);
  });

  it('serves the pipeline first that was served longest ago', async () => {
    createPool({ maxThreads: 2 });
    const [a, b, c] = [pool.createQueue(), pool.createQueue(), pool.createQueue()];
    const order: string[] = [];
    const take = (name: string) => () => {
      order.push(name);
      return [named(name)];
    };
    await Promise.all([
      a.transcode(take('a1')),
      a.transcode(take('a2')),
      a.transcode(take('a3')),
      b.transcode(take('b1')),
      c.transcode(take('c1')),
    ]);
    assert.deepEqual(order.slice(0, 2), ['a1', 'b1']);
    assert.ok(order.indexOf('c1') < order.indexOf('a2'), order.join(' '));
  });

  it('starts no second thread while one is enough, and one for the only pipeline when it asks for two groups', async () => {
    const queue = createPool().createQueue();
    assert.equal(pool.describe().threads, 1);
    for (let i = 0; i < 3; i++) await queue.transcode(() => [named('one')]);
    assert.equal(pool.describe().threads, 1);
    await Promise.all([queue.transcode(() => [named('one')]), queue.transcode(() => [named('two')])]);
    assert.equal(pool.describe().threads, 2);
  });

  it('keeps a second thread ready for several pipelines, before they have anything to do', async () => {
    createPool();
    pool.createQueue();
    pool.createQueue();
    await until(() => pool.describe().threads === 2);
  });

  it('lets requests that cannot be moved to a thread be sent again, and gives the next group its own answer', async () => {
    const queue = createPool().createQueue();
    await queue.transcode(() => [named('first')]);
    const moved = named('moved');
    structuredClone(moved.bytes, { transfer: [moved.bytes.buffer] });
    const { results: refused } = await queue.transcode(() => [moved]);
    assert.deepEqual(refused.map(kindOf), ['unavailable']);
    const unmovable = { encoding: () => 'json', bytes: named('unmovable').bytes } as unknown as ExportRequest;
    await assert.rejects(
      queue.transcode(() => [unmovable]),
      { name: 'DataCloneError' },
    );
    const { blocks, results } = await queue.transcode(() => [named('next'), named('another')]);
    assert.deepEqual(namesOf(blocks), ['next', 'another']);
    assert.equal(results.length, 2);
  });

  it('tells what waits for a thread, and for how long', async () => {
    const queue = createPool().createQueue();
    const running = [1, 2].map(() => queue.transcode(() => [heavy(20_000)]));
    const waiting = queue.transcode(() => [named('waits')]);
    await until(() => pool.describe().busyThreads === 2);
    await until(() => pool.describe().longestWaitMs > 0);
    await Promise.all([...running, waiting]);
    const { busyThreads, longestUsedMs, longestWaitMs } = pool.describe();
    assert.deepEqual(
      { busyThreads, longestUsedMs, longestWaitMs },
      { busyThreads: 0, longestUsedMs: 0, longestWaitMs: 0 },
    );
  });

  it('refuses what waits when it is closed, and what its threads hold', async () => {
    const queue = createPool().createQueue();
    const running = [1, 2].map(() => queue.transcode(() => [heavy()]));
    const waiting = queue.transcode(() => [named('waits')]);
    await until(() => pool.describe().busyThreads === 2);
    const refused = assert.rejects(waiting, TranscoderUnavailableError);
    await pool.close();
    await refused;
    for (const { results } of await Promise.all(running)) assert.deepEqual(results.map(kindOf), ['unavailable']);
  });
});

describe('requests that wait to be written', () => {
  const settle = (promise: Promise<ExportResult>): Promise<ExportResult | Error> =>
    promise.catch((error: Error) => error);

  function createCommits(options: Partial<TranscoderPoolOptions> = {}): { commits: GroupCommit; written: string[] } {
    const written: string[] = [];
    const commits = new GroupCommit({
      transcoders: createPool(options).createQueue(),
      append: async (blocks) => {
        written.push(...namesOf(blocks));
      },
      maxPendingBytes: 2 ** 30,
    });
    return { commits, written };
  }

  it('pass one that takes long by another thread, and are written before it', async () => {
    const { commits, written } = createCommits();
    const slow = settle(commits.add(heavy()));
    const others = await Promise.all(['a', 'b', 'c'].map((name) => settle(commits.add(named(name)))));
    assert.deepEqual(others.map(kindOf), ['accepted', 'accepted', 'accepted']);
    assert.deepEqual(written, ['a', 'b', 'c']);
    await pool.close();
    assert.equal(kindOf(await slow), 'unavailable');
  });

  it('are refused, to be sent again, when no thread has time for them; none of them is written', async () => {
    const { commits, written } = createCommits();
    const stuck = [settle(commits.add(heavy()))];
    await until(() => pool.describe().busyThreads === 1);
    stuck.push(settle(commits.add(heavy())));
    await until(() => pool.describe().busyThreads === 2);
    const late = await Promise.all(['a', 'b'].map((name) => settle(commits.add(named(name)))));
    assert.deepEqual(late.map(kindOf), ['unavailable', 'unavailable']);
    assert.match((late[0] as Error).message, /busy with others for 2000 ms\. Send again later\./);
    assert.deepEqual(written, []);
    const { ready, reason } = reportOnTranscoders(pool);
    assert.equal(ready, false);
    assert.match(reason!, /all 2 threads that read requests are busy, and others have waited for \d+ ms/);
    await pool.close();
    assert.equal(reportOnTranscoders(pool).ready, true);
    assert.deepEqual((await Promise.all(stuck)).map(kindOf), ['unavailable', 'unavailable']);
  });
});

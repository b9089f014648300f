import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { FailingFiles, type Failures, type FileCall } from './failing-files.ts';
import { countFromEnv, createRandom, type Random, seed } from './random.ts';

const serverFolder = new URL('../../../packages/server/dist/', import.meta.url);
const { Spool, SpoolUnavailableError } = (await import(
  new URL('spool/spool.js', serverFolder).href
)) as typeof import('../../packages/server/dist/spool/spool.js');
const { runLoader } = (await import(
  new URL('spool/loader.js', serverFolder).href
)) as typeof import('../../packages/server/dist/spool/loader.js');
const { createLogger } = (await import(
  new URL('log.js', serverFolder).href
)) as typeof import('../../packages/server/dist/log.js');

type OpenSpool = Awaited<ReturnType<typeof Spool.open>>;

const rounds = countFromEnv('CLEW_FAULT_ROUNDS', 4);
const log = createLogger('silent');
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'clew-failing-'));
});

afterEach(() => rmSync(directory, { recursive: true }));

/** A store that knows tokens, as the engine does: the commits of a segment are in it once, however often they come. */
class Store {
  readonly #tokens = new Set<string>();
  /** How often each commit is there. */
  readonly commits = new Map<string, number>();
  failures = 0;

  insert(table: string, blocks: readonly Uint8Array[], token: string): void {
    if (this.failures > 0) {
      this.failures--;
      throw new Error('the store is away');
    }
    if (table !== 'spans' || this.#tokens.has(token)) return;
    this.#tokens.add(token);
    for (const block of blocks) {
      const text = Buffer.from(block).toString();
      this.commits.set(text, (this.commits.get(text) ?? 0) + 1);
    }
  }
}

const blocks = (text: string) => ({
  spanCount: 1,
  spans: new Uint8Array(Buffer.from(text)),
  resources: new Uint8Array(Buffer.from(`resources of ${text}`)),
});

function openSpool(failures: Failures = () => undefined, options: { sealBytes?: number; sealAfterMs?: number } = {}) {
  const files = new FailingFiles(failures).calls;
  return Spool.open({ directory, files, maxBytes: 1_000_000, minFreeBytes: 0, sealAfterMs: 60_000, log, ...options });
}

/** Loads until it is stopped. */
function startLoader(spool: OpenSpool, store: Store) {
  const stopping = new AbortController();
  const insert = async (table: 'spans' | 'resources', some: readonly Uint8Array[], token: string) =>
    store.insert(table, some, token);
  const insertMissing = () => Promise.resolve(0);
  const common = { isRetryable: () => true, log, onStored: () => {}, onSetAside: () => {} };
  const running = runLoader({ spool, insert, insertMissing, ...common }, stopping.signal);
  return async () => {
    stopping.abort();
    await spool.close().catch(() => {});
    await running;
  };
}

async function drain(spool: OpenSpool, store: Store): Promise<void> {
  const stop = startLoader(spool, store);
  await spool.flush(AbortSignal.timeout(60_000));
  await stop();
}

/** Fails the call of this name that comes `n`-th, from 1, and for `times`. */
function failing(name: string, n = 1, times = 1, code = 'EIO'): Failures {
  let seen = 0;
  return (call) => {
    if (call.name !== name) return undefined;
    seen++;
    return seen >= n && seen < n + times ? code : undefined;
  };
}

describe('a spool on a disk that fails', () => {
  it('keeps a segment that cannot be renamed: it is counted, flushed and loaded', async () => {
    const spool = await openSpool(failing('rename', 1, 100));
    await spool.append(blocks('one'));
    const { bytes } = spool;
    const waiting = new AbortController();
    const flushed = spool.flush(waiting.signal);
    await spool.nextSealed();
    waiting.abort(new Error('it waits for the segment'));
    await assert.rejects(flushed, /waits for the segment/);
    assert.deepEqual([spool.bytes, spool.segments], [bytes, 1]);
    const store = new Store();
    await drain(spool, store);
    assert.deepEqual([...store.commits], [['one', 1]]);
    assert.deepEqual(readdirSync(directory), []);
  });

  it('keeps a segment whose final name is taken by a directory', async () => {
    const spool = await openSpool();
    await spool.append(blocks('one'));
    const obstacle = join(directory, readdirSync(directory)[0]!.replace('.open', '.sealed'));
    mkdirSync(join(obstacle, 'x'), { recursive: true });
    const store = new Store();
    await drain(spool, store);
    assert.deepEqual([...store.commits], [['one', 1]]);
    assert.deepEqual(readdirSync(directory).length, 1);
    rmdirSync(join(obstacle, 'x'));
  });

  it('acknowledges what was synced when the segment cannot be sealed afterwards', async () => {
    for (const call of ['rename', 'close']) {
      const spool = await openSpool(failing(call, 1, 100), { sealBytes: 1 });
      await spool.append(blocks(call));
      assert.equal(spool.segments, 1);
      const store = new Store();
      await drain(spool, store);
      assert.deepEqual([...store.commits], [[call, 1]]);
    }
  });

  for (const name of ['open', 'writev', 'datasync']) {
    it(`refuses, as retryable, a commit whose ${name} failed, and stores it once when it comes again`, async () => {
      const spool = await openSpool(failing(name, name === 'open' ? 3 : 2));
      await spool.append(blocks('before'));
      if (name === 'open') void spool.flush(AbortSignal.timeout(60_000)).catch(() => {});
      await assert.rejects(spool.append(blocks('one')), (error: Error) => {
        assert.ok(error instanceof SpoolUnavailableError);
        assert.equal(error.obstacle, 'spool_failed');
        assert.match(error.message, /EIO/);
        return true;
      });
      await spool.append(blocks('one'));
      const store = new Store();
      await drain(spool, store);
      assert.deepEqual(Object.fromEntries(store.commits), { before: 1, one: 1 });
    });
  }

  it('leaves no file and no open handle behind when the directory cannot be synced', async () => {
    const directorySync = ({ name, path }: FileCall) => name === 'sync' && path === directory;
    let failures = 2;
    const spool = await openSpool((call) => (directorySync(call) && failures-- > 0 ? 'EIO' : undefined));
    for (let i = 0; i < 2; i++) await assert.rejects(spool.append(blocks('one')), SpoolUnavailableError);
    assert.deepEqual(readdirSync(directory), []);
    await spool.append(blocks('one'));
    const store = new Store();
    await drain(spool, store);
    assert.deepEqual([...store.commits], [['one', 1]]);
  });

  it('does not load a commit that was refused and could not be cut off', async () => {
    const failures = [failing('datasync', 2), failing('truncate', 1, 100)];
    const spool = await openSpool((call) => failures.map((fails) => fails(call)).find((code) => code !== undefined));
    await spool.append(blocks('acknowledged'));
    await assert.rejects(spool.append(blocks('refused')), SpoolUnavailableError);
    const store = new Store();
    await drain(spool, store);
    assert.deepEqual([...store.commits.keys()], ['acknowledged']);
  });

  it('inserts a segment once while its file cannot be removed, and goes on when it can', async () => {
    let inserts = 0;
    const spool = await openSpool(failing('unlink', 1, 2), { sealBytes: 1 });
    const store = new Store();
    const insert = store.insert.bind(store);
    store.insert = (...args) => {
      inserts++;
      insert(...args);
    };
    await spool.append(blocks('one'));
    await spool.append(blocks('two'));
    await drain(spool, store);
    assert.equal(inserts, 4, 'resources and spans of two segments');
    assert.deepEqual(readdirSync(directory), []);
  });

  it('starts with files that it can neither read nor rename nor cut, and loads them when it can', async () => {
    const first = await openSpool(undefined, { sealBytes: 1 });
    await first.append(blocks('sealed'));
    await first.close();
    // Killed: it is never closed.
    const killed = await openSpool();
    await killed.append(blocks('open'));
    let isFailing = true;
    const spool = await openSpool(({ name }) =>
      isFailing && name !== 'readdir' && name !== 'mkdir' ? 'EMFILE' : undefined,
    );
    assert.equal(spool.segments, 2);
    isFailing = false;
    const store = new Store();
    await drain(spool, store);
    assert.deepEqual(Object.fromEntries(store.commits), { sealed: 1, open: 1 });
    await killed.close();
  });

  it('sets a segment aside under another name when a directory has taken the first', async () => {
    const spool = await openSpool(undefined, { sealBytes: 1 });
    await spool.append(blocks('one'));
    const segment = (await spool.nextSealed())!;
    mkdirSync(`${segment.path}.refused`);
    const path = await spool.setAside(segment);
    assert.match(path, /\.sealed-[0-9a-f]{8}\.refused$/);
    assert.deepEqual([spool.bytes, spool.segments], [0, 0]);
    await spool.close();
  });

  it('says which directory cannot be used when it cannot be made', async () => {
    await assert.rejects(openSpool(failing('mkdir', 1, 1, 'EACCES')), {
      code: 'CLEW_DATA_DIR_UNUSABLE',
      message: /EACCES/,
    });
  });

  it(`after calls that fail, crashes and power cuts at random: what was acknowledged is stored once (CLEW_FAULT_SEED=${seed})`, async () => {
    for (let round = 0; round < rounds; round++) await runSchedule(createRandom(`disk ${round}`), round);
  });
});

const mayFail = ['open', 'writev', 'write', 'datasync', 'sync', 'truncate', 'rename', 'unlink', 'close', 'stat'];

async function runSchedule(random: Random, round: number): Promise<void> {
  const store = new Store();
  const acknowledged: string[] = [];
  let next = 0;
  for (let life = 0; life <= 3; life++) {
    let isDead = false;
    let isHealed = life === 3;
    const files = new FailingFiles(({ name }) => {
      if (isDead) return 'EIO';
      return !isHealed && mayFail.includes(name) && random.below(30) === 0
        ? ['EIO', 'ENOSPC', 'EMFILE'][random.below(3)]
        : undefined;
    });
    const sealBytes = random.between(1, 300);
    const spool = await Spool.open({
      directory,
      files: files.calls,
      maxBytes: 1_000_000,
      minFreeBytes: 0,
      sealBytes,
      sealAfterMs: 5,
      log,
    });
    const stop = startLoader(spool, store);
    for (let i = random.between(5, 25); i > 0; i--) {
      const text = `${round}.${life}.${next++};`;
      if (random.below(8) === 0) store.failures++;
      await spool.append(blocks(text)).then(
        () => acknowledged.push(text),
        (error: unknown) => assert.ok(error instanceof SpoolUnavailableError, String(error)),
      );
      if (random.below(4) === 0) await sleep(random.below(8));
    }
    if (life === 3) {
      isHealed = true;
      await spool.flush(AbortSignal.timeout(60_000));
      assert.deepEqual([spool.bytes, spool.segments], [0, 0]);
    }
    // Nothing of this life reaches the disk any more.
    isDead = true;
    await stop();
    await files.cutPower();
  }
  const lost = acknowledged.filter((text) => !store.commits.has(text));
  const doubled = [...store.commits].filter(([, count]) => count > 1);
  assert.deepEqual(
    { lost, doubled },
    { lost: [], doubled: [] },
    `round ${round}, CLEW_FAULT_SEED=${seed}, left: ${readdirSync(directory)}`,
  );
}

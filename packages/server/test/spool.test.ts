import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { runLoader } from '#src/spool/loader.js';
import { decodeSegment, encodeCommit } from '#src/spool/segment.js';
import { Spool, type SpoolOptions, SpoolUnavailableError } from '#src/spool/spool.js';
import type { TraceBlocks } from '#src/transcode/trace-transcoder.js';

let directory: string;
/** Blocks that the last loader has looked after, as they may have been inserted before. */
let repeated: string[] = [];
let logged: { level: number; msg: string }[];

const log = pino(
  { level: 'info' },
  {
    write(line: string) {
      logged.push(JSON.parse(line) as { level: number; msg: string });
    },
  },
);

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'clew-spool-'));
  logged = [];
});

afterEach(() => rmSync(directory, { recursive: true }));

/** Two blocks that can be told from all others. */
function blocks(text: string, bytes = 0): TraceBlocks {
  return {
    spanCount: 1,
    spans: new Uint8Array(Buffer.concat([Buffer.from(`spans ${text}`), Buffer.alloc(bytes)])),
    resources: new Uint8Array(Buffer.from(`resources ${text}`)),
  };
}

function open(options: Partial<SpoolOptions> = {}): Promise<Spool> {
  return Spool.open({ directory, maxBytes: 1_000_000, sealAfterMs: 20, log, ...options });
}

/** Runs a loader until the spool is empty; gives what it inserted. */
async function drain(
  spool: Spool,
  insert?: (table: string, token: string) => Promise<void>,
  told: (string | number)[] = [],
) {
  const inserted: { table: string; text: string; token: string }[] = [];
  repeated = [];
  const stop = new AbortController();
  const running = runLoader(
    {
      spool,
      insert: async (table, blocks, token) => {
        await insert?.(table, token);
        inserted.push({ table, text: Buffer.concat(blocks).toString(), token });
      },
      insertMissing: (spans) => {
        repeated.push(Buffer.concat(spans).toString());
        return Promise.resolve(0);
      },
      isRetryable: (error) => !(error as Error).message.startsWith('refused'),
      log,
      onStored: (spans) => told.push(spans),
      onSetAside: (reason) => told.push(reason),
    },
    stop.signal,
  );
  while (spool.bytes > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  await spool.close();
  stop.abort();
  await running;
  return inserted;
}

const spansOf = (inserted: { table: string; text: string }[]): string[] =>
  inserted.filter(({ table }) => table === 'spans').map(({ text }) => text);

describe('a segment', () => {
  it('gives back the commits that were written, and where the last whole one ends', () => {
    const first = Buffer.concat(encodeCommit(blocks('one')));
    const second = Buffer.concat(encodeCommit(blocks('two')));
    const read = decodeSegment(new Uint8Array(Buffer.concat([first, second, second.subarray(0, 7)])));
    assert.equal(read.validBytes, first.length + second.length);
    assert.deepEqual(
      read.commits.map(({ spans, resources }) => [Buffer.from(spans).toString(), Buffer.from(resources).toString()]),
      [
        ['spans one', 'resources one'],
        ['spans two', 'resources two'],
      ],
    );
  });

  it('counts a commit only when every one of its bytes is as written', () => {
    const commit = Buffer.concat(encodeCommit(blocks('one')));
    assert.equal(decodeSegment(new Uint8Array(commit)).commits.length, 1);
    for (let length = 0; length < commit.length; length++) {
      assert.equal(decodeSegment(new Uint8Array(commit.subarray(0, length))).commits.length, 0, `cut at ${length}`);
    }
    for (let position = 0; position < commit.length; position++) {
      for (let bit = 0; bit < 8; bit++) {
        const flipped = new Uint8Array(commit);
        flipped[position]! ^= 1 << bit;
        assert.equal(decodeSegment(flipped).commits.length, 0, `bit ${bit} of byte ${position}`);
      }
    }
  });
});

describe('the spool', () => {
  it('hands sealed segments to the loader in order, the resources of each before its spans', async () => {
    const spool = await open({ sealBytes: 1 });
    await spool.append(blocks('one'));
    await spool.append(blocks('two'));
    const inserted = await drain(spool);
    assert.deepEqual(
      inserted.map(({ text }) => text),
      ['resources one', 'spans one', 'resources two', 'spans two'],
    );
    assert.deepEqual(readdirSync(directory), []);
  });

  it('joins commits of one segment into one insert', async () => {
    const spool = await open({ sealAfterMs: 100 });
    await Promise.all([spool.append(blocks('one')), spool.append(blocks('two'))]);
    assert.deepEqual(spansOf(await drain(spool)), ['spans onespans two']);
  });

  it('joins what comes while a segment is inserted into one insert', async () => {
    const spool = await open({ sealAfterMs: 5 });
    await spool.append(blocks('one'));
    const late = ['two', 'three', 'four'];
    const inserted = await drain(spool, async (table) => {
      for (const text of table === 'spans' ? late.splice(0) : []) {
        await spool.append(blocks(text));
        await sleep(20);
      }
    });
    assert.deepEqual(spansOf(inserted), ['spans one', 'spans twospans threespans four']);
  });

  it('gives every segment a token of its own, also after it was emptied and opened again', async () => {
    const tokens: string[] = [];
    for (const text of ['one', 'two', 'three']) {
      const spool = await open({ sealBytes: 1 });
      await spool.append(blocks(text));
      await spool.append(blocks(text));
      tokens.push(...(await drain(spool)).map(({ token }) => token));
    }
    assert.equal(tokens.length, 12);
    assert.equal(new Set(tokens).size, 12);
  });

  it('keeps the token of a segment that waits, and the order, when it is opened again', async () => {
    const spool = await open({ sealBytes: 1 });
    await spool.append(blocks('one'));
    const waiting = await spool.nextSealed();
    await spool.close();
    const after = await open({ sealBytes: 1 });
    await after.append(blocks('two'));
    const inserted = await drain(after);
    assert.deepEqual(spansOf(inserted), ['spans one', 'spans two']);
    assert.ok(inserted[0]!.token.startsWith(waiting!.name));
  });

  it('looks after the first segment of an earlier run, whose insert a crash may have cut off, and after no other', async () => {
    const spool = await open({ sealBytes: 1 });
    for (const text of ['one', 'two']) await spool.append(blocks(text));
    await spool.close();
    const after = await open({ sealBytes: 1 });
    await after.append(blocks('three'));
    assert.deepEqual(spansOf(await drain(after)), ['spans one', 'spans two', 'spans three']);
    assert.deepEqual(repeated, ['spans one']);
  });

  it('finds after a crash what was acknowledged, cuts the torn end off and says so', async () => {
    const spool = await open({ sealAfterMs: 60_000 });
    await spool.append(blocks('kept'));
    const [name] = readdirSync(directory).filter((file) => file.endsWith('.open'));
    assert.ok(name);
    // A crash here: the segment is open, and the next write was half done.
    appendFileSync(join(directory, name), Buffer.concat(encodeCommit(blocks('torn'))).subarray(0, 20));
    const after = await open();
    assert.deepEqual(spansOf(await drain(after)), ['spans kept']);
    assert.ok(logged.some(({ msg }) => msg.startsWith('cut the torn end of a spool segment')));
    await spool.close().catch(() => {});
  });

  it('loads the whole commits of a damaged segment, sets its file aside and goes on', async () => {
    const spool = await open({ sealBytes: 1 });
    await spool.append(blocks('one'));
    await spool.append(blocks('two'));
    await spool.close();
    const [first] = readdirSync(directory)
      .filter((file) => file.endsWith('.sealed'))
      .sort();
    const path = join(directory, first!);
    const bytes = readFileSync(path);
    bytes[bytes.length - 1]! ^= 1;
    writeFileSync(path, bytes);
    const told: (string | number)[] = [];
    assert.deepEqual(spansOf(await drain(await open(), undefined, told)), ['spans two']);
    assert.deepEqual(told, ['damaged', blocks('two').spanCount]);
    assert.deepEqual(readdirSync(directory), [`${first}.refused`]);
    assert.ok(logged.some(({ msg, level }) => level === 50 && msg.startsWith('a spool segment is damaged')));
  });

  it('tries again, with the same token, until the engine takes a segment', async () => {
    const spool = await open({ sealBytes: 1 });
    await spool.append(blocks('one'));
    const tokens: string[] = [];
    const inserted = await drain(spool, async (table, token) => {
      if (table !== 'spans') return;
      tokens.push(token);
      if (tokens.length < 3) throw new Error('the engine is away');
    });
    assert.deepEqual(spansOf(inserted), ['spans one']);
    assert.equal(new Set(tokens).size, 1);
    assert.equal(tokens.length, 3);
    // An insert that failed may have gone in.
    assert.deepEqual(repeated, ['spans one']);
  });

  it('sets aside what the engine refuses for good, and loads the rest', async () => {
    const spool = await open({ sealBytes: 1 });
    await spool.append(blocks('one'));
    await spool.append(blocks('two'));
    let first = '';
    const told: (string | number)[] = [];
    const refuseFirst = async (_table: string, token: string): Promise<void> => {
      first ||= token;
      if (token === first) throw new Error('refused');
    };
    const inserted = await drain(spool, refuseFirst, told);
    assert.deepEqual(spansOf(inserted), ['spans two']);
    assert.deepEqual(told, ['refused', blocks('two').spanCount]);
    assert.equal(readdirSync(directory).filter((name) => name.endsWith('.refused')).length, 1);
  });

  it('takes what fits its limit to the byte, refuses one byte more, and takes again when the loader made room', async () => {
    const length = Buffer.concat(encodeCommit(blocks('one'))).length;
    const rooms: number[] = [];
    const spool: Spool = await open({ maxBytes: length * 2, sealBytes: 1, onRoom: () => rooms.push(spool.roomBytes) });
    await spool.append(blocks('one'));
    assert.equal(spool.full, null);
    const noRoom = (error: Error): boolean => {
      assert.ok(error instanceof SpoolUnavailableError);
      assert.match(error.message, new RegExp(`holds ${length} bytes.*limit is ${length * 2}`));
      return true;
    };
    await assert.rejects(spool.append(blocks('one', 1)), noRoom);
    assert.ok(spool.full !== null && noRoom(spool.full));
    await spool.append(blocks('one'));
    assert.ok(spool.full);
    assert.deepEqual(rooms, []);
    const segment = await spool.nextSealed();
    assert.ok(segment);
    await spool.remove(segment);
    assert.equal(spool.full, null);
    assert.deepEqual(rooms, [length]);
    await spool.append(blocks('one'));
    assert.equal(spool.bytes, length * 2);
    await spool.close();
  });

  it('is not full while it is empty, also after a commit that is larger than all of it', async () => {
    const spool = await open({ maxBytes: 10 });
    await assert.rejects(spool.append(blocks('one')), SpoolUnavailableError);
    assert.equal(spool.full, null);
    await spool.close();
  });

  it('refuses while its directory cannot be written, and takes again when it can', async () => {
    const spool = await open({ sealBytes: 1 });
    rmSync(directory, { recursive: true });
    await assert.rejects(spool.append(blocks('nowhere')), SpoolUnavailableError);
    mkdirSync(directory);
    await spool.append(blocks('again'));
    assert.deepEqual(spansOf(await drain(spool)), ['spans again']);
  });

  it('refuses while the disk has less free than it must, and says how much it has and which variable sets that', async () => {
    const spool = await open({ minFreeBytes: Number.MAX_SAFE_INTEGER });
    await assert.rejects(spool.append(blocks('one')), {
      name: 'SpoolUnavailableError',
      message: /has \d+ bytes free; the limit is 9007199254740991 \(CLEW_MIN_FREE_BYTES\)/,
    });
    assert.equal(spool.bytes, 0);
    await spool.close();
    const free = await open({ minFreeBytes: 1 });
    await free.append(blocks('two'));
    assert.deepEqual(spansOf(await drain(free)), ['spans two']);
  });

  it('is flushed when what was acknowledged before has left it, whatever comes behind', async () => {
    const spool = await open({ sealAfterMs: 60_000 });
    await spool.append(blocks('one'));
    let isFlushed = false;
    const flushed = spool.flush(AbortSignal.timeout(5_000)).then(() => {
      isFlushed = true;
    });
    const segment = await spool.nextSealed();
    await spool.append(blocks('two'));
    assert.equal(isFlushed, false);
    await spool.remove(segment!);
    await flushed;
    assert.ok(spool.bytes > 0, 'what came behind is still there');
    await spool.close();
  });

  it('a flush ends with the reason when the engine takes nothing, and when the spool is closed', async () => {
    const spool = await open();
    await spool.append(blocks('one'));
    const stop = new AbortController();
    const stopped = spool.flush(stop.signal);
    const closed = spool.flush(AbortSignal.timeout(5_000));
    await spool.nextSealed();
    stop.abort(new Error('too long'));
    await assert.rejects(stopped, /too long/);
    await Promise.all([assert.rejects(closed, /the server is stopping/), spool.close()]);
    await spool.close().catch(() => {});
  });

  it('refuses when it was closed', async () => {
    const spool = await open();
    await spool.close();
    await assert.rejects(spool.append(blocks('late')), SpoolUnavailableError);
    assert.equal(await spool.nextSealed(), null);
  });
});

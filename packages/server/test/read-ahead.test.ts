import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { OverflowSpace, readAhead } from '#src/query/read-ahead.js';

const mib = 1024 * 1024;

let directory: string;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'clew-overflow-'));
});

after(async () => {
  await rm(directory, { recursive: true });
});

const openSpace = (maxBytes = 64 * mib): Promise<OverflowSpace> =>
  OverflowSpace.open(join(directory, 'overflow'), maxBytes);

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!condition()) {
    assert.ok(Date.now() < deadline, `still not true after 60 s: ${condition}`);
    await sleep(5);
  }
}

/** Pieces of bytes that count up over all of them, and a note of how many were given. */
function createSource(sizes: readonly number[]): { source: Readable; whole: Buffer; given: () => number } {
  const whole = Buffer.alloc(sizes.reduce((sum, size) => sum + size, 0));
  for (let at = 0; at + 4 <= whole.length; at += 4) whole.writeUInt32LE(at, at);
  let given = 0;
  function* pieces(): Generator<Uint8Array> {
    for (const size of sizes) {
      given += size;
      yield whole.subarray(given - size, given);
    }
  }
  return { source: Readable.from(pieces(), { objectMode: false }), whole, given: () => given };
}

describe('reading ahead', () => {
  test('the source is read to its end while nobody reads, and a reader then gets all of it', async () => {
    const space = await openSpace();
    const { source, whole, given } = createSource(Array.from({ length: 200 }, () => 100_000));
    const ahead = readAhead(source, space);
    await until(() => source.destroyed);
    assert.equal(given(), whole.length);
    assert.ok(space.bytes > whole.length - 2 * mib && space.bytes <= whole.length, `${space.bytes} bytes`);
    assert.ok(Buffer.concat(await ahead.toArray()).equals(whole));
    await until(() => space.bytes === 0);
  });

  test('any pieces come out as they went in, whether the reader is faster or slower', async () => {
    const space = await openSpace();
    const sizes = fc.array(fc.integer({ min: 1, max: 700_000 }), { maxLength: 30 });
    const pauses = fc.infiniteStream(fc.integer({ min: 0, max: 3 }));
    await fc.assert(
      fc.asyncProperty(sizes, pauses, async (pieces, pause) => {
        const { source, whole } = createSource(pieces);
        const taken: Buffer[] = [];
        for await (const piece of readAhead(source, space)) {
          taken.push(piece as Buffer);
          if (pause.next().value === 3) await sleep(1);
        }
        assert.ok(Buffer.concat(taken).equals(whole));
      }),
      { numRuns: 30 },
    );
    await until(() => space.bytes === 0);
  });

  test('where there is no room left, the source waits for the reader, who gets all of it', async () => {
    const space = await openSpace(mib);
    const { source, whole, given } = createSource(Array.from({ length: 100 }, () => 100_000));
    const ahead = readAhead(source, space);
    await until(() => given() > 2 * mib);
    // Longer than a source takes that does not wait.
    await sleep(200);
    assert.ok(given() < 3 * mib, `${given()} bytes`);
    assert.ok(Buffer.concat(await ahead.toArray()).equals(whole));
  });

  test('the share of one tenant is bounded, and so are all of them together', async () => {
    const space = await openSpace(10);
    const [one, two] = [space.share(6), space.share(6)];
    assert.equal(one.reserve(6), true);
    assert.equal(one.reserve(1), false);
    assert.equal(two.reserve(5), false);
    assert.equal(two.reserve(4), true);
    assert.deepEqual([one.bytes, two.bytes, space.bytes], [6, 4, 10]);
    one.release(6);
    assert.equal(two.reserve(2), true);
  });

  test('a reader that leaves frees the source and the room', async () => {
    const space = await openSpace();
    const endless = new Readable({
      read() {
        this.push(Buffer.alloc(100_000));
      },
    });
    const ahead = readAhead(endless, space);
    await until(() => space.bytes > 10 * mib);
    ahead.destroy();
    await until(() => endless.destroyed && space.bytes === 0);
  });

  test('a failure of the source is one of the stream, without an end before it', async () => {
    const space = await openSpace();
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield Buffer.alloc(5 * mib);
      throw new Error('the source broke off');
    }
    const ahead = readAhead(Readable.from(failing(), { objectMode: false }), space);
    await assert.rejects(ahead.toArray(), /the source broke off/);
    await until(() => space.bytes === 0);
  });

  test('only its owner may enter the directory, files have no name in it, and what was left there is gone', async () => {
    const space = await openSpace();
    assert.equal((await stat(join(directory, 'overflow'))).mode & 0o777, 0o700);
    const file = await space.createFile();
    assert.equal((await file.stat()).mode & 0o777, 0o600);
    assert.deepEqual(await readdir(join(directory, 'overflow')), []);
    await file.close();
  });
});

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it, type TestContext } from 'node:test';
import {
  type ClewServer,
  enginePid,
  killAll,
  listSegments,
  listSetAside,
  type StartingServer,
  spawnServer,
  waitForEmptySpool,
} from './clew-server.ts';
import { createTrace, expectAllOnce, type NumberedTrace, sendNext } from './numbered-spans.ts';
import { createRandom, type Random, seed } from './random.ts';

let dataDir: string;
let starting: StartingServer | undefined;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'clew-damaged-'));
});

afterEach(async () => {
  if (starting !== undefined) await killAll(starting);
  starting = undefined;
  rmSync(dataDir, { recursive: true, force: true });
});

function start(): Promise<ClewServer> {
  starting = spawnServer(dataDir);
  return starting.ready;
}

const inSpool = (name: string): string => join(dataDir, 'spool', name);

/** A spool of several segments that no engine has seen, the last of them open, and what was acknowledged for it. */
async function fillSpool(): Promise<NumberedTrace> {
  const server = await start();
  await waitForEmptySpool(dataDir);
  // Stopped, the engine answers nothing: what comes now stays in the spool.
  process.kill(enginePid(server)!, 'SIGSTOP');
  const trace = createTrace();
  const deletion = `${server.uiUrl}/clew/v1/traces/${'1'.repeat(32)}`;
  while (listSegments(dataDir).length < 5) {
    for (let i = 0; i < 10; i++) assert.equal(await sendNext(server.otlpUrl, trace), 200);
    // It waits for all that came before: what is open is sealed.
    fetch(deletion, { method: 'DELETE' }).catch(() => {});
  }
  // The kill comes before the open segment is sealed.
  assert.equal(await sendNext(server.otlpUrl, trace), 200);
  await killAll(server);
  return trace;
}

/** Where each commit begins, and the end: `magic · payload length · CRC-32 · payload`. */
function commitOffsets(bytes: Buffer): number[] {
  const offsets = [0];
  for (let at = 0; at < bytes.length; ) {
    at += 12 + bytes.readUInt32LE(at + 4);
    offsets.push(at);
  }
  return offsets;
}

type Damage = (bytes: Buffer, at: number, random: Random) => { readonly bytes: Buffer; readonly hitBytes: number };

/** Each at `at`; `hitBytes` are those that are not there or not the same any more. */
const damages: Readonly<Record<string, Damage>> = {
  'a flipped bit': (bytes, at, random) => {
    const flipped = Buffer.from(bytes);
    flipped[at]! ^= 1 << random.below(8);
    return { bytes: flipped, hitBytes: 1 };
  },
  'bytes that are cut out': (bytes, at, random) => {
    const hitBytes = Math.min(random.between(1, 3000), bytes.length - at);
    return { bytes: Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + hitBytes)]), hitBytes };
  },
  'an end that is cut off': (bytes, at) => ({ bytes: bytes.subarray(0, at), hitBytes: bytes.length - at }),
  'a block of zeros': (bytes, at, random) => {
    const hitBytes = Math.min(random.between(1, 4096), bytes.length - at);
    return { bytes: Buffer.from(bytes).fill(0, at, at + hitBytes), hitBytes };
  },
};

describe('a spool whose files were damaged while the server was down', () => {
  for (const [what, damage] of Object.entries(damages)) {
    it(`by ${what}: whole commits are loaded once, damage is said and set aside`, async (t: TestContext) => {
      t.diagnostic(`CLEW_FAULT_SEED=${seed}`);
      const random = createRandom(what);
      const trace = await fillSpool();
      const segments = listSegments(dataDir).sort();
      // The commits of all segments in order are the requests in order: each was sent when the last was acknowledged.
      const hit = new Set<number>();
      let firstRequest = 0;
      for (const [index, name] of segments.entries()) {
        const bytes = readFileSync(inSpool(name));
        const offsets = commitOffsets(bytes);
        // Every other one, and the last, which is open.
        if (index % 2 === 0 || index === segments.length - 1) {
          const at = random.between(1, bytes.length - 1);
          const damaged = damage(bytes, at, random);
          writeFileSync(inSpool(name), damaged.bytes);
          for (let i = 0; i + 1 < offsets.length; i++) {
            const isHit = offsets[i]! < at + damaged.hitBytes && offsets[i + 1]! > at;
            if (isHit) hit.add(firstRequest + i);
          }
        }
        firstRequest += offsets.length - 1;
      }
      assert.equal(firstRequest, trace.requests, 'commits and requests do not match');
      const server = await start();
      await waitForEmptySpool(dataDir);
      const whole = { ...trace, acknowledged: trace.acknowledged.filter((request) => !hit.has(request)) };
      const { acknowledged } = await expectAllOnce(server.uiUrl, [whole]);
      const setAside = listSetAside(dataDir);
      t.diagnostic(
        `${segments.length} segments, ${trace.requests} commits, ${hit.size} hit; ${acknowledged} spans of the others are ` +
          `there once; ${setAside.length} files set aside`,
      );
      const said = server.log.filter(({ msg }) => /^a spool segment is damaged|^cut the torn end/.test(msg)).length;
      assert.ok(said >= 2, JSON.stringify(server.log));
      assert.equal(
        setAside.length,
        server.log.filter(({ msg }) => msg.startsWith('a spool segment is damaged')).length,
      );
    });
  }

  it('by folders in the place of files: they are set aside, and the start goes on', async () => {
    const trace = await fillSpool();
    mkdirSync(inSpool('000000000000-0000000000000000.sealed'));
    mkdirSync(inSpool('000000000000-0000000000000001.open'));
    const server = await start();
    await waitForEmptySpool(dataDir);
    await expectAllOnce(server.uiUrl, [trace]);
    assert.deepEqual(listSetAside(dataDir).sort(), [
      '000000000000-0000000000000000.sealed.refused',
      '000000000000-0000000000000001.open.refused',
    ]);
    assert.equal(server.log.filter(({ msg }) => msg.startsWith('a spool segment cannot be read; its file')).length, 2);
  });
});

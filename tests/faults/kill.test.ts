import assert from 'node:assert/strict';
import { copyFileSync, linkSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { OperationMetricsResponse, StatsResponse } from '@clew/model';
import {
  type ClewServer,
  enginePid,
  killAll,
  listSetAside,
  type StartingServer,
  spawnServer,
  waitForEmptySpool,
} from './clew-server.ts';
import { expectAllOnce, type NumberedTrace, startLoad, stopAllLoads, type Tally } from './numbered-spans.ts';
import { countFromEnv, createRandom, seed } from './random.ts';

const rounds = countFromEnv('CLEW_FAULT_ROUNDS', 5);

let dataDir: string;
let server: StartingServer | undefined;

before(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'clew-kill-'));
});

afterEach(async () => {
  await stopAllLoads();
  if (server !== undefined) await killAll(server);
  server = undefined;
});

after(() => {
  rmSync(dataDir, { recursive: true, force: true });
});

/** Keeps it in `server`, so that it is killed whatever happens. */
function start(): Promise<ClewServer> {
  server = spawnServer(dataDir);
  return server.ready;
}

/** Links every sealed segment into the data directory while the loader takes them; gives their names at the end. */
async function keepSealedSegments(stop: AbortSignal): Promise<string[]> {
  const names = new Set<string>();
  while (!stop.aborted) {
    for (const name of readdirSync(join(dataDir, 'spool'))) {
      if (!name.endsWith('.sealed') || names.has(name)) continue;
      try {
        linkSync(join(dataDir, 'spool', name), join(dataDir, name));
        names.add(name);
      } catch (error) {
        // The loader was faster.
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      }
    }
    await sleep(2);
  }
  return [...names];
}

/** Waits for the loader, and checks that every acknowledged span is there, once. */
async function expectWhole({ uiUrl }: ClewServer, traces: readonly NumberedTrace[]): Promise<Tally> {
  await waitForEmptySpool(dataDir);
  assert.deepEqual(listSetAside(dataDir), [], 'segments were set aside');
  return expectAllOnce(uiUrl, traces);
}

describe('what was acknowledged is kept, once', () => {
  const all: NumberedTrace[] = [];

  it(`through kill -9 of server and engine at random moments of load, ${rounds} rounds`, async (t: TestContext) => {
    const random = createRandom('kill everything');
    t.diagnostic(`CLEW_FAULT_SEED=${seed}`);
    const sum: Tally = { acknowledged: 0, lost: 0, doubled: 0 };
    const moments: number[] = [];
    let running = await start();
    for (let round = 0; round < rounds; round++) {
      const load = startLoad(running.otlpUrl);
      await load.nextAcknowledgement();
      const loadMs = random.between(0, 1900);
      moments.push(loadMs);
      await sleep(loadMs);
      await killAll(running);
      await load.stop();
      running = await start();
      const { acknowledged } = await expectWhole(running, load.traces);
      sum.acknowledged += acknowledged;
      all.push(...load.traces);
    }
    t.diagnostic(`killed ${moments.join(', ')} ms after the first acknowledgement`);
    t.diagnostic(`${rounds} rounds: ${sum.acknowledged} spans acknowledged, ${sum.lost} lost, ${sum.doubled} doubled`);
  });

  it('through a crash between an insert and the removal of its segment: the same segments come again', async () => {
    const running = await start();
    const stop = new AbortController();
    const kept = keepSealedSegments(stop.signal);
    const load = startLoad(running.otlpUrl);
    await load.nextAcknowledgement();
    await sleep(1000);
    await load.stop();
    stop.abort();
    await expectWhole(running, load.traces);
    await killAll(running);
    const names = await kept;
    assert.ok(names.length > 0, 'no segment was seen: there is nothing to repeat');
    for (const name of names) copyFileSync(join(dataDir, name), join(dataDir, 'spool', name));
    await expectWhole(await start(), load.traces);
  });

  it('through kill -9 during the start, again and again', async (t: TestContext) => {
    const random = createRandom('kill the start');
    const running = await start();
    const load = startLoad(running.otlpUrl);
    await load.nextAcknowledgement();
    await sleep(random.between(0, 600));
    await killAll(running);
    await load.stop();
    const moments = Array.from({ length: Math.ceil(rounds / 2) }, () => random.between(50, 1200));
    for (const moment of moments) {
      server = spawnServer(dataDir);
      await sleep(moment);
      await killAll(server);
    }
    const { acknowledged } = await expectWhole(await start(), load.traces);
    t.diagnostic(`killed ${moments.join(', ')} ms after the start; ${acknowledged} spans were there once`);
    all.push(...load.traces);
  });

  it('through kill -9 of the engine alone at random moments: ingest goes on, queries come back', async (t: TestContext) => {
    const random = createRandom('kill the engine');
    const running = await start();
    const load = startLoad(running.otlpUrl);
    await load.nextAcknowledgement();
    let kills = 0;
    for (let round = 0; round < rounds; round++) {
      await sleep(random.between(50, 800));
      const pid = enginePid(running);
      // It is still being started again after the last blow.
      if (pid === undefined) continue;
      process.kill(pid, 'SIGKILL');
      kills++;
      // Two: the first may have been on its way already.
      await load.nextAcknowledgement();
      await load.nextAcknowledgement();
    }
    await load.stop();
    const refused = load.traces.flatMap((trace) => [...trace.refused.keys()]).filter((status) => status !== 0);
    assert.deepEqual(refused, [], 'ingest refused spans while the engine was away');
    const sum = await expectWhole(running, load.traces);
    t.diagnostic(`${kills} kills: ${sum.acknowledged} spans acknowledged, ${sum.lost} lost, ${sum.doubled} doubled`);
    // Of all the rounds before, each of which was checked: still there, still once.
    await expectAllOnce(running.uiUrl, all);
  });

  it('and is counted once in the metrics of operations, however it came', async (t: TestContext) => {
    const { uiUrl } = await start();
    await waitForEmptySpool(dataDir);
    const read = async <Answer>(path: string): Promise<Answer> =>
      (await (await fetch(`${uiUrl}/clew/v1/${path}`)).json()) as Answer;
    const { store } = await read<StatsResponse>('stats');
    assert.ok('spans' in store && store.spans > 0);
    const countCalls = async (): Promise<number> => {
      const { operations } = await read<OperationMetricsResponse>('operation-metrics');
      return operations.reduce((sum, { calls }) => sum + calls, 0);
    };
    // Minutes are computed again ten seconds later.
    for (let attempt = 0; attempt < 30 && (await countCalls()) !== store.spans; attempt++) await sleep(1000);
    assert.equal(await countCalls(), store.spans);
    t.diagnostic(`${store.spans} spans`);
  });
});

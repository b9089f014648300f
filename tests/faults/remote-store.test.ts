import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type ClewServer,
  killAll,
  listSetAside,
  type StartingServer,
  spawnServer,
  waitForEmptySpool,
} from './clew-server.ts';
import { createTrace, expectAllOnce, type Load, sendNext, startLoad, stopAllLoads } from './numbered-spans.ts';
import { countFromEnv, createRandom, seed } from './random.ts';
import { RemoteEngine } from './remote-engine.ts';

const faultMs = 1000 * countFromEnv('CLEW_FAULT_SECONDS', 4);

let directory: string;
let dataDir: string;
let remote: RemoteEngine;
let server: StartingServer | undefined;

before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'clew-remote-'));
  dataDir = join(directory, 'data');
  remote = await RemoteEngine.start(directory);
});

afterEach(async () => {
  await stopAllLoads();
  if (server !== undefined) await killAll(server);
  server = undefined;
  remote.weather = {};
});

after(async () => {
  await remote.stop();
  rmSync(directory, { recursive: true, force: true });
});

function start(database = ''): Promise<ClewServer> {
  server = spawnServer(dataDir, { CLEW_CLICKHOUSE_URL: `${remote.url}/${database}` });
  return server.ready;
}

async function startWithLoad(): Promise<{ running: ClewServer; load: Load }> {
  const running = await start();
  const load = startLoad(running.otlpUrl);
  await load.nextAcknowledgement();
  return { running, load };
}

async function expectWhole({ uiUrl }: ClewServer, load: Load, t: TestContext): Promise<void> {
  await load.stop();
  await waitForEmptySpool(dataDir);
  assert.deepEqual(listSetAside(dataDir), [], 'segments were set aside');
  const { acknowledged } = await expectAllOnce(uiUrl, load.traces);
  t.diagnostic(`${acknowledged} spans were acknowledged, and are there once`);
}

/** The end of a load breaks off what is under way: that has no status. */
function expectNoRefusal({ traces }: Load): void {
  const statuses = traces.flatMap(({ refused }) => [...refused.keys()]).filter((status) => status !== 0);
  assert.deepEqual(statuses, []);
}

async function readiness(uiUrl: string): Promise<readonly [ingest: number, queries: number]> {
  const statusOf = async (path: string): Promise<number> => (await fetch(`${uiUrl}/ready/${path}`)).status;
  return [await statusOf('ingest'), await statusOf('queries')];
}

describe(`a ClickHouse over a network, for ${faultMs / 1000} s each time`, () => {
  it('that is away: spans are acknowledged and kept, queries say why they cannot be answered', async (t: TestContext) => {
    const { running, load } = await startWithLoad();
    await remote.goAway();
    await load.nextAcknowledgement();
    await sleep(faultMs);
    await load.nextAcknowledgement();
    assert.deepEqual(await readiness(running.uiUrl), [200, 503]);
    const refused = await fetch(`${running.uiUrl}/clew/v1/services`);
    assert.equal(refused.status, 503);
    assert.ok(refused.headers.get('retry-after') !== null);
    const { code, message } = (await refused.json()) as { code: string; message: string };
    assert.equal(code, 'CLEW_ENGINE_UNAVAILABLE');
    assert.match(message, /ECONNREFUSED/);
    await remote.comeBack();
    await expectWhole(running, load, t);
    assert.deepEqual(await readiness(running.uiUrl), [200, 200]);
    expectNoRefusal(load);
  });

  it('that is slow: acknowledgements do not wait for it', async (t: TestContext) => {
    const { running, load } = await startWithLoad();
    remote.weather = { delayMs: 300 };
    await sleep(faultMs);
    await load.nextAcknowledgement();
    remote.weather = {};
    await expectWhole(running, load, t);
    expectNoRefusal(load);
  });

  it('that breaks off its answers: inserts are repeated, and no query takes a part for the whole', async (t: TestContext) => {
    const random = createRandom('cut answers');
    t.diagnostic(`CLEW_FAULT_SEED=${seed}`);
    const { running, load } = await startWithLoad();
    const trace = createTrace();
    assert.equal(await sendNext(running.otlpUrl, trace), 200);
    const read = async (): Promise<Buffer> => {
      const response = await fetch(`${running.uiUrl}/clew/v1/traces/${trace.traceId}`);
      if (!response.ok) throw new Error(`status ${response.status}`);
      return Buffer.from(await response.arrayBuffer());
    };
    let whole = await read().catch(() => undefined);
    for (; whole === undefined; whole = await read().catch(() => undefined)) await sleep(50);
    remote.weather = { cutAnswerAt: () => 2 ** random.between(5, 15) };
    const until = Date.now() + faultMs;
    let good = 0;
    let broken = 0;
    // On a busy machine a reading may take a second: until there is enough to judge by, which the time limit of the test ends.
    while (Date.now() < until || remote.cuts <= 5 || broken === 0 || good === 0) {
      const bytes = await read().catch(() => undefined);
      if (bytes === undefined) broken++;
      else assert.ok(bytes.equals(whole), `${bytes.length} of ${whole.length} bytes`);
      good += bytes === undefined ? 0 : 1;
      await sleep(20);
    }
    const { cuts } = remote;
    remote.weather = {};
    t.diagnostic(`${cuts} answers were cut; of ${good + broken} readings of a trace ${broken} failed`);
    assert.ok(cuts > 5 && broken > 0 && good > 0, `${cuts} cuts, ${broken} broken and ${good} good readings`);
    await expectWhole(running, load, t);
  });

  it('that is away at the start: spans are acknowledged, and stored when it comes', async (t: TestContext) => {
    await remote.goAway();
    // With a database of its own, which nobody has created.
    const running = await start('away_at_start');
    const load = startLoad(running.otlpUrl);
    await load.nextAcknowledgement();
    assert.deepEqual(await readiness(running.uiUrl), [200, 503]);
    await sleep(faultMs);
    await load.nextAcknowledgement();
    assert.ok(server!.log.some(({ msg }) => msg.includes('ClickHouse cannot be reached')));
    await remote.comeBack();
    await expectWhole(running, load, t);
    assert.deepEqual(await readiness(running.uiUrl), [200, 200]);
    expectNoRefusal(load);
  });

  it('has one server on a data directory, also after that was killed', async () => {
    const first = await start();
    const second = spawnServer(dataDir, { CLEW_CLICKHOUSE_URL: remote.url });
    await assert.rejects(second.ready, /is in use by another server/);
    await killAll(first);
    await start();
  });
});

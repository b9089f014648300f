import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseConfig, type RunningServer, startServer } from '@clew/server';
import { createTrace, expectAllOnce, sendNext } from './numbered-spans.ts';
import { countFromEnv, createRandom, seed } from './random.ts';
import { RemoteEngine } from './remote-engine.ts';

const rounds = countFromEnv('CLEW_FAULT_ROUNDS', 3);

let dataDir: string;
let engine: RemoteEngine;
let servers: RunningServer[];

before(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'clew-shared-'));
  engine = await RemoteEngine.start(dataDir);
  // Started at once, both bring the schema up to date.
  servers = await Promise.all(['one', 'two'].map((name) => start(name)));
});

after(async () => {
  engine.weather = {};
  await Promise.all(servers.map((server) => server.close()));
  await engine.stop();
  rmSync(dataDir, { recursive: true });
});

function start(name: string): Promise<RunningServer> {
  const names = [
    'otlpHttpPort',
    'otlpGrpcPort',
    'zipkinPort',
    'jaegerHttpPort',
    'jaegerGrpcPort',
    'httpPort',
    'healthPort',
  ];
  const ports = Object.fromEntries(names.map((port) => [port, 0]));
  const clickhouseUrl = `${engine.url}/shared`;
  return startServer(parseConfig({}, { ...ports, dataDir: join(dataDir, name), logLevel: 'silent', clickhouseUrl }));
}

async function waitForEmptySpools(): Promise<void> {
  for (const { uiUrl } of servers) {
    for (;;) {
      const response = await fetch(`${uiUrl}/clew/v1/stats`);
      const { spool } = (await response.json()) as { spool: { segments: number } };
      if (spool.segments === 0) break;
      await sleep(50);
    }
  }
}

async function queryEngine(query: string): Promise<string> {
  const response = await fetch(`${engine.url}/?database=shared`, { method: 'POST', body: query });
  const text = await response.text();
  assert.equal(response.status, 200, text);
  return text.trim();
}

describe('two servers on one database', () => {
  it(`store what each acknowledged once, while both compare segments that come again (CLEW_FAULT_SEED=${seed})`, async () => {
    const random = createRandom('shared database');
    for (let round = 0; round < rounds; round++) {
      // A segment whose answer was lost comes again, and its spans are compared with those that are there.
      engine.weather = { cutAnswerAt: () => (random.below(3) === 0 ? 1e9 : random.below(300)) };
      const traces = servers.flatMap(() => Array.from({ length: random.between(1, 4) }, createTrace));
      await Promise.all(
        traces.map(async (trace, i) => {
          for (let request = 0; request < 3; request++) await sendNext(servers[i % 2]!.otlpUrl, trace);
        }),
      );
      // Until a segment has failed once, so that the rest of the round is about comparing.
      await sleep(random.below(600));
      engine.weather = {};
      await waitForEmptySpools();
      await expectAllOnce(servers[round % 2]!.uiUrl, traces);
    }
    const left = "SELECT count() FROM system.tables WHERE database = currentDatabase() AND name LIKE 'spans_replay%'";
    assert.equal(await queryEngine(left), '0');
  });

  it('at the start drop what killed ones left, and nothing of one that runs', async () => {
    const nowS = Math.floor(Date.now() / 1000);
    const hash = '0123456789abcdef';
    for (const name of [
      `spans_replay_${nowS - 3_700}_${hash}`,
      `spans_replay_${nowS - 3_000}_${hash}`,
      'spans_replay',
    ]) {
      await queryEngine(`CREATE TABLE ${name} AS spans ENGINE = Memory`);
    }
    const third = await start('three');
    await third.close();
    const left = "SELECT name FROM system.tables WHERE database = currentDatabase() AND name LIKE 'spans_replay%'";
    assert.equal(await queryEngine(left), `spans_replay_${nowS - 3_000}_${hash}`);
    await queryEngine(`DROP TABLE spans_replay_${nowS - 3_000}_${hash}`);
  });
});

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, linkSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { hexAt, otlpJsonToProtobuf, readNativeBlocks } from '@clew/wire';

const clew = fileURLToPath(new URL('../../../packages/cli/bin/clew.js', import.meta.url));
const spansPerTrace = 20;

interface Server {
  readonly child: ChildProcess;
  readonly uiUrl: string;
  readonly otlpUrl: string;
}

let dataDir: string;
let server: Server | undefined;

before(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'clew-kill-'));
});

afterEach(async () => {
  if (server !== undefined) await killAll(server);
  server = undefined;
});

after(() => {
  rmSync(dataDir, { recursive: true, force: true });
});

const freePorts = ['http', 'otlp-http', 'zipkin', 'jaeger-http'].flatMap((name) => [`--${name}-port`, '0']);

/** `clew serve` at the head of a process group of its own, so that all of it can be killed in one blow. */
async function start(): Promise<Server> {
  const args = ['serve', '--data-dir', dataDir, ...freePorts, '--log-level', 'error'];
  const child = spawn(process.execPath, [clew, ...args], { detached: true, stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  for await (const chunk of child.stdout.setEncoding('utf8')) {
    output += chunk as string;
    const ready = /UI and API\s+(\S+)[\s\S]+OTLP\/HTTP\s+(\S+)\n/.exec(output);
    if (ready !== null) return { child, uiUrl: ready[1]!, otlpUrl: ready[2]! };
  }
  throw new Error(`clew serve ended before it was ready: ${output}`);
}

/** kill -9 of the server and its engine, at once. */
async function killAll({ child }: Server): Promise<void> {
  const exited = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined;
  try {
    process.kill(-child.pid!, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
  await exited;
}

/** The engine is the server's one child process. */
function enginePid({ child }: Server): number {
  const pid = readdirSync('/proc').find((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === child.pid;
    } catch {
      return false;
    }
  });
  assert.ok(pid, 'the server has no engine process');
  return Number(pid);
}

let nextTrace = 1;

function makeTrace(): { traceId: string; body: Uint8Array<ArrayBuffer> } {
  const traceId = (nextTrace++).toString(16).padStart(32, '0');
  const startNs = BigInt(Date.now()) * 1_000_000n;
  const spans = Array.from({ length: spansPerTrace }, (_, i) => ({
    traceId,
    spanId: (i + 1).toString(16).padStart(16, '0'),
    name: `span ${i}`,
    startTimeUnixNano: String(startNs + BigInt(i)),
    endTimeUnixNano: String(startNs + 1000n),
    attributes: [{ key: 'n', value: { intValue: i } }],
  }));
  const json = JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] });
  return { traceId, body: new Uint8Array(otlpJsonToProtobuf(new TextEncoder().encode(json))) };
}

/** Senders that go on until the signal; gives the traces whose export was acknowledged. */
function startLoad(otlpUrl: string, stop: AbortSignal): { acknowledged: string[]; done: Promise<unknown> } {
  const acknowledged: string[] = [];
  const sendAll = async (): Promise<void> => {
    while (!stop.aborted) {
      // A bounded load: each trace is asked for afterwards.
      await sleep(15);
      const { traceId, body } = makeTrace();
      try {
        const response = await fetch(`${otlpUrl}/v1/traces`, {
          method: 'POST',
          headers: { 'content-type': 'application/x-protobuf' },
          body,
          signal: stop,
        });
        if (response.status === 200) acknowledged.push(traceId);
        await response.arrayBuffer();
      } catch {
        // The server died with the request under way: not acknowledged, nothing is promised.
      }
    }
  };
  return { acknowledged, done: Promise.all(Array.from({ length: 6 }, sendAll)) };
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

/** How many rows a trace has in the store, and how many spans they are. */
async function countSpans(uiUrl: string, traceId: string): Promise<{ rows: number; distinct: number }> {
  const response = await fetch(`${uiUrl}/clew/v1/traces/${traceId}`);
  const body = new Uint8Array(await response.arrayBuffer());
  if (response.status === 404) return { rows: 0, distinct: 0 };
  assert.equal(response.status, 200, Buffer.from(body).toString());
  const ids = readNativeBlocks(body).flatMap((block) =>
    Array.from({ length: block.rowCount }, (_, row) => hexAt(block.columns.get('span_id')!, row)),
  );
  return { rows: ids.length, distinct: new Set(ids).size };
}

/** Waits until the spool has handed over all it holds, and checks that every acknowledged span is there, once. */
async function expectAllOnce({ uiUrl }: Server, traceIds: readonly string[]): Promise<void> {
  const spool = join(dataDir, 'spool');
  while (readdirSync(spool).some((name) => /\.(open|sealed)$/.test(name))) await sleep(20);
  assert.deepEqual(readdirSync(spool), [], 'segments were set aside');
  const queue = [...traceIds];
  const checkNext = async (): Promise<void> => {
    for (let traceId = queue.pop(); traceId !== undefined; traceId = queue.pop()) {
      const found = await countSpans(uiUrl, traceId);
      assert.deepEqual(found, { rows: spansPerTrace, distinct: spansPerTrace }, `trace ${traceId}`);
    }
  };
  await Promise.all(Array.from({ length: 4 }, checkNext));
}

describe('what was acknowledged is kept, once', () => {
  const acknowledged: string[] = [];

  for (const [round, loadMs] of [700, 1200, 300, 1800, 1000].entries()) {
    it(`through kill -9 of server and engine in the middle of load, round ${round + 1}`, async () => {
      server = await start();
      const stop = new AbortController();
      const load = startLoad(server.otlpUrl, stop.signal);
      await sleep(loadMs);
      await killAll(server);
      stop.abort();
      await load.done;
      assert.ok(load.acknowledged.length > 0, 'nothing was acknowledged before the kill: there is nothing to see');
      acknowledged.push(...load.acknowledged);
      server = await start();
      await expectAllOnce(server, load.acknowledged);
    });
  }

  it('through a crash between an insert and the removal of its segment: the same segments come again', async () => {
    server = await start();
    const stop = new AbortController();
    const kept = keepSealedSegments(stop.signal);
    const load = startLoad(server.otlpUrl, stop.signal);
    await sleep(1000);
    stop.abort();
    await load.done;
    await expectAllOnce(server, load.acknowledged);
    await killAll(server);
    const names = await kept;
    assert.ok(names.length > 0, 'no segment was seen: there is nothing to repeat');
    for (const name of names) copyFileSync(join(dataDir, name), join(dataDir, 'spool', name));
    server = await start();
    await expectAllOnce(server, load.acknowledged);
  });

  it('through kill -9 of the engine alone: ingest goes on, queries answer again by themselves', async () => {
    server = await start();
    const stop = new AbortController();
    const load = startLoad(server.otlpUrl, stop.signal);
    await sleep(700);
    const before = load.acknowledged.length;
    process.kill(enginePid(server), 'SIGKILL');
    await sleep(700);
    stop.abort();
    await load.done;
    assert.ok(load.acknowledged.length > before, 'ingest stopped when the engine died');
    await expectAllOnce(server, load.acknowledged);
    // Of the rounds before, each of which was checked whole, every tenth trace: still there, still once.
    await expectAllOnce(
      server,
      acknowledged.filter((_, i) => i % 10 === 0),
    );
  });
});

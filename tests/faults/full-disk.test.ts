import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readdirSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { RetentionRequest, RetentionResponse, SearchResponse } from '@clew/model';
import { hexAt, otlpJsonToProtobuf, readNativeBlocks } from '@clew/wire';

const clew = fileURLToPath(new URL('../../../packages/cli/bin/clew.js', import.meta.url));
const mib = 1024 * 1024;
const diskBytes = 192 * mib;
const minFreeBytes = 32 * mib;
const spansPerTrace = 20;

/** A disk of its own can be made by root only, and with this file system on Linux only. */
const mounted = process.platform === 'linux' && process.getuid?.() === 0 ? mountDisk() : undefined;
const disk = mounted ?? '';

interface Server {
  readonly child: ChildProcess;
  readonly uiUrl: string;
  readonly otlpUrl: string;
}

let server: Server | undefined;

/** The directory of a small disk; undefined where that is not allowed. */
function mountDisk(): string | undefined {
  const directory = mkdtempSync(join(tmpdir(), 'clew-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${diskBytes}`, 'clew-test', directory], { stdio: 'ignore' });
    return directory;
  } catch {
    rmSync(directory, { recursive: true });
    return undefined;
  }
}

async function start(...options: readonly string[]): Promise<Server> {
  const ports = ['http', 'otlp-http', 'zipkin', 'jaeger-http', 'health'].flatMap((name) => [`--${name}-port`, '0']);
  const args = ['serve', '--data-dir', join(disk, 'data'), '--log-level', 'fatal', ...ports, ...options];
  // Retention must not make room by itself: what is looked at here is a disk that stays full.
  const child = spawn(process.execPath, [clew, ...args, '--retention-disk-share', 'none'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  for await (const chunk of child.stdout.setEncoding('utf8')) {
    output += chunk as string;
    const ready = /UI and API\s+(\S+)[\s\S]+OTLP\/HTTP\s+(\S+)\n/.exec(output);
    if (ready !== null) return { child, uiUrl: ready[1]!, otlpUrl: ready[2]! };
  }
  throw new Error(`clew serve ended before it was ready: ${output}`);
}

/** The engine is the server's one child process. */
function enginePid({ child }: Server): number {
  return Number(execFileSync('pgrep', ['-P', String(child.pid)], { encoding: 'utf8' }).trim());
}

let nextTrace = 1;

/** About 40 kB that do not compress. */
function makeTrace(startMs: number): { traceId: string; body: Uint8Array<ArrayBuffer> } {
  const traceId = (nextTrace++).toString(16).padStart(32, '0');
  const startNs = BigInt(startMs) * 1_000_000n;
  const spans = Array.from({ length: spansPerTrace }, (_, i) => ({
    traceId,
    spanId: (i + 1).toString(16).padStart(16, '0'),
    name: `span ${i}`,
    startTimeUnixNano: String(startNs + BigInt(i)),
    endTimeUnixNano: String(startNs + 1000n),
    attributes: [{ key: 'noise', value: { stringValue: randomBytes(1000).toString('hex') } }],
  }));
  const json = JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] });
  return { traceId, body: new Uint8Array(otlpJsonToProtobuf(new TextEncoder().encode(json))) };
}

/** Sends one trace; gives its id and the answer. */
async function send(
  startMs: number = Date.now(),
): Promise<{ traceId: string; status: number; retryAfter: string | null; text: string }> {
  const { traceId, body } = makeTrace(startMs);
  const headers = { 'content-type': 'application/x-protobuf' };
  const response = await fetch(`${server!.otlpUrl}/v1/traces`, { method: 'POST', headers, body });
  const text = await response.text();
  return { traceId, status: response.status, retryAfter: response.headers.get('retry-after'), text };
}

/** Sends until one trace is answered with that status; gives that answer, and the traces that were acknowledged. */
async function sendUntil(status: number): Promise<{ last: Awaited<ReturnType<typeof send>>; acknowledged: string[] }> {
  const acknowledged: string[] = [];
  for (;;) {
    const last = await send();
    assert.ok(last.status === 200 || last.status === 503, `${last.status}: ${last.text}`);
    if (last.status === 200) acknowledged.push(last.traceId);
    if (last.status === status) return { last, acknowledged };
    await sleep(5);
  }
}

const freeBytes = (): number => {
  const { bavail, bsize } = statfsSync(disk);
  return bavail * bsize;
};

/** What somebody else puts on the disk, until so many bytes are free, or none. */
function fillDisk(leaveBytes: number): void {
  const file = openSync(join(disk, 'ballast'), 'a');
  const page = Buffer.alloc(64 * 1024);
  try {
    while (freeBytes() > leaveBytes) writeSync(file, page);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  } finally {
    closeSync(file);
  }
}

/** Leaves nothing, until the signal; what the engine or the spool gives up for a moment is taken as well. */
async function keepFull(signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    fillDisk(0);
    await sleep(5);
  }
}

async function setRetention(change: RetentionRequest): Promise<RetentionResponse> {
  const response = await fetch(`${server!.uiUrl}/clew/v1/retention`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(change),
  });
  assert.equal(response.status, 200, await response.clone().text());
  return (await response.json()) as RetentionResponse;
}

const makeRoom = (): void => rmSync(join(disk, 'ballast'), { force: true });

/** How many rows each trace has in the store, and how many spans they are. */
async function countSpans(traceId: string): Promise<{ rows: number; distinct: number }> {
  const response = await fetch(`${server!.uiUrl}/clew/v1/traces/${traceId}`);
  const body = new Uint8Array(await response.arrayBuffer());
  if (response.status === 404) return { rows: 0, distinct: 0 };
  assert.equal(response.status, 200, Buffer.from(body).toString());
  // The last block is of resources.
  const blocks = readNativeBlocks(body).filter(({ columns }) => columns.has('span_id'));
  const ids = blocks.flatMap((block) =>
    Array.from({ length: block.rowCount }, (_, row) => hexAt(block.columns.get('span_id')!, row)),
  );
  return { rows: ids.length, distinct: new Set(ids).size };
}

async function expectAllOnce(traceIds: readonly string[]): Promise<void> {
  const spool = join(disk, 'data', 'spool');
  while (readdirSync(spool).length > 0) {
    assert.ok(!readdirSync(spool).some((name) => name.endsWith('.refused')), 'a segment was set aside');
    await sleep(20);
  }
  for (const traceId of traceIds) {
    assert.deepEqual(await countSpans(traceId), { rows: spansPerTrace, distinct: spansPerTrace }, traceId);
  }
}

async function searchIds(): Promise<string[]> {
  const response = await fetch(`${server!.uiUrl}/clew/v1/search?limit=1000`);
  assert.equal(response.status, 200, await response.clone().text());
  return ((await response.json()) as SearchResponse).traces.map(({ traceId }) => traceId);
}

describe('a full disk', {
  skip: mounted !== undefined ? false : 'a disk of its own needs root on Linux, and mount',
}, () => {
  before(async () => {
    server = await start('--min-free-bytes', String(minFreeBytes));
  });

  afterEach(makeRoom);

  after(async () => {
    if (server !== undefined && server.child.exitCode === null) {
      const exited = once(server.child, 'exit');
      server.child.kill('SIGTERM');
      await exited;
    }
    execFileSync('umount', [disk]);
    rmSync(disk, { recursive: true });
  });

  it('refuses spans as retryable below its floor, answers and deletes all the same, and goes on by itself', async () => {
    const { acknowledged } = await sendUntil(200);
    for (let i = 0; i < 20; i++) acknowledged.push(...(await sendUntil(200)).acknowledged);
    await expectAllOnce(acknowledged);
    fillDisk(minFreeBytes - mib);
    const { last, acknowledged: lastOnes } = await sendUntil(503);
    acknowledged.push(...lastOnes);
    assert.ok(Number(last.retryAfter) >= 1, String(last.retryAfter));
    assert.match(last.text, /too little free \(CLEW_MIN_FREE_BYTES\)/);
    // What was acknowledged just before goes from the spool into the engine meanwhile.
    await expectAllOnce(acknowledged);
    const deleted = acknowledged.shift()!;
    const answer = await fetch(`${server!.uiUrl}/clew/v1/traces/${deleted}`, { method: 'DELETE' });
    assert.equal(answer.status, 200, await answer.clone().text());
    const found = await searchIds();
    assert.equal(found.includes(deleted), false);
    for (const traceId of acknowledged) assert.ok(found.includes(traceId), traceId);
    assert.equal((await send()).status, 503);
    makeRoom();
    acknowledged.push(...(await sendUntil(200)).acknowledged);
    await expectAllOnce(acknowledged);
    assert.deepEqual(await countSpans(deleted), { rows: 0, distinct: 0 });
  });

  it('with not one byte left, drops old days all the same, and loses nothing else that it has acknowledged', async () => {
    const exited = once(server!.child, 'exit');
    server!.child.kill('SIGTERM');
    await exited;
    server = await start('--min-free-bytes', '0');
    const old = await send(Date.now() - 10 * 86_400_000);
    assert.equal(old.status, 200);
    await expectAllOnce([old.traceId]);
    // While the engine is away, what is acknowledged stays in the spool; it comes back to a disk that is full.
    process.kill(enginePid(server), 'SIGKILL');
    const acknowledged: string[] = [];
    for (let i = 0; i < 5; i++) acknowledged.push(...(await sendUntil(200)).acknowledged);
    const isFull = new AbortController();
    const filling = keepFull(isFull.signal);
    const refused = await sendUntil(503);
    acknowledged.push(...refused.acknowledged);
    assert.match(refused.last.text, /The spool cannot write/);
    while ((await fetch(`${server.uiUrl}/ready/queries`)).status !== 200) await sleep(50);
    assert.ok((await searchIds()).length > 0);
    assert.notDeepEqual(readdirSync(join(disk, 'data', 'spool')), [], 'nothing was left in the spool to be lost');
    isFull.abort();
    await filling;
    const report = await setRetention({ age: '2d' });
    assert.deepEqual(
      report.lastRun?.removed.map(({ spans, reason }) => ({ spans, reason })),
      [{ spans: spansPerTrace, reason: 'age' }],
    );
    makeRoom();
    acknowledged.push(...(await sendUntil(200)).acknowledged);
    await expectAllOnce(acknowledged);
    assert.deepEqual(await countSpans(old.traceId), { rows: 0, distinct: 0 });
  });

  it('starts with not one byte left, also with tail sampling for the first time, and drops old days', async () => {
    // This run takes the space again that the last one had to give up.
    await setRetention({ age: 'default' });
    assert.ok(readdirSync(join(disk, 'data')).includes('reserve'));
    const old = await send(Date.now() - 10 * 86_400_000);
    assert.equal(old.status, 200);
    await expectAllOnce([old.traceId]);
    const exited = once(server!.child, 'exit');
    server!.child.kill('SIGTERM');
    await exited;
    fillDisk(0);
    server = await start(
      '--tail-sampling-after',
      '1h',
      '--tail-sampling-keep',
      '[{"error":true}]',
      '--retention-age',
      '2d',
    );
    while ((await countSpans(old.traceId)).rows > 0) await sleep(50);
    makeRoom();
    const { acknowledged } = await sendUntil(200);
    await expectAllOnce(acknowledged);
  });
});

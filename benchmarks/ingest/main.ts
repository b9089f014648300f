import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Session } from 'chdb';
import { childrenOf, readProcessCost, readThreadCosts } from '../process-cost.ts';
import { type Figure, printReport, quantile } from '../report.ts';
import type { SenderReport } from './sender.ts';
import { spansPerRequest, Traffic } from './traffic.ts';

// OTLP/HTTP in to queryable, on one machine that the load shares: what the server takes, what it costs, and, as the
// limit, what the engine alone takes of the same blocks in the same run.

const seconds = Number(process.argv[2] ?? 15);
const packages = new URL('../../../packages/', import.meta.url);
const { TraceTranscoder } = (await import(
  new URL('server/dist/transcode/trace-transcoder.js', packages).href
)) as typeof import('../../packages/server/dist/transcode/trace-transcoder.js');

const directory = mkdtempSync(join(tmpdir(), 'clew-bench-'));
const figures: Figure[] = [];
try {
  measureTranscoder();
  await measureEngine();
  await measureServer();
} finally {
  rmSync(directory, { recursive: true, force: true });
}
printReport('ingest', figures);

/** One core: OTLP bytes to Native blocks, 20,000 spans a block. */
function measureTranscoder(): void {
  const traffic = new Traffic(1);
  const transcoder = new TraceTranscoder();
  const run = (requests: number): number => {
    let bytes = 0;
    for (let i = 1; i <= requests; i++) {
      transcoder.transcode(traffic.next());
      if (i % 40 === 0) bytes += transcoder.takeBlocks()?.spans.length ?? 0;
    }
    return bytes;
  };
  const nextOnly = (requests: number): number => {
    const start = process.cpuUsage();
    for (let i = 0; i < requests; i++) traffic.next();
    const { user, system } = process.cpuUsage(start);
    return (user + system) / 1e6;
  };
  run(400);
  const requests = 2000;
  const start = process.cpuUsage();
  const bytes = run(requests);
  const { user, system } = process.cpuUsage(start);
  // Making the next request is the load's cost, not the transcoder's.
  const cpuSeconds = (user + system) / 1e6 - nextOnly(requests);
  const spans = requests * spansPerRequest;
  figures.push(
    { what: 'OTLP request', value: traffic.requestBytes / spansPerRequest, unit: 'bytes/span' },
    { what: 'Native block', value: bytes / spans, unit: 'bytes/span' },
    { what: 'transcode, one core', value: spans / cpuSeconds, unit: 'spans/s', budget: '>= 450,000' },
  );
}

/** The limit: the engine alone, from files of 50,000 spans that are ready, in a process of its own. */
async function measureEngine(): Promise<void> {
  const traffic = new Traffic(2);
  const transcoder = new TraceTranscoder();
  const files = join(directory, 'blocks');
  mkdirSync(files);
  const blockCount = 24;
  const spansPerBlock = 50_000;
  for (let block = 0; block < blockCount; block++) {
    for (let i = 0; i < spansPerBlock / spansPerRequest; i++) transcoder.transcode(traffic.next());
    writeFileSync(join(files, `${block}.native`), transcoder.takeBlocks()!.spans);
  }
  const session = new Session(join(directory, 'limit'));
  await session.queryAsync('CREATE DATABASE clew');
  await session.queryAsync('USE clew');
  const migration = readFileSync(new URL('server/src/store/migrations/0001-schema.sql', packages), 'utf8');
  for (const statement of migration.split(/;\s*$/m)) if (statement.trim()) await session.queryAsync(statement);
  const startMs = performance.now();
  const start = process.cpuUsage();
  for (let block = 0; block < blockCount; block++) {
    await session.queryAsync(`INSERT INTO spans SELECT * FROM file('${join(files, `${block}.native`)}', Native)`);
  }
  const wallSeconds = (performance.now() - startMs) / 1000;
  const { user, system } = process.cpuUsage(start);
  session.close();
  const spans = blockCount * spansPerBlock;
  figures.push(
    { what: 'engine alone', value: spans / wallSeconds, unit: 'spans/s', budget: 'the limit' },
    { what: 'engine alone, CPU', value: (user + system) / spans, unit: 'us/span' },
  );
  rmSync(join(directory, 'limit'), { recursive: true });
  rmSync(files, { recursive: true });
}

async function measureServer(): Promise<void> {
  const dataDir = join(directory, 'data');
  const server = fork(fileURLToPath(new URL('./server-process.js', import.meta.url)), [dataDir]);
  try {
    await measureUnderLoad(server, dataDir);
  } finally {
    // Its files cannot be removed before, and the error would be another one.
    await stop(server);
  }
}

async function measureUnderLoad(server: ChildProcess, dataDir: string): Promise<void> {
  const [addresses] = (await once(server, 'message')) as [{ otlpUrl: string }];
  const serverPid = server.pid!;
  const [enginePid] = childrenOf(serverPid);
  await sleep(3000);
  const idle = readProcessCost(serverPid).residentMiB + readProcessCost(enginePid!).residentMiB;

  await runSender(addresses.otlpUrl, 3, 4, 0, 10); // Warm-up.
  await drained(dataDir);
  const before = readStageCosts(serverPid, enginePid!);
  const stopWatching = watchMemory([serverPid, enginePid!]);
  const startMs = performance.now();
  const full = await runSender(addresses.otlpUrl, seconds, 8, 0, 11);
  const sentSeconds = (performance.now() - startMs) / 1000;
  await drained(dataDir);
  const queryableSeconds = (performance.now() - startMs) / 1000;
  const peakMiB = stopWatching();
  const after = readStageCosts(serverPid, enginePid!);
  const spans = full.acknowledgedSpans;
  const perSpan = (stage: keyof StageCosts): number => ((after[stage] - before[stage]) / spans) * 1e6;
  const rate = spans / queryableSeconds;

  const half = await runSender(addresses.otlpUrl, seconds, 8, rate / 2, 12);
  await drained(dataDir);
  await stop(server);
  figures.push(
    { what: 'acknowledged', value: spans / sentSeconds, unit: 'spans/s' },
    { what: 'durable and queryable', value: rate, unit: 'spans/s', budget: '>= 150,000' },
    { what: 'receive, spool, CPU', value: perSpan('sockets'), unit: 'us/span' },
    { what: 'transcode, CPU', value: perSpan('transcoder'), unit: 'us/span' },
    { what: 'spool files and V8, CPU', value: perSpan('helpers'), unit: 'us/span' },
    { what: 'engine, CPU', value: perSpan('engine'), unit: 'us/span' },
    { what: 'load, CPU', value: (full.cpuSeconds / spans) * 1e6, unit: 'us/span' },
    { what: 'refused requests', value: full.refusals + half.refusals, unit: 'requests' },
    { what: 'acknowledgement p50, half load', value: quantile(half.latenciesMs, 0.5), unit: 'ms' },
    { what: 'acknowledgement p99, half load', value: quantile(half.latenciesMs, 0.99), unit: 'ms', budget: '<= 100' },
    { what: 'memory idle, both processes', value: idle, unit: 'MiB', budget: '<= 450' },
    { what: 'memory at full load, most', value: peakMiB, unit: 'MiB', budget: '<= 1,536' },
    {
      what: 'stored',
      value: bytesBelow(join(dataDir, 'engine')) / (spans + half.acknowledgedSpans),
      unit: 'bytes/span',
      budget: '<= 50',
    },
  );
}

/** CPU so far, seconds. */
interface StageCosts {
  /** The server's main thread: sockets, commits, segments on their way to the engine. */
  readonly sockets: number;
  readonly transcoder: number;
  /** Threads that write and sync files, and those of V8. */
  readonly helpers: number;
  /** Its process, with merges and rollups. */
  readonly engine: number;
}

function readStageCosts(serverPid: number, enginePid: number): StageCosts {
  const threads = readThreadCosts(serverPid);
  const sockets = threads.get(serverPid)!;
  threads.delete(serverPid);
  const others = [...threads.values()];
  // It is the busiest of all others by far as soon as there is load.
  const transcoder = Math.max(...others);
  const helpers = others.reduce((sum, seconds) => sum + seconds) - transcoder;
  return { sockets, transcoder, helpers, engine: readProcessCost(enginePid).cpuSeconds };
}

async function runSender(
  url: string,
  durationSeconds: number,
  connections: number,
  rate: number,
  seed: number,
): Promise<SenderReport> {
  const sender = fork(
    fileURLToPath(new URL('./sender.js', import.meta.url)),
    [url, durationSeconds, connections, Math.round(rate), seed].map(String),
  );
  const [report] = (await once(sender, 'message')) as [SenderReport];
  return report;
}

/** Resolves when no acknowledged span waits in the spool any more. */
async function drained(dataDir: string): Promise<void> {
  while (readdirSync(join(dataDir, 'spool')).length > 0) await sleep(20);
}

function watchMemory(pids: readonly number[]): () => number {
  let most = 0;
  const timer = setInterval(() => {
    most = Math.max(
      most,
      pids.reduce((sum, pid) => sum + readProcessCost(pid).residentMiB, 0),
    );
  }, 200);
  return () => {
    clearInterval(timer);
    return most;
  };
}

async function stop(server: ChildProcess): Promise<void> {
  if (!server.connected) return;
  server.disconnect();
  await once(server, 'exit');
}

function bytesBelow(folder: string): number {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })!.size, 0);
}

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** Without the variables of the tests, which the server would warn of. */
const ownEnv = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('CLEW_')));

const clew = fileURLToPath(new URL('../../../packages/cli/bin/clew.js', import.meta.url));

/** A line of the server's log. */
export interface LogLine {
  readonly level: number;
  readonly msg: string;
  readonly [field: string]: unknown;
}

export interface ServerAddresses {
  readonly uiUrl: string;
  readonly otlpUrl: string;
  readonly zipkinUrl: string;
  readonly jaegerUrl: string;
}

/** A started `clew serve`, whether or not it answers already. */
export interface StartingServer {
  readonly child: ChildProcess;
  readonly dataDir: string;
  /** What it has said so far, warnings and worse. */
  readonly log: readonly LogLine[];
  /** Rejects when the process ends before it is ready. */
  readonly ready: Promise<ClewServer>;
}

export interface ClewServer extends StartingServer, ServerAddresses {}

const readyPattern = /UI and API\s+(\S+)\s+OTLP\/HTTP\s+(\S+)\s+OTLP\/gRPC\s+\S+\s+Zipkin\s+(\S+)\s+Jaeger\s+(\S+)\n/;

/** `clew serve` at the head of a process group of its own, so that all of it can be killed in one blow. */
export function spawnServer(dataDir: string, env: NodeJS.ProcessEnv = {}): StartingServer {
  const ports = [
    '--http-port',
    '--otlp-http-port',
    '--otlp-grpc-port',
    '--zipkin-port',
    '--jaeger-http-port',
    '--jaeger-grpc-port',
    '--health-port',
  ];
  const args = ['serve', '--data-dir', dataDir, '--log-level', 'warn', ...ports.flatMap((flag) => [flag, '0'])];
  const child = spawn(process.execPath, [clew, ...args], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...ownEnv, ...env },
  });
  const log: LogLine[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => {
    log.push(line.startsWith('{') ? (JSON.parse(line) as LogLine) : { level: 60, msg: line });
  });
  const starting = { child, dataDir, log };
  const ready = new Promise<ClewServer>((resolve, reject) => {
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk;
      const [, uiUrl, otlpUrl, zipkinUrl, jaegerUrl] = readyPattern.exec(output) ?? [];
      if (jaegerUrl === undefined) return;
      resolve({ ...starting, ready, uiUrl: uiUrl!, otlpUrl: otlpUrl!, zipkinUrl: zipkinUrl!, jaegerUrl });
    });
    child.once('close', (code, signal) => {
      reject(new Error(`clew serve ended (${signal ?? code}) before it was ready: ${JSON.stringify(log)}`));
    });
  });
  // Whoever kills it during its start waits for nothing.
  ready.catch(() => {});
  return { ...starting, ready };
}

/** kill -9 of the server and its engine, at once. */
export async function killAll({ child }: StartingServer): Promise<void> {
  const exited = isAlive(child) ? once(child, 'exit') : undefined;
  try {
    process.kill(-child.pid!, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
  await exited;
}

export function isAlive(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null;
}

/** The engine is the server's one child process; undefined while it is dead. */
export function enginePid({ child }: StartingServer): number | undefined {
  const pid = readdirSync('/proc').find((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === child.pid;
    } catch {
      return false;
    }
  });
  return pid === undefined ? undefined : Number(pid);
}

const mib = 1024 * 1024;

/** What a process holds in memory now, and the most that it ever held, in MiB. */
export function readMemory(pid: number): { nowMib: number; peakMib: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const read = (field: string): number =>
    Math.round((Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(status)?.[1]) * 1024) / mib);
  return { nowMib: read('VmRSS'), peakMib: read('VmHWM') };
}

/** From now on, the most that a process has ever held is what it holds. */
export function forgetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
}

/** The segments that the engine has not taken yet. */
export function listSegments(dataDir: string): string[] {
  return readdirSync(join(dataDir, 'spool')).filter((name) => /\.(open|sealed)$/.test(name));
}

/** Files that were taken out of the loader's way. */
export function listSetAside(dataDir: string): string[] {
  return readdirSync(join(dataDir, 'spool')).filter((name) => !/\.(open|sealed)$/.test(name));
}

/** Waits until the spool has handed over all it holds. */
export async function waitForEmptySpool(dataDir: string, timeoutMs = 60_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (listSegments(dataDir).length > 0) {
    if (Date.now() > deadline) {
      throw new Error(`after ${timeoutMs} ms the spool still holds ${listSegments(dataDir).join(', ')}`);
    }
    await sleep(20);
  }
}

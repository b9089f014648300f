import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { CliError } from './cli-error.ts';
import { DoctorCollector, endpointOf } from './doctor-collector.ts';
import { formatReport } from './doctor-print.ts';
import { type DoctorReport, makeReport, type ProcessDiagnosis } from './doctor-report.ts';
import { print, printJson } from './output.ts';
import { describeTerminal } from './terminal.ts';

export interface DoctorOptions {
  /** How long the app runs at most, in milliseconds; undefined: until it ends, or the requests are answered. */
  readonly for?: number;
  /** Addresses of the app that are asked once it answers. */
  readonly url?: readonly string[];
  readonly json?: true;
  readonly failOn?: 'problems';
}

const stopTimeoutMs = 5_000;
const startTimeoutMs = 30_000;

// The SDK of the app sends what it has this often; twice that, and all spans of answered requests are here.
const exportDelayMs = 200;

/** Runs an app with the SDK in it, watches, and prints what was traced, what was not, and why. */
export async function runDoctor(command: readonly string[], options: DoctorOptions): Promise<void> {
  const sdk = findSdk();
  const folder = mkdtempSync(join(tmpdir(), 'clew-doctor-'));
  const collector = await DoctorCollector.start(endpointOf(process.env));
  try {
    const child = startApp(command, sdk.file, folder, collector.url, options.json === true);
    const exit = await watch(child, command, options);
    const answer = await collector.finish(process.env);
    const processes = readDiagnoses(folder);
    const report = makeReport({
      command,
      exit,
      sdk: sdk.from,
      processes,
      declared: processes.flatMap(({ entry }) => readDeclared(entry)),
      spans: collector.spans,
      collector: answer,
    });
    if (options.json) printJson(report);
    else print(formatReport(report, describeTerminal(process.stdout, process.env).colors));
    if (options.failOn === 'problems' && report.problems.length > 0) process.exitCode = 1;
  } finally {
    collector.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The SDK of the app, from its folder; else the one that came with this command. */
function findSdk(): { readonly file: string; readonly from: DoctorReport['sdk'] } {
  for (const [from, base] of [
    ['app', join(process.cwd(), 'noop.js')],
    ['clew', import.meta.url],
  ] as const) {
    try {
      return { file: createRequire(base).resolve('@clew/sdk/doctor'), from };
    } catch {
      // Not installed there, or too old to have a doctor.
    }
  }
  throw new CliError('@clew/sdk is not installed: npm install @clew/sdk, and run this command again');
}

function startApp(
  [command, ...args]: readonly string[],
  sdkFile: string,
  folder: string,
  collectorUrl: string,
  isJson: boolean,
): ChildProcess {
  return spawn(command!, args, {
    // The report alone stands on stdout when a program reads it.
    stdio: ['inherit', isJson ? 2 : 'inherit', 'inherit'],
    env: {
      ...process.env,
      NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --import=${pathToFileURL(sdkFile).href}`.trim(),
      CLEW_DOCTOR_DIR: folder,
      OTEL_TRACES_EXPORTER: 'otlp',
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: collectorUrl,
      OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/protobuf',
      OTEL_BSP_SCHEDULE_DELAY: String(exportDelayMs),
    },
  });
}

/** Lets the app run for as long as it shall; resolves when it has ended. */
async function watch(
  child: ChildProcess,
  [command]: readonly string[],
  { url: urls = [], for: forMs }: DoctorOptions,
): Promise<DoctorReport['exit']> {
  const ended = once(child, 'exit').then(
    ([code, signal]) => ({ code: code as number | null, signal: signal as string | null }),
    (error: Error) => {
      throw new CliError(`${command} cannot be started: ${error.message}`);
    },
  );
  // Ctrl-C in a terminal reaches the app by itself, and a second signal would cut its own end short.
  const onInterrupt = (): void => void stop(child, ended, process.stdin.isTTY ? undefined : 'SIGINT');
  const onTerminate = (): void => void stop(child, ended, 'SIGTERM');
  process.on('SIGINT', onInterrupt);
  process.on('SIGTERM', onTerminate);
  const abort = new AbortController();
  const { signal } = abort;
  try {
    const time = forMs === undefined ? undefined : delay(forMs, undefined, { signal });
    const requests = urls.length === 0 ? undefined : ask(urls, forMs ?? startTimeoutMs, signal);
    const enough = [time, requests].filter((each) => each !== undefined);
    await Promise.race([ended, ...enough]);
    if (child.exitCode === null && child.signalCode === null) await stop(child, ended, 'SIGTERM');
    return await ended;
  } finally {
    abort.abort();
    process.off('SIGINT', onInterrupt);
    process.off('SIGTERM', onTerminate);
  }
}

/** @param signal undefined: the app has had one. */
async function stop(child: ChildProcess, ended: Promise<unknown>, signal: NodeJS.Signals | undefined): Promise<void> {
  if (signal !== undefined) child.kill(signal);
  const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs);
  await ended.catch(() => undefined);
  clearTimeout(timer);
}

/** Sends a request to each address, as soon as the first one is answered; then waits for the spans. */
async function ask(urls: readonly string[], timeoutMs: number, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (const url of urls) {
    while (!(await isAnswered(url, signal)) && performance.now() < deadline) {
      await delay(100, undefined, { signal });
    }
  }
  await delay(2 * exportDelayMs, undefined, { signal });
}

async function isAnswered(url: string, signal: AbortSignal): Promise<boolean> {
  try {
    await (await fetch(url, { signal })).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}

function readDiagnoses(folder: string): ProcessDiagnosis[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as ProcessDiagnosis);
}

/** The dependencies in the package.json nearest to an entry script that has any. */
function readDeclared(entry: string): string[] {
  let folder = entry === '' ? process.cwd() : dirname(resolve(entry));
  for (;;) {
    try {
      const { dependencies } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
        dependencies?: Record<string, string>;
      };
      if (dependencies !== undefined) return Object.keys(dependencies);
    } catch {
      // None here.
    }
    const parent = dirname(folder);
    if (parent === folder) return [];
    folder = parent;
  }
}

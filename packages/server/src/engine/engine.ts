import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ClewError } from '../errors.ts';
import type { Logger } from '../log.ts';
import { type EngineMessage, type EngineProcessOptions, engineDefaults } from './engine-options.ts';
import { chooseSocketPath } from './socket-path.ts';

/** A process that was killed a moment ago may still hold the lock; a server that runs holds it for longer than this. */
const lockWaitMs = 5_000;
const lockRetryMs = 250;

/** The wait before a restart doubles from the first to the second, and starts anew after a run as long as the third. */
const firstBackoffMs = 100;
const maxBackoffMs = 10_000;
const healthyRunMs = 60_000;

/** The process drains for 8 s when it is asked to stop. */
const stopWaitMs = 10_000;

const lockedMessage = /Cannot lock file/;

export interface EngineOptions extends Partial<Omit<EngineProcessOptions, 'dataDir' | 'socketPath'>> {
  /** The server's data directory; the engine's own is `engine` in it. */
  readonly dataDir: string;
  readonly log: Logger;
}

/** The embedded engine: a process of its own, started again when it dies. */
export interface Engine {
  /** Where it speaks ClickHouse's HTTP interface. */
  readonly socketPath: string;
  /** False from the death of the process until its successor answers. */
  readonly isReady: boolean;
  /** Times that the process died and was started again. */
  readonly restarts: number;
  /** Of the process that runs now. */
  readonly pid: number | undefined;
  /** Resolves when the engine answers: at once, or after its restart. Rejects when it has been stopped. */
  whenReady(): Promise<void>;
  /** Lets running statements end, then the process. Never rejects. */
  stop(): Promise<void>;
}

/**
 * Starts the engine and resolves when it answers.
 * @throws ClewError CLEW_DATA_DIR_UNUSABLE, CLEW_DATA_DIR_LOCKED (another server has it open), CLEW_ENGINE_START_FAILED.
 */
export async function startEngine(options: EngineOptions): Promise<Engine> {
  const { dataDir, log, ...limits } = options;
  const root = resolve(dataDir);
  try {
    mkdirSync(root, { recursive: true, mode: 0o700 });
  } catch (error) {
    const reason = (error as Error).message;
    throw new ClewError('CLEW_DATA_DIR_UNUSABLE', { dataDir: root, reason }, { cause: error });
  }
  const processOptions: EngineProcessOptions = {
    ...engineDefaults,
    ...limits,
    dataDir: join(root, 'engine'),
    socketPath: chooseSocketPath(root),
  };
  const engine = new SupervisedEngine(processOptions, log);
  await engine.startFirst(root);
  return engine;
}

interface StartFailure {
  readonly reason: string;
  readonly locked: boolean;
}

class SupervisedEngine implements Engine {
  readonly socketPath: string;
  readonly #options: EngineProcessOptions;
  readonly #log: Logger;
  readonly #stopping = new AbortController();
  #child: ChildProcess | undefined;
  #ready: Readiness = createReadiness();
  #isReady = false;
  #restarts = 0;
  #supervision: Promise<void> = Promise.resolve();

  constructor(options: EngineProcessOptions, log: Logger) {
    this.socketPath = options.socketPath;
    this.#options = options;
    this.#log = log;
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  get restarts(): number {
    return this.#restarts;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  whenReady(): Promise<void> {
    return this.#ready.promise;
  }

  async startFirst(root: string): Promise<void> {
    const deadline = Date.now() + lockWaitMs;
    for (;;) {
      const failure = await this.#launch();
      if (failure === undefined) break;
      if (!failure.locked) {
        throw new ClewError('CLEW_ENGINE_START_FAILED', { dataDir: root, reason: failure.reason });
      }
      if (Date.now() > deadline) throw new ClewError('CLEW_DATA_DIR_LOCKED', { dataDir: root });
      await sleep(lockRetryMs);
    }
    this.#supervision = this.#supervise();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    const child = this.#child;
    if (child !== undefined && isAlive(child)) {
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      const killer = setTimeout(() => child.kill('SIGKILL'), stopWaitMs);
      await exited;
      clearTimeout(killer);
    }
    await this.#supervision;
    if (this.#isReady) this.#ready = createReadiness();
    this.#isReady = false;
    this.#ready.reject(new ClewError('CLEW_ENGINE_UNAVAILABLE', { reason: 'it has been stopped' }));
  }

  /** Waits for the end of the process and starts the next one, until {@link stop}. */
  async #supervise(): Promise<void> {
    const { signal } = this.#stopping;
    let backoffMs = firstBackoffMs;
    while (!signal.aborted) {
      const startedAt = Date.now();
      const child = this.#child!;
      if (isAlive(child)) await once(child, 'exit');
      if (signal.aborted) return;
      if (this.#isReady) {
        this.#isReady = false;
        this.#ready = createReadiness();
      }
      if (Date.now() - startedAt > healthyRunMs) backoffMs = firstBackoffMs;
      const { exitCode, signalCode, pid } = child;
      this.#log.error({ pid, exitCode, signal: signalCode, backoffMs }, 'The engine died; it is started again');
      await sleep(backoffMs, undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      backoffMs = Math.min(backoffMs * 2, maxBackoffMs);
      this.#restarts++;
      const failure = await this.#launch();
      if (failure !== undefined) this.#log.error({ reason: failure.reason }, 'The engine did not start');
    }
  }

  /** Starts one process; resolves when it answers, or with why it does not (it has ended then). */
  async #launch(): Promise<StartFailure | undefined> {
    const child = fork(
      fileURLToPath(new URL('./engine-process.js', import.meta.url)),
      [JSON.stringify(this.#options)],
      {
        stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
        execArgv: [],
        // A thread for each session, one to stop statements, and some for files.
        env: { ...process.env, UV_THREADPOOL_SIZE: String(this.#options.sessions + 5), NODE_OPTIONS: '' },
      },
    );
    this.#child = child;
    const closed = new Promise((resolve) => child.once('close', resolve));
    const said: string[] = [];
    for (const stream of [child.stdout!, child.stderr!]) {
      createInterface({ input: stream }).on('line', (line) => {
        if (said.length < 20) said.push(line);
        this.#log.warn({ pid: child.pid }, `engine: ${line}`);
      });
    }
    const message = await new Promise<EngineMessage>((settle) => {
      child.once('message', settle);
      child.once('error', (error) => settle({ type: 'failed', reason: error.message }));
      child.once('close', (code, signal) => settle({ type: 'failed', reason: `it ended with ${signal ?? code}` }));
    });
    if (message.type === 'ready') {
      this.#log.info({ pid: child.pid }, 'The engine is ready');
      this.#isReady = true;
      this.#ready.resolve();
      return undefined;
    }
    // The engine writes its reason to standard error and throws without it.
    await closed;
    const reason = [message.reason, ...said].join(' | ');
    return { reason, locked: lockedMessage.test(reason) };
  }
}

interface Readiness {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

function createReadiness(): Readiness {
  let resolve!: () => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<void>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  // Nobody may be waiting when the engine is stopped.
  promise.catch(() => {});
  return { promise, resolve, reject };
}

function isAlive(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null;
}

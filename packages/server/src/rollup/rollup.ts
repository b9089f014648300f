import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../log.ts';
import { runInBackground } from '../query/statement.ts';
import type { StoreClient } from '../store/client.ts';
import { traced } from '../tracing.ts';
import { buildKeysStatement, buildValuesStatement } from './attributes.ts';
import { buildEdgesStatement } from './edges.ts';
import { findPendingMinutes, lastMinute, markDone, readGeneration } from './minutes.ts';
import { buildOperationsStatement } from './operations.ts';

export interface RollupOptions {
  readonly client: StoreClient;
  readonly log: Logger;
  /** Whether the tables are there. */
  readonly isReady?: () => boolean;
  /** Unix milliseconds: of minutes before it, spans may have been removed that are to stay counted. */
  readonly sampledUntilMs?: () => number;
}

/** How old an answer may be; the minute that is going on is computed as often. */
const intervalMs = 10_000;

/** Under load, runs take a fifth of the time at most: answers get older, and ingest goes on. */
const restPerRun = 4;

/** After it, what is left waits for the next run, which begins with the newest: a month that is new takes hours. */
const maxRunMs = 10_000;

/** How many are computed by one statement. */
const minutesPerStep = 10;

/** Steps of one run that may fail before it is given up. */
const maxFailures = 3;

/** How long the end of the server waits for a run. */
const stopWaitMs = 2_000;

/**
 * Computes what is asked for over many spans at once: rate, errors and duration of operations, calls between services,
 * and the attributes that there are.
 *
 * ```
 * span_minutes   12:00 noted 12:00:31   12:01 noted 12:01:59  <- written by every insert
 * rollups        12:00 computed 12:01   12:01 computed 12:01  <- written here, when a minute is done
 * ```
 *
 * A minute is computed from its spans as they are then, so a run that was cut off, or is made twice, does no harm.
 */
export class Rollup {
  readonly #client: StoreClient;
  readonly #log: Logger;
  readonly #isReady: () => boolean;
  readonly #sampledUntilMs: () => number;
  readonly #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #pendingMinutes = 0;

  constructor({ client, log, isReady = () => true, sampledUntilMs = () => 0 }: RollupOptions) {
    this.#client = client;
    this.#log = log;
    this.#isReady = isReady;
    this.#sampledUntilMs = sampledUntilMs;
  }

  start(): void {
    const runAgain = async (): Promise<void> => {
      const startedMs = performance.now();
      if (this.#isReady()) await this.run();
      const restMs = restPerRun * (performance.now() - startedMs);
      if (!this.#stopping.signal.aborted) {
        this.#timer = setTimeout(() => void runAgain(), Math.max(intervalMs, restMs));
      }
    };
    void runAgain();
  }

  /** Minutes that are left, but for those that came since: more than a few say that it cannot keep up. */
  get pendingMinutes(): number {
    return this.#pendingMinutes;
  }

  /** Resolves when the step under way has ended, or is left to the engine. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    clearTimeout(this.#timer);
    await Promise.race([this.#running, sleep(stopWaitMs, undefined, { ref: false })]);
  }

  /** Computes minutes that are pending, the newest first. Never rejects: what fails is logged, and the next run tries again. */
  run(): Promise<void> {
    this.#running = this.#running.then(() => this.#runOnce());
    return this.#running;
  }

  async #runOnce(): Promise<void> {
    const startedMs = performance.now();
    let failures = 0;
    const fail = (error: unknown): void => {
      failures++;
      if (!this.#stopping.signal.aborted) this.#log.warn({ err: error }, 'Could not roll up minutes; trying again');
    };
    const minutes = await this.#findMinutes().catch(fail);
    if (minutes === undefined) return;
    this.#pendingMinutes = minutes.length;
    for (let first = 0; first < minutes.length; first += minutesPerStep) {
      // Minutes that cannot be computed must not be in the way of others, unless it is the engine that cannot.
      if (this.#stopping.signal.aborted || failures === maxFailures) return;
      if (performance.now() - startedMs > maxRunMs) return;
      const step = minutes.slice(first, first + minutesPerStep);
      const compute = traced('rollup', { 'clew.minutes': step.length }, () => this.#compute(step));
      await compute.then(() => {
        this.#pendingMinutes -= step.length;
      }, fail);
    }
  }

  async #findMinutes(): Promise<readonly number[]> {
    const sampledUntil = this.#sampledUntilMs() / 1000;
    const pending = (await findPendingMinutes(this.#client))
      .filter(({ minute, isComputed }) => minute >= sampledUntil || isComputed === 0)
      .map(({ minute }) => minute);
    // A caller may come after its call, and have started in the minute before.
    const next = pending.map((minute) => Math.min(minute + 60, lastMinute)).filter((minute) => minute >= sampledUntil);
    return [...new Set([...next, ...pending])].sort((a, b) => b - a);
  }

  async #compute(minutes: readonly number[]): Promise<void> {
    const generationMs = await readGeneration(this.#client);
    await runInBackground(this.#client, buildOperationsStatement(minutes, generationMs));
    await runInBackground(this.#client, buildEdgesStatement(minutes, generationMs));
    for (const minute of minutes) {
      await runInBackground(this.#client, buildKeysStatement(minute));
      await runInBackground(this.#client, buildValuesStatement(minute));
    }
    await markDone(this.#client, minutes, generationMs);
  }
}

import type { Logger } from '../log.ts';
import { PeriodicJob } from '../periodic-job.ts';
import { runInBackground } from '../query/statement.ts';
import type { StoreClient } from '../store/client.ts';
import { StoreError } from '../store/store-error.ts';
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

/** After so many attempts by itself, a minute is left out until more of its spans come. */
const maxAttempts = 3;

/** Failures of a statement and what it reads; others are the engine's, and pass. */
const ofStatement: ReadonlySet<string> = new Set([
  'CLEW_QUERY_TOO_EXPENSIVE',
  'CLEW_STORE_REFUSED',
  'CLEW_STORE_FAILED',
]);

interface DueMinute {
  /** Unix seconds at which it begins. */
  readonly minute: number;
  /** When spans of it were inserted last, Unix milliseconds. */
  readonly notedMs: number;
}

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
  readonly #job = new PeriodicJob({
    run: () => this.#runOnce(),
    restMs: (runMs) => Math.max(intervalMs, restPerRun * runMs),
  });
  #pendingMinutes = 0;
  /** Minutes whose last attempt failed; those with attempts of their own are tried singly. */
  readonly #failed = new Map<number, { readonly attempts: number; readonly notedMs: number }>();
  #givenUp = 0;

  constructor({ client, log, isReady = () => true, sampledUntilMs = () => 0 }: RollupOptions) {
    this.#client = client;
    this.#log = log;
    this.#isReady = isReady;
    this.#sampledUntilMs = sampledUntilMs;
  }

  start(): void {
    this.#job.start();
  }

  /** Minutes that are left, but for those that came since: more than a few say that it cannot keep up. */
  get pendingMinutes(): number {
    return this.#pendingMinutes;
  }

  /** How often a minute was left out, as the store could not roll it up. */
  get failedMinutes(): number {
    return this.#givenUp;
  }

  /** Resolves when the step under way has ended, or is left to the engine. */
  stop(): Promise<void> {
    return this.#job.stop();
  }

  /** Computes minutes that are pending, the newest first. Never rejects: what fails is logged, and the next run tries again. */
  run(): Promise<void> {
    return this.#job.run();
  }

  async #runOnce(): Promise<void> {
    if (!this.#isReady()) return;
    const startedMs = performance.now();
    const minutes = await this.#findMinutes().catch((error: unknown) => this.#warn(error));
    if (minutes === undefined) return;
    this.#pendingMinutes = minutes.length;
    const steps = this.#planSteps(minutes);
    let failures = 0;
    for (const step of steps) {
      // Minutes that cannot be computed must not be in the way of others, unless it is the engine that cannot.
      if (this.#job.signal.aborted || failures === maxFailures) return;
      if (performance.now() - startedMs > maxRunMs) return;
      try {
        await traced('rollup', { 'clew.minutes': step.length }, () => this.#compute(step));
        this.#pendingMinutes -= step.length;
        for (const { minute } of step) this.#failed.delete(minute);
      } catch (error) {
        failures++;
        this.#warn(error);
        this.#noteFailure(step, error);
        // One of them may be at fault.
        if (step.length > 1) steps.push(...step.map((one) => [one]));
      }
    }
  }

  #warn(error: unknown): undefined {
    if (!this.#job.signal.aborted) this.#log.warn({ err: error }, 'Could not roll up minutes; trying again');
  }

  /** Ten at a time, the newest first; then each of those that have failed before. */
  #planSteps(minutes: readonly DueMinute[]): (readonly DueMinute[])[] {
    const steps: (readonly DueMinute[])[] = [];
    const healthy = minutes.filter(({ minute }) => !this.#failed.has(minute));
    for (let first = 0; first < healthy.length; first += minutesPerStep) {
      steps.push(healthy.slice(first, first + minutesPerStep));
    }
    for (const one of minutes) if (this.#failed.has(one.minute)) steps.push([one]);
    return steps;
  }

  #noteFailure(step: readonly DueMinute[], error: unknown): void {
    const isOfMinutes = error instanceof StoreError && ofStatement.has(error.code);
    if (!isOfMinutes) return;
    for (const { minute, notedMs } of step) {
      const attempts = (this.#failed.get(minute)?.attempts ?? 0) + (step.length === 1 ? 1 : 0);
      this.#failed.set(minute, { attempts, notedMs });
      if (attempts !== maxAttempts) continue;
      this.#givenUp++;
      this.#log.error(
        { err: error, minute: new Date(minute * 1000) },
        'A minute is left out of service metrics and the service graph: the store cannot roll it up',
      );
    }
  }

  async #findMinutes(): Promise<readonly DueMinute[]> {
    const sampledUntil = this.#sampledUntilMs() / 1000;
    const pending = (await findPendingMinutes(this.#client)).filter(
      ({ minute, isComputed }) => minute >= sampledUntil || isComputed === 0,
    );
    const due = new Map<number, number>();
    for (const { minute, notedMs } of pending) {
      due.set(minute, Math.max(notedMs, due.get(minute) ?? 0));
      // A caller may come after its call, and have started in the minute before.
      const next = Math.min(minute + 60, lastMinute);
      if (next >= sampledUntil) due.set(next, Math.max(notedMs, due.get(next) ?? 0));
    }
    for (const minute of this.#failed.keys()) if (!due.has(minute)) this.#failed.delete(minute);
    const isGivenUp = (minute: number, notedMs: number): boolean => {
      const failed = this.#failed.get(minute);
      if (failed === undefined || failed.notedMs === notedMs)
        return failed !== undefined && failed.attempts >= maxAttempts;
      this.#failed.set(minute, { attempts: 0, notedMs });
      return false;
    };
    return [...due]
      .map(([minute, notedMs]) => ({ minute, notedMs }))
      .filter(({ minute, notedMs }) => !isGivenUp(minute, notedMs))
      .sort((a, b) => b.minute - a.minute);
  }

  async #compute(step: readonly DueMinute[]): Promise<void> {
    const minutes = step.map(({ minute }) => minute);
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

import { randomUUID } from 'node:crypto';
import type { TailSamplingStats } from '@clew/model';
import { z } from 'zod';
import { describeKeepRule, type KeepRule } from '../keep-rules.ts';
import type { Logger } from '../log.ts';
import { PeriodicJob } from '../periodic-job.ts';
import { fetchRows, runInBackground } from '../query/statement.ts';
import type { StoreClient } from '../store/client.ts';
import { readState, removeState, writeState } from './state-file.ts';
import { buildDecideStatement, buildMinutesStatement, buildOutcomesStatement } from './tail-decision.ts';
import { dropDecisions, removeDropped } from './tail-removal.ts';

export interface TailSamplingOptions {
  readonly client: StoreClient;
  /** Where it is written down how far it is. */
  readonly path: string;
  /** How long everything is kept. */
  readonly afterMs: number;
  /** At least one. */
  readonly keep: readonly KeepRule[];
  /** When the oldest spans came that are not in the store yet, Unix milliseconds; undefined when all are. */
  readonly oldestWaitingMs: () => number | undefined;
  readonly isReady: () => boolean;
  readonly onDecided: (outcome: string, traces: number) => void;
  readonly log: Logger;
  /** Unix milliseconds. */
  readonly now?: () => number;
}

const minuteMs = 60_000;
const intervalMs = 60_000;

const withoutState = 'tail sampling begins with the spans that arrive from now on';

/** Removing traces rewrites the files in which they are: it waits until there is enough to remove. */
const maxStepMs = 60 * minuteMs;

/** The engine holds the ids of those that go in memory. */
const maxTracesPerStep = 2_000_000;

/** Where the migration put what versions before it had decided, in one table for all servers. */
const sharedRun = 'shared';

/** Decisions of a server that has not decided for so long are dropped: its data directory is gone. */
const maxIdleDays = 30;

const stateSchema = z.strictObject({
  /** Names this server's decisions in `tail_decisions`. */
  run: z.string().default(sharedRun),
  /** Unix milliseconds: traces whose last span starts before it are decided. */
  decidedUntilMs: z.number(),
  /** What holds when the traces that were decided against are removed; null when there are none. */
  removingUntilMs: z.number().nullable(),
});

type State = z.infer<typeof stateSchema>;

/**
 * Removes the traces that no rule keeps, once they are old enough to be whole.
 *
 * ```
 *        decidedUntil          now - after                    now
 * ─────────────┼────────────────────┼──────────────────────────┼──▶ start of a trace's last span
 *  what rules  │  decided next,     │  everything
 *  keep        │  minute by minute  │
 * ```
 *
 * What was stored before it was switched on stays, and so do spans that come for a minute that is decided.
 */
export class TailSampling {
  readonly #options: TailSamplingOptions;
  readonly #now: () => number;
  readonly #job = new PeriodicJob({ run: () => this.#runOnce(), restMs: () => intervalMs });
  #state: State;

  private constructor(options: TailSamplingOptions, state: State) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#state = state;
  }

  /** @throws ClewError CLEW_STATE_FILE_UNUSABLE */
  static async open(options: TailSamplingOptions): Promise<TailSampling> {
    const stored = await readState(options.path, stateSchema, withoutState);
    if (stored !== undefined)
      return new TailSampling(options, stored.removingUntilMs === null ? ownRun(stored) : stored);
    const nowMs = (options.now ?? Date.now)();
    // A trace that is under way is decided.
    const state = { run: randomUUID(), decidedUntilMs: floorToMinute(nowMs), removingUntilMs: null };
    // On a full disk, the server must start to make room. Until this is written nothing is removed: each step saves before.
    await writeState(options.path, state).catch((error: unknown) => {
      options.log.warn(
        { err: error },
        'Could not note that tail sampling begins now; free some space in the data directory',
      );
    });
    return new TailSampling(options, state);
  }

  /**
   * While it is off: switched on again, it is not to decide on what was stored meanwhile.
   * @throws ClewError CLEW_STATE_FILE_UNUSABLE
   */
  static async forget(path: string): Promise<void> {
    await removeState(path, withoutState);
  }

  start(): void {
    this.#job.start();
  }

  /** Resolves when the run under way has ended, or is left to the engine; the next start goes on with it. */
  stop(): Promise<void> {
    return this.#job.stop();
  }

  describe(): Omit<TailSamplingStats, 'outcomes'> {
    return {
      afterMs: this.#options.afterMs,
      keep: this.#options.keep.map(describeKeepRule),
      decidedUntilMs: this.#state.decidedUntilMs,
    };
  }

  /** Decides on what is old enough. Never rejects: what fails is logged, and the next run tries again. */
  run(): Promise<void> {
    return this.#job.run();
  }

  async #runOnce(): Promise<void> {
    if (this.#job.signal.aborted || !this.#options.isReady()) return;
    try {
      await this.#finishRemoval();
      const { afterMs, oldestWaitingMs } = this.#options;
      const untilMs = floorToMinute(Math.min(this.#now(), oldestWaitingMs() ?? Number.POSITIVE_INFINITY) - afterMs);
      const stepMs = Math.min(maxStepMs, Math.max(minuteMs, Math.floor(afterMs / 4)));
      while (untilMs - this.#state.decidedUntilMs >= stepMs && !this.#job.signal.aborted) {
        await this.#takeStep(Math.min(untilMs, this.#state.decidedUntilMs + maxStepMs));
      }
    } catch (error) {
      if (this.#job.signal.aborted) return;
      this.#options.log.warn({ err: error }, 'Tail sampling could not remove traces; it tries again in a minute');
    }
  }

  /** Decides on the traces of some minutes, at most until the time, and removes those that no rule keeps. */
  async #takeStep(untilMs: number): Promise<void> {
    const { client, keep, onDecided, log } = this.#options;
    const { run } = this.#state;
    await dropDecisions(client, run, maxIdleDays);
    const minutes = await fetchRows<{ minute: number }>(
      client,
      buildMinutesStatement(this.#state.decidedUntilMs / 1000, untilMs / 1000),
    );
    let decidedUntilMs = untilMs;
    for (const { minute } of minutes) {
      this.#job.signal.throwIfAborted();
      await runInBackground(client, buildDecideStatement(run, keep, minute));
      if ((await this.#countDecided()) < maxTracesPerStep) continue;
      decidedUntilMs = minute * 1000 + minuteMs;
      break;
    }
    const outcomes = await fetchRows<{ rule: number; traces: number }>(client, buildOutcomesStatement(run));
    await this.#save({ ...this.#state, removingUntilMs: decidedUntilMs });
    await this.#finishRemoval();
    for (const { rule, traces } of outcomes) {
      onDecided(rule === 0 ? 'removed' : describeKeepRule(keep[rule - 1]!), traces);
    }
    const removed = outcomes.find(({ rule }) => rule === 0)?.traces ?? 0;
    const kept = outcomes.reduce((sum, { traces }) => sum + traces, 0) - removed;
    if (removed + kept > 0) log.info({ removed, kept, until: new Date(decidedUntilMs) }, 'Tail sampling decided');
  }

  async #countDecided(): Promise<number> {
    const sql = 'SELECT count() AS traces FROM tail_decisions WHERE run = {run:String}';
    const params = { run: this.#state.run };
    const [row] = await fetchRows<{ traces: number }>(this.#options.client, { sql, params });
    return row!.traces;
  }

  /** Also after a restart: decided anew, a trace of which a part is gone could be decided otherwise. */
  async #finishRemoval(): Promise<void> {
    const { run, removingUntilMs } = this.#state;
    if (removingUntilMs === null) return;
    await removeDropped(this.#options.client, run, this.#job.signal);
    await this.#save(ownRun({ run, decidedUntilMs: removingUntilMs, removingUntilMs: null }));
  }

  async #save(state: State): Promise<void> {
    await writeState(this.#options.path, state);
    this.#state = state;
  }
}

/** The state with decisions of its own: a version before shared them with other servers. */
function ownRun(state: State): State {
  return state.run === sharedRun ? { ...state, run: randomUUID() } : state;
}

function floorToMinute(timeMs: number): number {
  return Math.floor(timeMs / minuteMs) * minuteMs;
}

import type { RetentionRemoval, RetentionResponse, RetentionRun } from '@clew/model';
import { ClewError } from '../errors.ts';
import type { Logger } from '../log.ts';
import { PeriodicJob } from '../periodic-job.ts';
import type { StoreClient } from '../store/client.ts';
import { findTimeRange, type Inventory, takeInventory } from './inventory.ts';
import { deleteOrphanedResources } from './orphaned-resources.ts';
import { isAhead, planRetention, type RetentionStep } from './plan.ts';
import { dropDay, hideBefore, trimDay } from './remove.ts';
import type { RetentionSettings } from './retention-settings.ts';
import type { SpaceReserve } from './space-reserve.ts';

export interface RetentionOptions {
  readonly client: StoreClient;
  readonly settings: RetentionSettings;
  /** On the disk of the store; undefined where that is not ours. */
  readonly reserve?: SpaceReserve | undefined;
  readonly log: Logger;
  /** Unix milliseconds. */
  readonly now?: () => number;
}

const intervalMs = 60_000;

/** Removes what is over the limits: every minute, and at once when they change. */
export class Retention {
  readonly #client: StoreClient;
  readonly #settings: RetentionSettings;
  readonly #reserve: SpaceReserve | undefined;
  readonly #log: Logger;
  readonly #now: () => number;
  readonly #job = new PeriodicJob({ run: () => this.#runOnce(), restMs: () => intervalMs });
  #lastRun: RetentionRun | null = null;
  #lastRemoval: RetentionRun | null = null;
  /** Whether spans are gone that may have been the last of their resources; at first, an earlier process may have left some. */
  #mayHaveOrphans = true;

  constructor({ client, settings, reserve, log, now }: RetentionOptions) {
    this.#client = client;
    this.#settings = settings;
    this.#reserve = reserve;
    this.#log = log;
    this.#now = now ?? Date.now;
  }

  start(): void {
    this.#job.start();
  }

  /** No further run begins; resolves when the one under way has ended, or is left to the engine, which finishes it. */
  stop(): Promise<void> {
    return this.#job.stop();
  }

  /**
   * Changes the limits, runs with them and keeps them, in this order: on a full disk there is room for them afterwards.
   * @param request the body of `PUT /clew/v1/retention`
   * @throws ClewError CLEW_PARAMETER_INVALID, CLEW_PARAMETER_UNKNOWN, CLEW_RETENTION_NOT_SAVED; the limits are as before
   */
  async change(request: unknown): Promise<void> {
    const takeBack = this.#settings.change(request);
    this.#log.info(this.#settings.limits, 'Limits of retention changed');
    await this.run();
    try {
      await this.#settings.save();
    } catch (error) {
      takeBack();
      throw new ClewError('CLEW_RETENTION_NOT_SAVED', { reason: (error as Error).message }, { cause: error });
    }
  }

  /** Never rejects: what went wrong is in the run and in the log, and the next run tries again. */
  run(): Promise<RetentionRun> {
    return this.#job.run();
  }

  /** @throws StoreError */
  async report(): Promise<RetentionResponse> {
    const inventory = await takeInventory(this.#client);
    return {
      ...this.#settings.describe(),
      bytesUsed: inventory.bytesUsed,
      diskFreeBytes: inventory.diskFreeBytes,
      diskTotalBytes: inventory.diskTotalBytes,
      ...(await findTimeRange(this.#client)),
      lastRun: this.#lastRun,
      lastRemoval: this.#lastRemoval,
    };
  }

  async #runOnce(): Promise<RetentionRun> {
    const startedMs = this.#now();
    const removed: RetentionRemoval[] = [];
    let error: string | null = null;
    try {
      const inventory = await takeInventory(this.#client);
      await this.#tryTo('give up the space kept for deletion', () => this.#reserve?.giveUpWhenFull());
      const ahead = inventory.days.map(({ day }) => day).filter((day) => isAhead(day, startedMs));
      await this.#tryTo('note which days lie ahead of the clock', () => this.#settings.noteAhead(ahead, startedMs));
      const state = { ...inventory, aheadSinceMs: this.#settings.aheadSinceMs };
      for (const step of planRetention(state, this.#settings.limits, startedMs)) {
        const removal = await this.#take(step, inventory);
        if (removal !== undefined) removed.push(removal);
      }
      await this.#tryTo('delete resources that no span refers to', () => this.#deleteOrphans());
      await this.#tryTo('keep space for deletion', () => this.#reserve?.refill());
    } catch (failure) {
      error = failure instanceof Error ? failure.message : String(failure);
      this.#log.warn(
        { err: failure },
        'Retention could not remove what is over its limits; it tries again in a minute',
      );
    }
    const run: RetentionRun = { startedMs, durationMs: this.#now() - startedMs, removed, error };
    this.#lastRun = run;
    if (removed.length > 0) {
      this.#lastRemoval = run;
      this.#log.info({ removed, durationMs: run.durationMs }, 'Retention removed spans');
    }
    return run;
  }

  /** What goes wrong here must keep nothing from being removed. */
  async #tryTo(what: string, run: () => Promise<void> | undefined): Promise<void> {
    try {
      await run();
    } catch (error) {
      this.#log.warn({ err: error }, `Retention could not ${what}; it tries again in a minute`);
    }
  }

  async #deleteOrphans(): Promise<void> {
    if (!this.#mayHaveOrphans) return;
    const deleted = await deleteOrphanedResources(this.#client);
    this.#mayHaveOrphans = false;
    if (deleted > 0) this.#log.info({ deleted }, 'Deleted resources that no span refers to');
  }

  async #take(step: RetentionStep, inventory: Inventory): Promise<RetentionRemoval | undefined> {
    const { day, reason } = step;
    const partitions = inventory.partitions.filter((partition) => partition.day === day);
    if (step.kind === 'drop-day') {
      const bytes = await dropDay(this.#client, partitions);
      this.#mayHaveOrphans = true;
      const spans = partitions.find(({ table }) => table === 'spans')?.rows ?? 0;
      return { day, reason, beforeMs: null, spans, bytes };
    }
    if (step.kind === 'delete-before') {
      const spans = await hideBefore(this.#client, day, step.beforeMs);
      return spans === 0 ? undefined : { day, reason, beforeMs: step.beforeMs, spans, bytes: 0 };
    }
    const trimmed = await trimDay(this.#client, partitions, step.bytes, inventory.diskFreeBytes);
    return trimmed === undefined ? undefined : { day, reason, ...trimmed };
  }
}

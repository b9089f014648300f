import { setTimeout as sleep } from 'node:timers/promises';

/** How long the end of the server waits for a run. */
const stopWaitMs = 2_000;

export interface PeriodicJobOptions<Result> {
  /** One run; must not reject. */
  readonly run: () => Promise<Result>;
  /** From the end of a run to the next one, given how long the run took. */
  readonly restMs: (runMs: number) => number;
}

/**
 * Work that is repeated: at once, after a rest, and on demand. Runs never overlap and never pile up. Demands that come
 * while one is under way are all answered by one more run, as what they ask for may have come too late for this one.
 */
export class PeriodicJob<Result> {
  readonly #options: PeriodicJobOptions<Result>;
  readonly #stopping = new AbortController();
  #running: Promise<Result> | undefined;
  #next: Promise<Result> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isStarted = false;

  constructor(options: PeriodicJobOptions<Result>) {
    this.#options = options;
  }

  /** Fires when the job is to end. */
  get signal(): AbortSignal {
    return this.#stopping.signal;
  }

  start(): void {
    this.#isStarted = true;
    void this.run();
  }

  /** A run that begins after this call. */
  run(): Promise<Result> {
    if (this.#running === undefined) return this.#begin();
    this.#next ??= this.#running.then(() => {
      this.#next = undefined;
      return this.#begin();
    });
    return this.#next;
  }

  /** No run begins by itself from now on. Resolves when the one under way has ended, or is left to the engine. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    clearTimeout(this.#timer);
    await Promise.race([this.#next ?? this.#running, sleep(stopWaitMs, undefined, { ref: false })]);
  }

  #begin(): Promise<Result> {
    clearTimeout(this.#timer);
    const startedMs = performance.now();
    this.#running = this.#options.run().then((result) => {
      this.#running = undefined;
      if (this.#isStarted && !this.#stopping.signal.aborted) {
        this.#timer = setTimeout(() => void this.run(), this.#options.restMs(performance.now() - startedMs));
        // It must not keep the process alive.
        this.#timer.unref();
      }
      return result;
    });
    return this.#running;
  }
}

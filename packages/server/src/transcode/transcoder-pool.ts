import { availableParallelism } from 'node:os';
import type { DropRule } from '../drop-rules.ts';
import type { Logger } from '../log.ts';
import type { ExportRequest } from '../receive/export-request.ts';
import {
  type EndReason,
  type ThreadOptions,
  type TranscodeLimits,
  type TranscodeOutcome,
  TranscoderThread,
  TranscoderUnavailableError,
  usualLimits,
} from './transcoder-thread.ts';

export interface TranscoderPoolOptions {
  readonly dropRules?: readonly DropRule[];
  /** The largest request, uncompressed. */
  readonly maxRequestBytes: number;
  readonly limits?: TranscodeLimits;
  /** At least 2, so that one request that takes long does not stop the others. */
  readonly maxThreads?: number;
  readonly log: Logger;
}

/** What one pipeline transcodes with. */
export interface TranscoderQueue {
  /**
   * Waits for a thread and for this pipeline's turn.
   *
   * @param take called when both have come; gives the requests of a group, whose bytes must not be used again
   * @throws TranscoderUnavailableError when the pool was closed before, or no thread could be started
   */
  transcode(take: () => readonly ExportRequest[]): Promise<TranscodeOutcome>;
  /** Whether a group has taken so much CPU time that those who wait should not wait for its end. */
  readonly isHeldUp: boolean;
}

/** How the pool does, for readiness and metrics. */
export interface TranscoderState {
  readonly threads: number;
  readonly maxThreads: number;
  readonly busyThreads: number;
  /** The most CPU time that a group has taken of those that are being transcoded. */
  readonly longestUsedMs: number;
  readonly isHeldUp: boolean;
  /** How long the first of those that wait for a thread has waited; 0 when nobody does. */
  readonly longestWaitMs: number;
}

interface QueueState {
  running: number;
  /** The number of the turn that it had last. */
  lastTurn: number;
}

interface Waiting {
  readonly queue: QueueState;
  readonly sinceMs: number;
  readonly take: () => readonly ExportRequest[];
  readonly resolve: (outcome: TranscodeOutcome | Promise<TranscodeOutcome>) => void;
  readonly reject: (error: Error) => void;
}

/** Two are enough for one to be stuck; four transcode more than the rest of a server keeps up with. */
const usualThreads = Math.min(4, Math.max(2, availableParallelism()));

/** A usual group takes some tens of milliseconds. */
const heldUpMs = 1_000;

/** How long a thread stays that was started because all others were busy. */
const idleThreadMs = 60_000;

/**
 * The threads that transcode, for all pipelines. One is kept ready, or two for several pipelines; a further one is
 * started when all others are busy.
 *
 * ```
 * pipelines   A  B  C        each asks for its next group; the one that was served longest ago is served first
 * threads     [A] [B]        a pipeline gets all but one of them, unless it is the only one
 * ```
 *
 * So a pipeline whose requests take long, or are made to, leaves a thread to the others.
 */
export class TranscoderPool {
  readonly maxThreads: number;
  readonly endedThreads: Record<EndReason, number> = { deadline: 0, memory: 0, failure: 0 };
  /** Groups that a thread held when it ended. */
  refusedGroups = 0;
  readonly #threadOptions: ThreadOptions;
  readonly #log: Logger;
  readonly #threads: TranscoderThread[] = [];
  readonly #idleTimers = new Map<TranscoderThread, NodeJS.Timeout>();
  #waiting: Waiting[] = [];
  #queueCount = 0;
  #turn = 0;
  #isClosed = false;

  constructor({ dropRules = [], limits = usualLimits, maxThreads = usualThreads, ...rest }: TranscoderPoolOptions) {
    const { maxRequestBytes, log } = rest;
    this.#threadOptions = { dropRules, maxRequestBytes, limits };
    this.maxThreads = maxThreads;
    this.#log = log;
  }

  createQueue(): TranscoderQueue {
    this.#queueCount++;
    this.#startKeptThreads();
    const queue: QueueState = { running: 0, lastTurn: 0 };
    const isHeldUp = (): boolean => this.describe().isHeldUp;
    return {
      get isHeldUp() {
        return isHeldUp();
      },
      transcode: (take) => {
        if (this.#isClosed) return Promise.reject(closedError());
        return new Promise((resolve, reject) => {
          this.#waiting.push({ queue, sinceMs: performance.now(), take, resolve, reject });
          this.#serve();
        });
      },
    };
  }

  describe(): TranscoderState {
    const first = this.#waiting[0];
    const longestUsedMs = Math.max(0, ...this.#threads.map(({ usedMs }) => usedMs));
    return {
      threads: this.#threads.length,
      maxThreads: this.maxThreads,
      busyThreads: this.#threads.filter(({ isBusy }) => isBusy).length,
      longestUsedMs: Math.round(longestUsedMs),
      isHeldUp: longestUsedMs > heldUpMs,
      longestWaitMs: first === undefined ? 0 : Math.round(performance.now() - first.sinceMs),
    };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#refuseWaiting(closedError());
    for (const timer of this.#idleTimers.values()) clearTimeout(timer);
    await Promise.all(this.#threads.splice(0).map((thread) => thread.close()));
  }

  #serve(): void {
    const maxOfQueue = this.#queueCount > 1 ? this.maxThreads - 1 : this.maxThreads;
    for (;;) {
      const allowed = this.#waiting.filter(({ queue }) => queue.running < maxOfQueue);
      if (allowed.length === 0) return;
      const next = allowed.reduce((best, each) => (each.queue.lastTurn < best.queue.lastTurn ? each : best));
      const thread = this.#findThread();
      if (thread === undefined) return;
      this.#waiting.splice(this.#waiting.indexOf(next), 1);
      next.queue.lastTurn = ++this.#turn;
      this.#run(thread, next);
    }
  }

  /**
   * Of those that are kept, the one with the fewest groups: V8 has then compiled the code of each before it is alone with
   * the work of all others. The first of the others, so that those can end when there is less to do.
   */
  #findThread(): TranscoderThread | undefined {
    const isIdle = ({ isReady, isBusy }: TranscoderThread): boolean => isReady && !isBusy;
    const kept = this.#threads.slice(0, this.#keptThreads).filter(isIdle);
    const idle = kept.sort((a, b) => a.groupCount - b.groupCount)[0] ?? this.#threads.find(isIdle);
    if (idle === undefined) this.#startThread();
    return idle;
  }

  /** Nobody waits for this one thread in particular: another may be free before it has started. */
  #startThread(): void {
    const isStarting = this.#threads.some(({ isReady }) => !isReady);
    if (isStarting || this.#threads.length >= this.maxThreads) return;
    const thread = new TranscoderThread(this.#threadOptions, {
      onReady: () => {
        this.#startKeptThreads();
        this.#endWhenIdle(thread);
        this.#serve();
      },
      onEnd: (reason, error, heldGroup) => this.#replace(thread, reason, error, heldGroup),
    });
    this.#threads.push(thread);
  }

  #run(thread: TranscoderThread, { queue, take, resolve, reject }: Waiting): void {
    clearTimeout(this.#idleTimers.get(thread));
    const requests = take();
    if (requests.length === 0) {
      resolve({ results: [], blocks: null });
      this.#endWhenIdle(thread);
      return;
    }
    try {
      const outcome = thread.transcode(requests);
      queue.running++;
      resolve(outcome);
      void outcome.then(() => {
        queue.running--;
        this.#endWhenIdle(thread);
        this.#serve();
      });
    } catch (error) {
      reject(error as Error);
    }
  }

  /** One and, for several pipelines, a second: nobody waits for a thread to start because somebody else has a lot to do. */
  get #keptThreads(): number {
    return Math.min(2, this.#queueCount);
  }

  #startKeptThreads(): void {
    if (this.#threads.length < this.#keptThreads) this.#startThread();
  }

  #endWhenIdle(thread: TranscoderThread): void {
    if (this.#threads.indexOf(thread) < this.#keptThreads) return;
    const timer = setTimeout(() => {
      this.#remove(thread);
      void thread.close();
    }, idleThreadMs).unref();
    this.#idleTimers.set(thread, timer);
  }

  #replace(thread: TranscoderThread, reason: EndReason, error: Error, heldGroup: boolean): void {
    this.#remove(thread);
    this.endedThreads[reason]++;
    if (heldGroup) this.refusedGroups++;
    this.#log.error({ err: error, reason }, 'A thread that reads requests ended; another takes its place');
    // One that cannot even start is not tried again and again while others wait: they are told, and the next one tries.
    if (thread.isReady) this.#startKeptThreads();
    else if (this.#threads.length === 0) this.#refuseWaiting(unstartedError());
    this.#serve();
  }

  #refuseWaiting(error: Error): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }

  #remove(thread: TranscoderThread): void {
    clearTimeout(this.#idleTimers.get(thread));
    this.#idleTimers.delete(thread);
    const index = this.#threads.indexOf(thread);
    if (index !== -1) this.#threads.splice(index, 1);
  }
}

function closedError(): TranscoderUnavailableError {
  return new TranscoderUnavailableError('The server is stopping. Send the request again to its successor.');
}

function unstartedError(): TranscoderUnavailableError {
  return new TranscoderUnavailableError(
    "No thread that reads requests could be started; the reason is in the server's log. Send the request again.",
  );
}

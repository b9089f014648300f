import { Worker } from 'node:worker_threads';
import type { DropRule } from '../drop-rules.ts';
import type { ExportRequest, ExportResult } from '../receive/export-request.ts';
import { readThreadCpuMs } from './thread-cpu.ts';
import type { TraceBlocks } from './trace-transcoder.ts';

/** Why a request is refused for good, as metrics count it. */
export type RefusalReason = 'malformed' | 'too_large' | 'too_many_elements' | 'too_expensive';

/** The request cannot be taken, now or later: it is not what its encoding says, or it asks for more than one may. */
export class RefusedRequestError extends Error {
  override readonly name = 'RefusedRequestError';
  readonly reason: RefusalReason;

  constructor(message: string, reason: RefusalReason) {
    super(message);
    this.reason = reason;
  }
}

/** The request was not read and is not to blame. It can be sent again. */
export class TranscoderUnavailableError extends Error {
  override readonly name = 'TranscoderUnavailableError';
}

export interface TranscodeOutcome {
  /** One a request, in their order; an error of another class than the two above is a bug. */
  readonly results: readonly (ExportResult | Error)[];
  /** The rows of all requests together; null when none had a span. */
  readonly blocks: TraceBlocks | null;
}

/** A group of requests on its way to a worker. */
export interface WorkerTask {
  readonly id: number;
  readonly requests: readonly ExportRequest[];
}

/** What a worker says first, when it can take a group: the id of its thread, see readThreadId. */
export interface WorkerReady {
  readonly threadId: number;
}

/** What the worker answers; an error crosses as its message. */
export interface WorkerAnswer {
  readonly id: number;
  readonly results: readonly WorkerResult[];
  readonly blocks: TraceBlocks | null;
}

export type WorkerResult =
  | ExportResult
  | { readonly refused: string; readonly reason: RefusalReason }
  | { readonly postponed: true }
  | { readonly failed: string };

export interface WorkerOptions {
  readonly dropRules: readonly DropRule[];
  /** The largest request, uncompressed. */
  readonly maxRequestBytes: number;
  /**
   * Shared memory.
   *
   * ```
   * [ number of the request of the group that is being read | its bytes, uncompressed ]
   * ```
   */
  readonly progress: Int32Array;
}

/** What one request may take. */
export interface TranscodeLimits {
  /** CPU time of the thread, whatever the size of the request. */
  readonly baseMs: number;
  /** CPU time for each MiB of its body. */
  readonly msPerMiB: number;
  /** Of V8's heap, which holds strings and objects of JSON, not the bytes of requests and blocks. */
  readonly maxHeapMiB: number;
}

/**
 * A MiB takes 5 ms as protobuf and 50 to 100 ms as JSON. Five seconds are a hundred times what a usual request takes,
 * and longer than senders wait; a slow machine gets there with no request that it should take.
 */
export const usualLimits: TranscodeLimits = { baseMs: 5_000, msPerMiB: 250, maxHeapMiB: 1_536 };

/** How a thread ended. */
export type EndReason = 'deadline' | 'memory' | 'failure';

interface Group {
  readonly id: number;
  readonly requestCount: number;
  readonly resolve: (outcome: TranscodeOutcome) => void;
  /** The request that was in the thread's hands when it was last looked at, and the CPU time of the thread then. */
  request: number;
  requestStartMs: number;
  /** The CPU time of the thread when the group came. */
  readonly startMs: number;
}

export interface ThreadOptions {
  readonly dropRules: readonly DropRule[];
  /** The largest request, uncompressed. */
  readonly maxRequestBytes: number;
  readonly limits: TranscodeLimits;
}

export interface ThreadEvents {
  /** Called once, when the thread can take its first group. */
  readonly onReady: () => void;
  /** Called once, when the thread can take no more groups, unless it was {@link TranscoderThread.close}d. */
  readonly onEnd: (reason: EndReason, error: Error, heldGroup: boolean) => void;
}

/**
 * A worker thread that transcodes, so that the thread of the sockets stays free. It holds one group at a time.
 *
 * When a request takes too long, or more memory than it may, the thread is terminated. That request is refused, and the
 * others of its group can be sent again: which one the thread was reading stands in memory that it shares.
 */
export class TranscoderThread {
  /** How many it has been given. */
  groupCount = 0;
  readonly #worker: Worker;
  readonly #limits: TranscodeLimits;
  readonly #progress = new Int32Array(new SharedArrayBuffer(8));
  readonly #events: ThreadEvents;
  /** The id of the thread, once it has started. */
  #threadId: number | undefined;
  #group: Group | null = null;
  #watch: NodeJS.Timeout | undefined;
  #hasEnded = false;

  constructor({ dropRules, maxRequestBytes, limits }: ThreadOptions, events: ThreadEvents) {
    this.#limits = limits;
    this.#events = events;
    const workerData: WorkerOptions = { dropRules, maxRequestBytes, progress: this.#progress };
    const resourceLimits = { maxOldGenerationSizeMb: limits.maxHeapMiB };
    this.#worker = new Worker(new URL('./worker.js', import.meta.url), { workerData, resourceLimits });
    this.#worker.once('message', ({ threadId }: WorkerReady) => {
      this.#threadId = threadId;
      this.#worker.on('message', (answer: WorkerAnswer) => this.#settle(answer));
      if (!this.#hasEnded) this.#events.onReady();
    });
    this.#worker.on('error', (error) => {
      const isOutOfMemory = (error as NodeJS.ErrnoException).code === 'ERR_WORKER_OUT_OF_MEMORY';
      this.#end(isOutOfMemory ? 'memory' : 'failure', error);
    });
    this.#worker.on('exit', (code) => this.#end('failure', new Error(`the thread ended with code ${code}`)));
  }

  get isReady(): boolean {
    return this.#threadId !== undefined;
  }

  get isBusy(): boolean {
    return this.#group !== null;
  }

  /** The CPU time that its group has taken so far, which is not the thread's fault when the machine is busy. */
  get usedMs(): number {
    return this.#group === null ? 0 : this.#readCpuMs() - this.#group.startMs;
  }

  /**
   * Only for a thread that is ready and not busy. Never rejects. The bytes of the requests are moved to the thread and
   * must not be used again.
   *
   * @throws Error when the requests cannot be moved; then the thread holds no group
   */
  transcode(requests: readonly ExportRequest[]): Promise<TranscodeOutcome> {
    const id = ++this.groupCount;
    Atomics.store(this.#progress, 0, 0);
    Atomics.store(this.#progress, 1, 0);
    const requestCount = requests.length;
    const task: WorkerTask = { id, requests };
    this.#worker.postMessage(
      task,
      requests.map(({ bytes }) => bytes.buffer),
    );
    this.#watch = setInterval(() => this.#checkDeadline(), deadlineCheckMs);
    return new Promise((resolve) => {
      const startMs = this.#readCpuMs();
      this.#group = { id, requestCount, resolve, request: 0, requestStartMs: startMs, startMs };
    });
  }

  async close(): Promise<void> {
    this.#hasEnded = true;
    this.#refuseGroup(undefined);
    await this.#worker.terminate();
  }

  /** Answers of a group that was given up meanwhile are dropped: its requests have been refused. */
  #settle(answer: WorkerAnswer): void {
    const group = this.#group;
    if (this.#hasEnded || group?.id !== answer.id) return;
    this.#group = null;
    clearInterval(this.#watch);
    group.resolve({ results: answer.results.map(toResult), blocks: answer.blocks });
  }

  #readCpuMs(): number {
    return readThreadCpuMs(this.#threadId!);
  }

  #checkDeadline(): void {
    const group = this.#group;
    if (group === null) return;
    const request = Atomics.load(this.#progress, 0);
    const nowMs = this.#readCpuMs();
    if (request !== group.request) {
      group.request = request;
      group.requestStartMs = nowMs;
      return;
    }
    const bytes = Atomics.load(this.#progress, 1);
    const limitMs = this.#limits.baseMs + (bytes / 2 ** 20) * this.#limits.msPerMiB;
    if (nowMs - group.requestStartMs <= limitMs) return;
    this.#end('deadline', new Error(`a request of ${bytes} bytes took more than ${limitMs} ms`));
  }

  #end(reason: EndReason, error: Error): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    void this.#worker.terminate();
    const { baseMs, msPerMiB, maxHeapMiB } = this.#limits;
    const limits = {
      deadline: `more CPU time than the limit of ${baseMs} ms and ${msPerMiB} ms a MiB`,
      memory: `more memory than the limit of ${maxHeapMiB} MiB`,
      failure: undefined,
    };
    const heldGroup = this.#group !== null;
    this.#refuseGroup(limits[reason]);
    this.#events.onEnd(reason, error, heldGroup);
  }

  /** @param excess what the request in hand took too much of; undefined when no request is to blame */
  #refuseGroup(excess: string | undefined): void {
    const group = this.#group;
    this.#group = null;
    clearInterval(this.#watch);
    if (group === null) return;
    const culprit = excess === undefined ? -1 : Atomics.load(this.#progress, 0);
    const results = Array.from({ length: group.requestCount }, (_, request) =>
      request === culprit
        ? new RefusedRequestError(
            `Reading the request of ${Atomics.load(this.#progress, 1)} bytes takes ${excess}. Send smaller batches.`,
            'too_expensive',
          )
        : new TranscoderUnavailableError(
            "The thread that read the request ended; the reason is in the server's log. Send it again.",
          ),
    );
    group.resolve({ results, blocks: null });
  }
}

const deadlineCheckMs = 250;

function toResult(result: WorkerResult): ExportResult | Error {
  if ('refused' in result) return new RefusedRequestError(result.refused, result.reason);
  if ('postponed' in result) {
    return new TranscoderUnavailableError('Other requests took too long to be read before this one. Send it again.');
  }
  return 'failed' in result ? new Error(result.failed) : result;
}

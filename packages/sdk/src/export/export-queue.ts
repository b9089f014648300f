import { contextStorage, suppressedContext } from '../context/context-manager.ts';
import { reportFailure } from '../notice.ts';
import type { Batch } from '../record/span-buffer.ts';
import { CollectorNotices } from './collector-notices.ts';
import type { ResolvedExportOptions } from './export-options.ts';
import { readPartialSuccess } from './partial-success.ts';
import { openPoster, type Poster, type PostResult } from './post-request.ts';
import { isRetryable, retryDelayMs } from './retry-delay.ts';

/**
 * Batches on their way to the collector.
 *
 * ```
 *   add ->  [ waiting, oldest first ]  ->  in flight (up to 8)  ->  answered
 *                    ^                          | no answer, 429, 502, 503, 504
 *                    +---- after a delay -------+
 * ```
 *
 * Several requests are in flight at once, so a slow collector costs no spans as long as it keeps up. When one fails,
 * the collector counts as away: one request at a time asks, at growing intervals, until it answers. Waiting and flying
 * batches together are bounded by `maxQueueBytes`; what does not fit is dropped and counted.
 */
export class ExportQueue {
  private readonly options: ResolvedExportOptions;
  private readonly notices: CollectorNotices;
  private readonly waiting: Batch[] = [];
  private waitingBytes = 0;
  private readonly inFlight = new Set<Batch>();
  private poster: Promise<Poster> | undefined;
  /** Failures since the last answer. */
  private failures = 0;
  private retryTimer: NodeJS.Timeout | undefined;
  private isClosed = false;
  /** Requests that no answer came to, ever. */
  private connectionFailures = 0;
  /** Called whenever something was answered or failed. */
  private readonly progressListeners = new Set<() => void>();

  constructor(options: ResolvedExportOptions) {
    this.options = options;
    this.notices = new CollectorNotices(options.url, options.maxQueueBytes);
  }

  get isEmpty(): boolean {
    return this.waiting.length === 0 && this.inFlight.size === 0;
  }

  /** Takes a batch over. Dropped when the queue is closed; dropped and counted when it is full. */
  add(batch: Batch): void {
    if (this.isClosed) return;
    if (this.waitingBytes + batch.request.length > this.options.maxQueueBytes) {
      this.noteLost(batch.spanCount);
      return;
    }
    this.waitingBytes += batch.request.length;
    this.waiting.push(batch);
    this.send();
  }

  noteLost(spanCount: number): void {
    if (spanCount > 0) this.notices.noteLost(spanCount);
  }

  /**
   * Sends what is there without waiting for a retry to be due. Resolves when all is answered, when the collector cannot
   * be reached, or after `flushTimeoutMs`; true when nothing is left. Keeps the process alive that long.
   */
  flush(): Promise<boolean> {
    if (this.isEmpty) return Promise.resolve(true);
    return new Promise((resolve) => {
      const failuresBefore = this.connectionFailures;
      const finish = (): void => {
        clearTimeout(deadline);
        this.progressListeners.delete(check);
        resolve(this.isEmpty);
      };
      const check = (): void => {
        if (this.isEmpty || this.connectionFailures > failuresBefore) finish();
      };
      const deadline = setTimeout(finish, this.options.flushTimeoutMs);
      this.progressListeners.add(check);
      clearTimeout(this.retryTimer);
      this.retryTimer = undefined;
      this.send();
    });
  }

  /** Says how many spans are left, `unbatched` among them, and closes the connections. */
  close(unbatched: number): void {
    if (this.isClosed) return;
    this.isClosed = true;
    clearTimeout(this.retryTimer);
    const unsent = [...this.waiting, ...this.inFlight].reduce((sum, batch) => sum + batch.spanCount, unbatched);
    this.notices.tellUnsent(unsent);
    this.waiting.length = 0;
    this.poster?.then(
      (poster) => poster.close(),
      () => undefined,
    );
  }

  private send(): void {
    if (this.isClosed || this.retryTimer !== undefined) return;
    const limit = this.failures > 0 ? 1 : maxInFlight;
    while (this.inFlight.size < limit) {
      const batch = this.waiting.shift();
      if (batch === undefined) return;
      this.inFlight.add(batch);
      // In a context of its own: an export is not part of the request that happened to fill the batch.
      contextStorage.run(suppressedContext, () => {
        this.deliver(batch).catch((error: unknown) => reportFailure('export', error));
      });
    }
  }

  private async deliver(batch: Batch): Promise<void> {
    let result: PostResult;
    try {
      this.poster ??= openPoster(this.options);
      result = await (await this.poster).post(batch.request);
    } catch (error) {
      result = { error: error as NodeJS.ErrnoException };
    }
    this.inFlight.delete(batch);
    if (this.isClosed) return;
    if ('error' in result) this.tryLater(batch, result.error.code ?? result.error.message);
    else if (isRetryable(result.status)) this.tryLater(batch, result.status, result.retryAfter);
    else this.acceptAnswer(batch, result.status, result.body);
    this.send();
    for (const listener of this.progressListeners) listener();
  }

  private acceptAnswer(batch: Batch, status: number, body: Uint8Array): void {
    this.waitingBytes -= batch.request.length;
    this.failures = 0;
    this.notices.tellAnswered();
    if (status < 200 || status > 299) {
      this.notices.tellRefused(`HTTP ${status}`, batch.spanCount);
      return;
    }
    const { rejectedSpans, message } = readPartialSuccess(body);
    if (rejectedSpans > 0) this.notices.tellRefused(message === '' ? 'no reason given' : message, rejectedSpans);
  }

  /** @param reason an error code, or the status of an answer that asks for patience. */
  private tryLater(batch: Batch, reason: string | number, retryAfter?: string): void {
    this.waiting.unshift(batch);
    this.failures++;
    if (typeof reason === 'string') {
      this.connectionFailures++;
      this.notices.tellAway(reason);
    } else if (this.failures >= failuresToTell) {
      this.notices.tellAway(`HTTP ${reason}`);
    }
    if (this.retryTimer !== undefined) return;
    this.retryTimer = setTimeout(
      () => {
        this.retryTimer = undefined;
        this.send();
      },
      retryDelayMs(this.failures, retryAfter),
    );
    this.retryTimer.unref();
  }
}

// A collector under load sends single 429s and 503s; that is no news until it goes on.
const failuresToTell = 3;

// At 512 KiB a batch: 5,000 spans/s of 400 bytes are 4 batches a second, so a collector may take 2 s for each.
const maxInFlight = 8;

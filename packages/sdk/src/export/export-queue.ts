import { startBackgroundTimer } from '../context/background-timer.ts';
import { contextStorage, suppressedContext } from '../context/context-manager.ts';
import { reportFailure } from '../notice.ts';
import type { Batch } from '../record/span-buffer.ts';
import { CollectorNotices } from './collector-notices.ts';
import type { ResolvedExportOptions } from './export-options.ts';
import { OverflowFolder, type StoredBatch } from './overflow-folder.ts';
import { retryDelayMs } from './retry-delay.ts';
import { nameOf } from './target.ts';
import { openTransport, type SendResult, type Transport } from './transport.ts';

/**
 * Batches on their way to one target.
 *
 * ```
 *   add ->  [ waiting ]  ->  in flight (up to 16)  ->  answered
 *    |       ^       ^              | no answer, 429, 502, 503, 504
 *    | full  |       +- after a delay
 *    v       | when nothing waits
 *   [ overflow folder ]
 * ```
 *
 * Several requests are in flight at once, so a slow collector costs no spans as long as it keeps up. When one fails,
 * the collector counts as away: one request at a time asks, at growing intervals, until it answers. Waiting and flying
 * batches together are bounded by `maxQueueBytes` and `maxQueueSpans`; what does not fit goes to the overflow folder
 * when there is one, and is dropped and counted when there is not.
 */
export class ExportQueue {
  readonly options: ResolvedExportOptions;
  readonly notices: CollectorNotices;
  private readonly waiting: (Batch | StoredBatch)[] = [];
  private readonly inFlight = new Set<Batch | StoredBatch>();
  /** Of waiting and flying batches. */
  private bytes = 0;
  private spans = 0;
  private readonly overflow: OverflowFolder | undefined;
  private transport: Promise<Transport> | undefined;
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
    this.notices = new CollectorNotices(options.target, options.maxQueueBytes);
    this.overflow = this.openOverflow();
    // What an earlier process left goes out soon, and not before the app has started.
    if (this.overflow?.isEmpty === false) this.sendLater(options.delayMs);
  }

  /** Whether all was answered that is in memory; what is on disk is safe there. */
  get isEmpty(): boolean {
    return this.waiting.length === 0 && this.inFlight.size === 0;
  }

  /** Takes a batch over. Dropped when the queue is closed; stored, or dropped and counted, when it is full. */
  add(batch: Batch): void {
    if (this.isClosed) return;
    const { maxQueueBytes, maxQueueSpans } = this.options;
    if (this.bytes + batch.request.length > maxQueueBytes || this.spans + batch.spanCount > maxQueueSpans) {
      if (this.overflow?.put(batch) === true) this.send();
      else this.notices.noteDropped(batch.spanCount);
      return;
    }
    this.hold(batch);
    this.waiting.push(batch);
    this.send();
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

  /**
   * Stops and closes the connections.
   *
   * @returns what is neither delivered nor on disk, those included that are on their way: nobody will see their answer.
   */
  close(): Batch[] {
    if (this.isClosed) return [];
    this.isClosed = true;
    clearTimeout(this.retryTimer);
    const left = [...this.inFlight, ...this.waiting].filter((batch) => !('path' in batch));
    this.waiting.length = 0;
    this.transport?.then(
      (transport) => transport.close(),
      () => undefined,
    );
    return this.overflow === undefined ? left : left.filter((batch) => this.overflow?.put(batch) !== true);
  }

  private openOverflow(): OverflowFolder | undefined {
    const { overflow, target } = this.options;
    if (overflow === undefined) return undefined;
    try {
      return new OverflowFolder(overflow, `${target.protocol} ${nameOf(target)}`);
    } catch (error) {
      reportFailure(`the overflow folder ${overflow.folder}`, error);
      return undefined;
    }
  }

  private hold(batch: Batch): void {
    this.bytes += batch.request.length;
    this.spans += batch.spanCount;
  }

  private send(): void {
    if (this.isClosed || this.retryTimer !== undefined) return;
    const limit = this.failures > 0 ? 1 : maxInFlight;
    while (this.inFlight.size < limit) {
      const batch = this.waiting.shift() ?? this.takeStored();
      if (batch === undefined) return;
      this.inFlight.add(batch);
      // In a context of its own: an export is not part of the request that happened to fill the batch.
      contextStorage.run(suppressedContext, () => {
        this.deliver(batch).catch((error: unknown) => reportFailure('export', error));
      });
    }
  }

  /** A batch from disk, as long as those leave half of the memory to new ones. */
  private takeStored(): StoredBatch | undefined {
    if (this.inFlight.size > 0 && this.bytes > this.options.maxQueueBytes / 2) return undefined;
    const batch = this.overflow?.take();
    if (batch !== undefined) this.hold(batch);
    return batch;
  }

  private async deliver(batch: Batch | StoredBatch): Promise<void> {
    let result: SendResult;
    try {
      this.transport ??= openTransport(this.options.target);
      result = await (await this.transport).send(batch.request);
    } catch (error) {
      const reason = (error as NodeJS.ErrnoException).code ?? String(error);
      result = { outcome: 'later', reason, isUnreachable: true, waitMs: 0 };
    }
    this.inFlight.delete(batch);
    if (this.isClosed) return;
    if (result.outcome === 'later') this.tryLater(batch, result);
    else this.settle(batch, result);
    this.send();
    for (const listener of this.progressListeners) listener();
  }

  private settle(batch: Batch | StoredBatch, result: Exclude<SendResult, { outcome: 'later' }>): void {
    this.bytes -= batch.request.length;
    this.spans -= batch.spanCount;
    if ('path' in batch) this.overflow?.remove(batch);
    this.failures = 0;
    this.notices.tellAnswered();
    const { maxQueueBytes, maxQueueSpans } = this.options;
    if (this.bytes <= maxQueueBytes / 2 && this.spans <= maxQueueSpans / 2) this.notices.tellRoom();
    if (result.outcome === 'refused') this.notices.tellRefused(result.reason, batch.spanCount);
    else if (result.rejectedSpans > 0)
      this.notices.tellRefused(result.message || 'no reason given', result.rejectedSpans);
    else this.notices.tellMessage(result.message);
  }

  private tryLater(batch: Batch, result: Extract<SendResult, { outcome: 'later' }>): void {
    this.waiting.unshift(batch);
    this.failures++;
    if (result.isUnreachable) this.connectionFailures++;
    if (result.isUnreachable || this.failures >= failuresToTell) this.notices.tellAway(result.reason);
    if (this.retryTimer === undefined) this.sendLater(retryDelayMs(this.failures, result.waitMs));
  }

  private sendLater(delayMs: number): void {
    const retry = (): void => {
      this.retryTimer = undefined;
      this.send();
    };
    this.retryTimer = startBackgroundTimer('the retry of an export', retry, delayMs);
  }
}

// A collector under load sends single 429s and 503s; that is no news until it goes on.
const failuresToTell = 3;

// A collector that takes 500 ms for each request is asked 32 times a second: 16,000 spans/s even in the official SDK's
// batches of 512, and 16 MiB/s in ours. More would only queue inside the collector.
const maxInFlight = 16;

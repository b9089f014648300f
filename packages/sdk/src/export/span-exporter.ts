import { startBackgroundTimer } from '../context/background-timer.ts';
import { guard } from '../notice.ts';
import type { SpanSink } from '../record/recording-span.ts';
import { type Batch, SpanBuffer } from '../record/span-buffer.ts';
import { replaceMethod } from '../replace-method.ts';
import type { ResolvedExportOptions } from './export-options.ts';
import { ExportQueue } from './export-queue.ts';
import { countSpans, deliverBeforeExit } from './last-delivery.ts';
import { reportRunningSpans } from './running-reports.ts';
import { failSpan } from './unfinished-spans.ts';
import { isWorkerThread, WorkerHandover } from './worker-handover.ts';
import { WorkerSpans } from './worker-spans.ts';

// A main thread that loads modules, or works, may not look for so long.
const claimTimeoutMs = 5_000;
// A flush must not wait as long for a main thread that has no SDK.
const flushClaimTimeoutMs = 200;

/**
 * Takes spans as they end and sends them in the background to every target: after a delay, or as soon as a batch is full.
 * Those of worker threads go out with the main thread's, see `worker-handover.ts`.
 */
export class SpanExporter {
  private readonly buffer: SpanBuffer;
  private readonly queues: readonly ExportQueue[];
  private readonly delayMs: number;
  private timer: NodeJS.Timeout | undefined;
  private awaitsResource = false;
  private readonly maxBatchBytes: number;
  /** In a worker. */
  private readonly handover: WorkerHandover | undefined;
  /** In the main thread. */
  private readonly workerSpans: WorkerSpans | undefined;
  /** Of workers, until the next request. */
  private received: Batch[] = [];
  private receivedBytes = 0;
  private readonly handOverSoon = guard('the handover to the main thread', () => this.sendBuffer());
  private stopReports: () => void = () => undefined;
  private stopHandover: () => void = () => undefined;

  /** @param resource from `encodeResource`. @param exporters at least one; the first decides how batches are made. */
  constructor(resource: Uint8Array, exporters: readonly [ResolvedExportOptions, ...ResolvedExportOptions[]]) {
    const [{ delayMs, maxBatchBytes, maxBatchSpans }] = exporters;
    this.delayMs = delayMs;
    this.maxBatchBytes = maxBatchBytes;
    this.queues = exporters.map((options) => new ExportQueue(options));
    this.buffer = new SpanBuffer({
      resource,
      maxBatchBytes,
      maxBatchSpans,
      onFirstSpan: () => this.schedule(),
      onFull: () => this.sendBuffer(),
    });
    const targets = JSON.stringify(exporters.map(({ target }) => target));
    if (isWorkerThread) this.handover = this.startHandover(targets);
    else this.workerSpans = new WorkerSpans(targets, (batch) => this.receive(batch));
  }

  /**
   * Sends nothing before the resource is complete; a flush does not wait for it.
   *
   * @param resource from `encodeResource`. Settles within a second or so, and never rejects.
   */
  awaitResource(resource: Promise<Uint8Array>): void {
    this.awaitsResource = true;
    void resource.then((bytes) => {
      this.buffer.replaceResource(bytes);
      this.awaitsResource = false;
      this.sendBuffer();
    });
  }

  /** @param prefix from `encodeScope`. */
  addScope(prefix: Uint8Array): SpanSink {
    return this.buffer.addScope(prefix);
  }

  /** Whether every span that ended has been answered for. */
  get isEmpty(): boolean {
    this.workerSpans?.drain();
    const isHandedOver = this.handover === undefined || this.handover.isTaken || !this.handover.isOpen;
    return (
      this.buffer.isEmpty &&
      this.received.length === 0 &&
      (isHandedOver || this.handover?.keepsNothing === true) &&
      this.queues.every((queue) => queue.isEmpty)
    );
  }

  /** Resolves when all was sent, or could not be; true when nothing is left. Never rejects. */
  async flush(): Promise<boolean> {
    this.awaitsResource = false;
    this.workerSpans?.drain();
    this.sendBuffer();
    if (this.handover !== undefined) await this.settleHandover(this.handover);
    const results = await Promise.all(this.queues.map((queue) => queue.flush()));
    return results.every((isDone) => isDone);
  }

  /** Flushes and stops; spans that end later are dropped. */
  async shutdown(): Promise<void> {
    await this.flush();
    this.close(0);
  }

  /** Reports spans once that are open for longer than `afterMs`. */
  reportRunning(afterMs: number): void {
    this.stopReports = reportRunningSpans(this.buffer.openSpans, afterMs);
  }

  /**
   * Stops at once. What is left goes to the overflow folder where there is one, else it is sent while this thread waits,
   * for `waitMs` at most; then how many spans are lost is said.
   */
  close(waitMs: number): void {
    this.stopReports();
    this.awaitsResource = false;
    this.stopHandover();
    this.workerSpans?.close();
    this.sendBuffer();
    this.takeBack();
    clearTimeout(this.timer);
    const left = this.queues.map((queue) => ({ target: queue.options.target, batches: queue.close() }));
    const { lost, obstacle } =
      waitMs > 0 ? deliverBeforeExit(left, waitMs) : { lost: left.map(countSpans), obstacle: undefined };
    this.queues.forEach((queue, index) => {
      queue.notices.tellUnsent(lost[index] ?? 0, obstacle);
    });
  }

  /** Ends all spans that are open, as failed: the process dies of `error`. */
  failOpenSpans(error: unknown): void {
    for (const span of this.buffer.openSpans.list()) failSpan(span, error);
  }

  private schedule(): void {
    if (this.handover?.isOpen === true) {
      this.handover.notePending();
      queueMicrotask(this.handOverSoon);
      return;
    }
    this.timer = startBackgroundTimer('the export of spans', () => this.sendBuffer(), this.delayMs);
  }

  private sendBuffer(): void {
    clearTimeout(this.timer);
    if (this.awaitsResource) return;
    const lostCount = this.buffer.takeLostCount();
    const batches = [this.buffer.take(), this.takeReceived()].filter((batch) => batch !== undefined);
    for (const queue of this.queues) queue.notices.noteTooLarge(lostCount);
    if (this.handover?.isOpen === true) {
      for (const batch of batches) this.handover.hand(batch);
    } else {
      this.takeBack();
      this.enqueue(batches);
    }
  }

  private enqueue(batches: readonly Batch[]): void {
    for (const queue of this.queues) for (const batch of batches) queue.add(batch);
  }

  private startHandover(targets: string): WorkerHandover {
    const handover = new WorkerHandover(targets);
    const { MessagePort } = process.getBuiltinModule('node:worker_threads');
    const handOver = this.handOverSoon;
    // Who gets a message of the app's may terminate this thread for it: a pool whose task is done, say.
    this.stopHandover = replaceMethod(MessagePort.prototype, 'postMessage', (post) => {
      return function (this: typeof MessagePort.prototype, ...args: Parameters<typeof post>) {
        handOver();
        return post.apply(this, args);
      } as typeof post;
    });
    startBackgroundTimer('the handover to the main thread', () => this.takeBack(), claimTimeoutMs);
    return handover;
  }

  /** Sends here what the main thread has not taken, from now on, too. */
  private takeBack(): void {
    if (this.handover?.isTaken === false) this.enqueue(this.handover.withdraw());
  }

  private async settleHandover(handover: WorkerHandover): Promise<void> {
    const endMs = performance.now() + flushClaimTimeoutMs;
    while (!handover.isTaken && handover.isOpen && performance.now() < endMs) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    this.takeBack();
  }

  private receive(batch: Batch): void {
    this.received.push(batch);
    this.receivedBytes += batch.request.length;
    if (this.receivedBytes >= this.maxBatchBytes) this.sendBuffer();
    else if (this.received.length === 1 && this.buffer.isEmpty) this.schedule();
  }

  /** Requests one after the other are one request: their fields are repeated ones. */
  private takeReceived(): Batch | undefined {
    const { received } = this;
    if (received.length === 0) return undefined;
    this.received = [];
    this.receivedBytes = 0;
    return {
      request: Buffer.concat(received.map(({ request }) => request)),
      spanCount: countSpans({ batches: received }),
    };
  }
}

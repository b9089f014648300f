import { startBackgroundTimer } from '../context/background-timer.ts';
import type { SpanSink } from '../record/recording-span.ts';
import { SpanBuffer } from '../record/span-buffer.ts';
import type { ResolvedExportOptions } from './export-options.ts';
import { ExportQueue } from './export-queue.ts';
import { countSpans, deliverBeforeExit } from './last-delivery.ts';
import { reportRunningSpans } from './running-reports.ts';
import { failSpan } from './unfinished-spans.ts';

/**
 * Takes spans as they end and sends them in the background to every target: after a delay, or as soon as a batch is full.
 */
export class SpanExporter {
  private readonly buffer: SpanBuffer;
  private readonly queues: readonly ExportQueue[];
  private readonly delayMs: number;
  private timer: NodeJS.Timeout | undefined;
  private awaitsResource = false;
  private stopReports: () => void = () => undefined;

  /** @param resource from `encodeResource`. @param exporters at least one; the first decides how batches are made. */
  constructor(resource: Uint8Array, exporters: readonly [ResolvedExportOptions, ...ResolvedExportOptions[]]) {
    const [{ delayMs, maxBatchBytes, maxBatchSpans }] = exporters;
    this.delayMs = delayMs;
    this.queues = exporters.map((options) => new ExportQueue(options));
    this.buffer = new SpanBuffer({
      resource,
      maxBatchBytes,
      maxBatchSpans,
      onFirstSpan: () => this.schedule(),
      onFull: () => this.sendBuffer(),
    });
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
    return this.buffer.isEmpty && this.queues.every((queue) => queue.isEmpty);
  }

  /** Resolves when all was sent, or could not be; true when nothing is left. Never rejects. */
  async flush(): Promise<boolean> {
    this.awaitsResource = false;
    this.sendBuffer();
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
    this.sendBuffer();
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
    this.timer = startBackgroundTimer('the export of spans', () => this.sendBuffer(), this.delayMs);
  }

  private sendBuffer(): void {
    clearTimeout(this.timer);
    if (this.awaitsResource) return;
    const lostCount = this.buffer.takeLostCount();
    const batch = this.buffer.take();
    for (const queue of this.queues) {
      queue.notices.noteTooLarge(lostCount);
      if (batch !== undefined) queue.add(batch);
    }
  }
}

import { contextStorage, suppressedContext } from '../context/context-manager.ts';
import type { SpanSink } from '../record/recording-span.ts';
import { SpanBuffer } from '../record/span-buffer.ts';
import type { ResolvedExportOptions } from './export-options.ts';
import { ExportQueue } from './export-queue.ts';

/** Takes spans as they end and sends them in the background: after a delay, or as soon as a batch is full. */
export class SpanExporter {
  private readonly buffer: SpanBuffer;
  private readonly queue: ExportQueue;
  private readonly delayMs: number;
  private timer: NodeJS.Timeout | undefined;

  /** @param resource from `encodeResource`. */
  constructor(resource: Uint8Array, options: ResolvedExportOptions) {
    this.delayMs = options.delayMs;
    this.queue = new ExportQueue(options);
    this.buffer = new SpanBuffer({
      resource,
      maxBatchBytes: options.maxBatchBytes,
      maxBatchSpans: options.maxBatchSpans,
      onFirstSpan: () => this.schedule(),
      onFull: () => this.sendBuffer(),
    });
  }

  /** @param prefix from `encodeScope`. */
  addScope(prefix: Uint8Array): SpanSink {
    return this.buffer.addScope(prefix);
  }

  /** Whether every span that ended has been answered for. */
  get isEmpty(): boolean {
    return this.buffer.isEmpty && this.queue.isEmpty;
  }

  /** Resolves when all was sent, or could not be; true when nothing is left. Never rejects. */
  flush(): Promise<boolean> {
    this.sendBuffer();
    return this.queue.flush();
  }

  /** Flushes and stops; spans that end later are dropped. */
  async shutdown(): Promise<void> {
    await this.flush();
    this.close();
  }

  /** Stops at once, and says how many spans were not sent. */
  close(): void {
    clearTimeout(this.timer);
    this.queue.close(this.buffer.take()?.spanCount ?? 0);
  }

  private schedule(): void {
    // Outside of the request that the span belongs to: a timer would hold its context.
    this.timer = contextStorage.run(suppressedContext, () => setTimeout(() => this.sendBuffer(), this.delayMs));
    this.timer.unref();
  }

  private sendBuffer(): void {
    clearTimeout(this.timer);
    this.queue.noteLost(this.buffer.takeLostCount());
    const batch = this.buffer.take();
    if (batch !== undefined) this.queue.add(batch);
  }
}

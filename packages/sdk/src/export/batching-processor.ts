import { startBackgroundTimer } from '../context/background-timer.ts';
import { contextStorage, suppressedContext } from '../context/context-manager.ts';
import { writeNotice } from '../notice.ts';
import type { ReadableSpan, SpanExporter, SpanProcessor } from './official-interfaces.ts';

export interface BatchingOptions {
  /** How long a span waits for others at most. */
  readonly delayMs: number;
  readonly maxBatchSpans: number;
  /** What exceeds it is dropped and counted. */
  readonly maxQueueSpans: number;
  /** An export that has not called back by then counts as failed. */
  readonly timeoutMs: number;
}

const sampledFlag = 1;

/** Hands the sampled spans that ended to an exporter of the official kind, in batches, one at a time. */
export class BatchingProcessor implements SpanProcessor {
  private readonly exporter: SpanExporter;
  private readonly options: BatchingOptions;
  private readonly waiting: ReadableSpan[] = [];
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;
  private isShutDown = false;
  private lostSpans = 0;

  constructor(exporter: SpanExporter, options: BatchingOptions) {
    this.exporter = exporter;
    this.options = options;
  }

  onStart(): void {}

  onEnd(span: ReadableSpan): void {
    if (this.isShutDown || (span.spanContext().traceFlags & sampledFlag) === 0) return;
    const { maxBatchSpans, maxQueueSpans, delayMs } = this.options;
    if (this.waiting.length >= maxQueueSpans) {
      if (this.lostSpans++ === 0) writeNotice('error', 'the attached exporter is too slow: spans are being dropped');
      return;
    }
    this.waiting.push(span);
    if (this.waiting.length >= maxBatchSpans) {
      this.drain();
    } else if (this.timer === undefined) {
      this.timer = startBackgroundTimer('the export of spans', () => this.drain(), delayMs);
    }
  }

  /** Resolves when all that ended before was exported, or failed. */
  async forceFlush(): Promise<void> {
    this.drain();
    await this.running;
    await this.exporter.forceFlush?.();
  }

  async shutdown(): Promise<void> {
    this.isShutDown = true;
    await this.forceFlush();
    await this.exporter.shutdown();
  }

  private drain(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.running ??= contextStorage
      .run(suppressedContext, () => this.exportAll())
      .finally(() => {
        this.running = undefined;
      });
  }

  private async exportAll(): Promise<void> {
    while (this.waiting.length > 0) {
      const batch = this.waiting.splice(0, this.options.maxBatchSpans);
      const pending = batch.find((span) => span.resource.asyncAttributesPending === true)?.resource;
      await pending?.waitForAsyncAttributes?.();
      const error = await this.exportBatch(batch);
      if (error !== undefined) this.tellFailed(batch.length, error.message);
      else this.tellTaken();
    }
  }

  private tellFailed(spanCount: number, reason: string): void {
    if (this.lostSpans === 0) writeNotice('error', `the attached exporter fails, its spans are lost: ${reason}`);
    this.lostSpans += spanCount;
  }

  private tellTaken(): void {
    if (this.lostSpans === 0) return;
    writeNotice('warn', `the attached exporter works again; ${this.lostSpans} spans were lost meanwhile`);
    this.lostSpans = 0;
  }

  private exportBatch(batch: ReadableSpan[]): Promise<Error | undefined> {
    return new Promise((resolve) => {
      const { timeoutMs } = this.options;
      const timer = setTimeout(() => resolve(new Error(`no result within ${timeoutMs} ms`)), timeoutMs);
      timer.unref();
      const settle = (error: Error | undefined): void => {
        clearTimeout(timer);
        resolve(error);
      };
      try {
        this.exporter.export(batch, ({ code, error }) => {
          settle(code === 0 ? undefined : (error ?? new Error(`result code ${code}`)));
        });
      } catch (error) {
        settle(error instanceof Error ? error : new Error(String(error)));
      }
    });
  }
}

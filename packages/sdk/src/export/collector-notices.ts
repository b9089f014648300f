import { writeNotice } from '../notice.ts';

/**
 * Tells how the collector does, in as few lines as possible: one when it stops answering, one when it is back. Whatever
 * is lost is counted and said.
 */
export class CollectorNotices {
  private readonly url: string;
  private readonly maxQueueBytes: number;
  private isAway = false;
  private lostSpans = 0;
  private saidRefused = '';

  constructor(url: URL, maxQueueBytes: number) {
    // Credentials in the address are nobody's business on stderr.
    this.url = `${url.origin}${url.pathname}`;
    this.maxQueueBytes = maxQueueBytes;
  }

  /** It cannot be reached, or asks to be spared for now. `reason`: a code, or `HTTP 503`. */
  tellAway(reason: string): void {
    if (this.isAway) return;
    this.isAway = true;
    const keptMiB = Math.round((this.maxQueueBytes / 1_048_576) * 10) / 10;
    writeNotice(
      'error',
      `no collector answers at ${this.url} (${reason}); up to ${keptMiB} MiB of spans are kept until one does, ` +
        'what exceeds that is dropped. Start a collector there, or set OTEL_EXPORTER_OTLP_ENDPOINT',
    );
  }

  tellAnswered(): void {
    if (!this.isAway) return;
    this.isAway = false;
    writeNotice('warn', `the collector at ${this.url} answers again; ${this.takeLost()} spans were lost meanwhile`);
  }

  /** It answers, and will not have the spans: trying again would not help. Said once for each reason. */
  tellRefused(reason: string, spanCount: number): void {
    if (this.saidRefused === reason) return;
    this.saidRefused = reason;
    writeNotice(
      'error',
      `the collector at ${this.url} refused ${spanCount} spans (${reason}); they are lost, and so may be the next ones. ` +
        'Check the address, OTEL_EXPORTER_OTLP_HEADERS and the log of the collector',
    );
  }

  /** Spans were dropped because too many wait. */
  noteLost(spanCount: number): void {
    if (this.lostSpans === 0 && !this.isAway) {
      writeNotice(
        'error',
        `the collector at ${this.url} is too slow: spans are being dropped; the count follows at the end`,
      );
    }
    this.lostSpans += spanCount;
  }

  /** The process or the provider ends with spans that were not sent. */
  tellUnsent(spanCount: number): void {
    const lost = this.takeLost() + spanCount;
    if (lost === 0 || this.isAway) return;
    writeNotice(
      'error',
      `${lost} spans were lost: the end came before the collector at ${this.url} had taken them. ` +
        'Await forceFlush() before process.exit(), and see that the collector is fast enough',
    );
  }

  private takeLost(): number {
    const { lostSpans } = this;
    this.lostSpans = 0;
    return lostSpans;
  }
}

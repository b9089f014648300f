import { writeNotice } from '../notice.ts';
import { nameOf, type Target } from './target.ts';

/**
 * Tells how the collector does, in as few lines as possible: one when it stops answering, one when it is back; one when
 * spans begin to be dropped, one with their count when that ends.
 */
export class CollectorNotices {
  private readonly name: string;
  private readonly endpointVariable: string;
  private readonly maxQueueBytes: number;
  private isAway = false;
  private isDropping = false;
  private lostSpans = 0;
  private saidRefused = '';
  private saidMessage = '';

  constructor(target: Target, maxQueueBytes: number) {
    this.name = nameOf(target);
    this.endpointVariable =
      target.protocol === 'zipkin' ? 'OTEL_EXPORTER_ZIPKIN_ENDPOINT' : 'OTEL_EXPORTER_OTLP_ENDPOINT';
    this.maxQueueBytes = maxQueueBytes;
  }

  /** It cannot be reached, or asks to be spared for now. `reason`: a code, or `HTTP 503`. */
  tellAway(reason: string): void {
    if (this.isAway) return;
    this.isAway = true;
    const keptMiB = Math.round((this.maxQueueBytes / 1_048_576) * 10) / 10;
    writeNotice(
      'error',
      `no collector answers at ${this.name} (${reason}); up to ${keptMiB} MiB of spans are kept until one does, ` +
        `what exceeds that is dropped. Start a collector there, or set ${this.endpointVariable}`,
    );
  }

  tellAnswered(): void {
    if (!this.isAway) return;
    this.isAway = false;
    this.isDropping = false;
    writeNotice('warn', `the collector at ${this.name} answers again; ${this.takeLost()} spans were lost meanwhile`);
  }

  /** It answers, and will not have the spans: trying again would not help. Said once for each reason. */
  tellRefused(reason: string, spanCount: number): void {
    if (this.saidRefused === reason) return;
    this.saidRefused = reason;
    writeNotice(
      'error',
      `the collector at ${this.name} refused ${spanCount} spans (${reason}); they are lost, and so may be the next ones. ` +
        'Check the address, OTEL_EXPORTER_OTLP_HEADERS and the log of the collector',
    );
  }

  /** It took all spans and had something to remark. */
  tellMessage(message: string): void {
    if (message === '' || this.saidMessage === message) return;
    this.saidMessage = message;
    writeNotice('warn', `the collector at ${this.name} took the spans and says: ${message}`);
  }

  /** Spans were dropped because too many wait. */
  noteDropped(spanCount: number): void {
    this.lostSpans += spanCount;
    if (this.isDropping) return;
    this.isDropping = true;
    const why = this.isAway ? 'no collector answers' : `the collector at ${this.name} is too slow`;
    writeNotice('error', `${why} and the queue is full: spans are being dropped; the count follows when that ends`);
  }

  /** There is room again. */
  tellRoom(): void {
    if (!this.isDropping || this.isAway) return;
    this.isDropping = false;
    writeNotice('warn', `the collector at ${this.name} keeps up again; ${this.takeLost()} spans were lost meanwhile`);
  }

  /** Spans that could not be encoded. */
  noteTooLarge(spanCount: number): void {
    if (spanCount > 0) writeNotice('error', `${spanCount} spans were lost: each is larger than a request may be`);
  }

  /** The process or the provider ends with spans that were not sent. `obstacle`: why, when it is not the collector. */
  tellUnsent(spanCount: number, obstacle?: string): void {
    const lost = this.takeLost() + spanCount;
    if (lost === 0) return;
    const reason =
      obstacle === undefined
        ? `the end came before the collector at ${this.name} had taken them. See that it is reachable and fast enough`
        : `${obstacle}. Await flush() before the process ends`;
    writeNotice(
      'error',
      `${lost} spans were lost: ${reason}, or set CLEW_OVERFLOW_DIR to keep spans on disk meanwhile`,
    );
  }

  private takeLost(): number {
    const { lostSpans } = this;
    this.lostSpans = 0;
    return lostSpans;
  }
}

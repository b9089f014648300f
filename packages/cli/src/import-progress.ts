import { escapeControls } from '@clew/model/text';
import type { ImportSource } from './import-source.ts';

// Shorter work is done before anybody wonders.
const silentMs = 1_000;
const intervalMs = 200;

/** One line on a terminal that is written again and again; nothing where the stream is none. */
export class ImportProgress {
  private readonly stream: Pick<NodeJS.WriteStream, 'isTTY' | 'write'>;
  private readonly now: () => number;
  private readonly startMs: number;
  private spans = 0;
  private shownMs = Number.NEGATIVE_INFINITY;

  /** @param now a clock in milliseconds that is never set back */
  constructor(stream: Pick<NodeJS.WriteStream, 'isTTY' | 'write'>, now: () => number = () => performance.now()) {
    this.stream = stream;
    this.now = now;
    this.startMs = now();
  }

  /** Spans of this file were taken. */
  add(source: Omit<ImportSource, 'chunks'>, spans: number): void {
    this.spans += spans;
    const nowMs = this.now();
    if (!this.stream.isTTY || nowMs - this.startMs < silentMs || nowMs - this.shownMs < intervalMs) return;
    this.shownMs = nowMs;
    const perSecond = Math.round((this.spans * 1_000) / (nowMs - this.startMs));
    this.stream.write(`\r\x1b[K${escapeControls(source.name)}: ${shareOf(source)}${this.spans} spans, ${perSecond}/s`);
  }

  /** Takes the line away. */
  end(): void {
    if (this.shownMs > this.startMs) this.stream.write('\r\x1b[K');
  }
}

function shareOf({ sizeBytes, readBytes }: Omit<ImportSource, 'chunks'>): string {
  return sizeBytes === undefined || sizeBytes === 0 ? '' : `${Math.floor((100 * readBytes()) / sizeBytes)} %, `;
}

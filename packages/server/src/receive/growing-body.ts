import type { Readable } from 'node:stream';
import { releaseMemory } from '../release-memory.ts';
import type { BodyShare, Holder } from './body-budget.ts';
import { OtlpError, tooLarge } from './otlp-error.ts';
import { readToEnd } from './read-stream.ts';

/** The head of a request, and what Node keeps for it: at most 16 KiB over HTTP/1, 8 KiB over HTTP/2. */
const headBytes = 16 * 1024;

/** The least that a body is given: a read of a socket is at most this long. */
const firstBytes = 64 * 1024;

/** For how many seconds running a sender may be too slow. */
const graceSeconds = 5;

/**
 * The memory of one request, from its head to its end: what its sender announces costs nothing before it is sent. Pieces are
 * copied at once, because a piece of one byte costs a hundred as an object of its own.
 *
 * A sender must be fast enough to fill what it holds in twice the time that a request may take: with 64 KiB that is some
 * 500 bytes a second, with 64 MiB as many KiB. One that is slower for five seconds running is refused.
 */
export class GrowingBody implements Holder {
  readonly #share: BodyShare;
  readonly #maxBytes: number;
  readonly #gaveWay: Promise<never>;
  #rejectGaveWay: (error: Error) => void = () => {};
  #error: Error | undefined;
  #announced = 0;
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  #length = 0;
  #extraBytes = headBytes;
  #isReading = false;
  #measuredLength = 0;
  #receivedBytes: number | undefined;
  #slowSeconds = 0;

  /** @throws OtlpError 503 when there is no room for another request */
  constructor(share: BodyShare, maxBytes: number) {
    this.#share = share;
    this.#maxBytes = maxBytes;
    this.#gaveWay = new Promise((_, reject) => {
      this.#rejectGaveWay = reject;
    });
    this.#gaveWay.catch(() => {});
    share.hold(headBytes);
    share.add(this);
  }

  get heldBytes(): number {
    return this.#bytes.length + this.#extraBytes;
  }

  get pace(): number {
    if (this.#isReading) return (this.#receivedBytes ?? Number.POSITIVE_INFINITY) / this.heldBytes;
    // While it waits unread it holds up nobody's work but its own; once it is read, it is worth the most.
    return this.#bytes.length === 0 ? 0 : Number.POSITIVE_INFINITY;
  }

  get isBehind(): boolean {
    if (!this.#isReading || this.#receivedBytes === undefined) return false;
    return this.#receivedBytes === 0 || this.#receivedBytes < this.#leastBytesASecond;
  }

  get #leastBytesASecond(): number {
    return this.#bytes.length / this.#share.secondsToFill;
  }

  measure(): void {
    if (!this.#isReading) return;
    this.#receivedBytes = this.#length - this.#measuredLength;
    this.#measuredLength = this.#length;
    this.#slowSeconds = this.#receivedBytes < this.#leastBytesASecond ? this.#slowSeconds + 1 : 0;
    if (this.#slowSeconds < graceSeconds) return;
    const least = Math.ceil(this.#leastBytesASecond);
    this.giveWay(
      new OtlpError(
        503,
        `The body came too slowly: for ${graceSeconds} seconds fewer than ${least} bytes a second, after ${this.#length} ` +
          'bytes. Send again, in smaller batches if the network is slow.',
        'too_slow',
      ),
    );
  }

  skipMeasure(): void {
    this.#measuredLength = this.#length;
    this.#receivedBytes = undefined;
  }

  giveWay(error: Error): void {
    if (this.#error !== undefined) return;
    this.#error = error;
    this.#release();
    this.#rejectGaveWay(error);
  }

  /**
   * Waits for something else before the stream is read.
   * @param bytes that the connection may take in meanwhile, and that nobody else counts
   * @throws OtlpError when it gives way meanwhile
   */
  async waitUnread(bytes: number, wait: () => Promise<void>): Promise<void> {
    this.#holdExtra(bytes);
    try {
      await Promise.race([wait(), this.#gaveWay]);
    } finally {
      this.#holdExtra(-bytes);
    }
  }

  /**
   * Reads a stream to its end.
   * @param take called with each piece, which it hands to {@link append}; what it throws ends the reading
   * @throws the error with which it gives way; what the stream fails with. The stream goes on then, and what comes is
   * dropped
   */
  async read(stream: Readable, take: (chunk: Buffer) => void): Promise<void> {
    if (this.#error !== undefined) throw this.#error;
    this.#isReading = true;
    try {
      await readToEnd(stream, take, this.#gaveWay);
    } finally {
      this.#isReading = false;
    }
  }

  /** How long the body will be, as far as its sender says. @throws OtlpError 413 */
  announce(bytes: number): void {
    if (bytes > this.#maxBytes) throw tooLarge(`${bytes} bytes`, this.#maxBytes);
    this.#announced = bytes;
  }

  append(chunk: Uint8Array): void {
    const length = this.#length + chunk.length;
    if (length > this.#maxBytes) throw tooLarge(`more than ${this.#maxBytes} bytes`, this.#maxBytes);
    if (length > this.#bytes.length) this.#grow(length);
    this.#bytes.set(chunk, this.#length);
    this.#length = length;
  }

  /** By four, so that little is copied again; to the announced length in the end, so that the last copy is none. */
  #grow(needed: number): void {
    const most = this.#announced >= needed ? this.#announced : this.#maxBytes;
    const size = Math.min(most, Math.max(needed, this.#bytes.length * 4, firstBytes));
    this.#share.hold(size - this.#bytes.length);
    // Making room may have ended this very request.
    if (this.#error !== undefined) {
      this.#share.release(size - this.#bytes.length);
      throw this.#error;
    }
    const grown = new Uint8Array(size);
    grown.set(this.#bytes);
    releaseMemory(this.#bytes);
    this.#bytes = grown;
  }

  /**
   * The whole: handed over, and from then on the caller's to bound. It is moved to another thread: it does not lie in an
   * ArrayBuffer with anything else.
   */
  take(): Uint8Array<ArrayBuffer> {
    if (this.#error !== undefined) throw this.#error;
    const held = this.#bytes;
    this.#share.holders.delete(this);
    this.#share.release(held.length);
    this.#bytes = new Uint8Array(0);
    return this.#length === held.length ? held : held.slice(0, this.#length);
  }

  /** To be called in the end, however the request ends. */
  release(): void {
    if (this.#error === undefined) this.#release();
  }

  #release(): void {
    this.#share.holders.delete(this);
    this.#share.release(this.heldBytes);
    this.#extraBytes = 0;
    releaseMemory(this.#bytes);
    this.#bytes = new Uint8Array(0);
  }

  #holdExtra(bytes: number): void {
    if (this.#error !== undefined) return;
    if (bytes > 0) this.#share.hold(bytes);
    else this.#share.release(-bytes);
    this.#extraBytes += bytes;
  }
}

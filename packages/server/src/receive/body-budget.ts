import { OtlpError } from './otlp-error.ts';

/**
 * Memory for the bodies that are being read, over all receivers and connections: one limit a request bounds nothing when
 * a thousand come at once. And turns for decompression, which makes much of little.
 */
export class BodyBudget {
  readonly #maxBytes: number;
  #heldBytes = 0;
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  /** @param maxBytes of all bodies together, as they come over the wire */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Of all bodies now. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** @throws OtlpError 503 when there is no room; nothing is held then */
  hold(bytes: number): void {
    if (this.#heldBytes + bytes > this.#maxBytes) {
      throw new OtlpError(
        503,
        `The bodies of the requests under way hold ${this.#heldBytes} bytes; the limit is ${this.#maxBytes}. ` +
          'Send again later.',
      );
    }
    this.#heldBytes += bytes;
  }

  release(bytes: number): void {
    this.#heldBytes -= bytes;
  }

  /** Runs `decompress` when it is its turn. What waits is compressed, and held already. */
  async inTurn<Result>(decompress: () => Promise<Result>): Promise<Result> {
    if (this.#running >= decompressionsAtOnce) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#running++;
    try {
      return await decompress();
    } finally {
      // The turn goes to the next one as it is.
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }
}

/** Each may take the whole of a request's limit. Two give more bytes than the transcoder's thread can read. */
const decompressionsAtOnce = 2;

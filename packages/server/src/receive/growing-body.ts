import { releaseMemory } from '../release-memory.ts';
import type { BodyBudget } from './body-budget.ts';
import { OtlpError } from './otlp-error.ts';

/** The least that a body is given: a read of a socket is at most this long. */
const firstBytes = 64 * 1024;

/**
 * A body that grows as it comes: what a sender announces costs nothing before it is sent. Its pieces are copied at once,
 * because a piece of one byte costs a hundred as an object of its own.
 */
export class GrowingBody {
  readonly #announced: number;
  readonly #maxBytes: number;
  readonly #budget: BodyBudget;
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  #length = 0;

  constructor(announced: number, maxBytes: number, budget: BodyBudget) {
    this.#announced = announced;
    this.#maxBytes = maxBytes;
    this.#budget = budget;
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
    this.#budget.hold(size - this.#bytes.length);
    const grown = new Uint8Array(size);
    grown.set(this.#bytes);
    releaseMemory(this.#bytes);
    this.#bytes = grown;
  }

  /** It is moved to another thread, whole: it must not lie in an ArrayBuffer with anything else. */
  take(): Uint8Array<ArrayBuffer> {
    return this.#length === this.#bytes.length ? this.#bytes : this.#bytes.slice(0, this.#length);
  }

  release(): void {
    this.#budget.release(this.#bytes.length);
  }
}

export function tooLarge(what: string, maxBytes: number): OtlpError {
  return new OtlpError(
    413,
    `The body has ${what}; the limit is ${maxBytes} (CLEW_MAX_REQUEST_BYTES). Send smaller batches.`,
  );
}

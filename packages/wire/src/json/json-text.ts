/** The text is not the JSON that it should be. */
export class MalformedJsonError extends Error {
  override readonly name = 'MalformedJsonError';
  /** Where it is wrong, from 1. */
  readonly line: number;

  /** @param problem for JSON that is right, and of another kind than what is read */
  constructor(what: string, line: number, problem: 'malformed JSON' | 'unexpected JSON' = 'malformed JSON') {
    super(`${problem} in line ${line}: ${what}`);
    this.line = line;
  }
}

/**
 * JSON text in UTF-8 that is read front to back while more of it still arrives.
 *
 * ```
 * bytes   [ read ... | waiting ......... | free ... ]
 *         0          position            end        bytes.length
 * ```
 *
 * What was read makes room when something is appended; the buffer doubles when that is not enough. It becomes as large
 * as the largest element of the text, of which the reader has a limit.
 */
export class JsonText {
  bytes: Uint8Array;
  position = 0;
  end: number;
  /** The line at `position`, from 1. */
  line = 1;
  /** Nothing more will arrive. */
  isComplete: boolean;

  /** @param whole All of the text; without it, the text is appended piece by piece. */
  constructor(whole?: Uint8Array) {
    this.bytes = whole ?? new Uint8Array(firstBytes);
    this.end = whole?.length ?? 0;
    this.isComplete = whole !== undefined;
  }

  append(piece: Uint8Array): void {
    const waiting = this.end - this.position;
    const needed = waiting + piece.length;
    if (this.end + piece.length > this.bytes.length) {
      const target = needed * 2 > this.bytes.length ? new Uint8Array(needed * 2) : this.bytes;
      if (target === this.bytes) target.copyWithin(0, this.position, this.end);
      else target.set(this.bytes.subarray(this.position, this.end));
      this.bytes = target;
      this.position = 0;
      this.end = waiting;
    }
    this.bytes.set(piece, this.end);
    this.end += piece.length;
  }

  /** Moves over bytes that were looked at. */
  advance(length: number): void {
    const { bytes, position } = this;
    const next = position + length;
    for (let i = position; i < next; i++) if (bytes[i] === newline) this.line++;
    this.position = next;
  }
}

const firstBytes = 64 * 1024;
const newline = 0x0a;

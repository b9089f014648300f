/**
 * A growing buffer that protobuf messages are written into, front to back.
 *
 * ```
 *   bytes     [ written ........ | free ............ ]
 *             0                  position            bytes.length  <= maxBytes
 *   message   [ tag | length | payload ... ]
 *                   ^ room for the length is left when the message begins and filled in when it ends
 * ```
 *
 * - Growth: the capacity doubles, up to `maxBytes`; beyond it a write throws {@link BufferFullError} and leaves
 *   `position` anywhere behind the last complete message: note it before, and set it back with `truncate`.
 * - Shrinking: after {@link resetsToShrink} resets in a row that used less than a quarter, the capacity halves, down to
 *   `initialBytes`. A burst does not hold its memory for good, and a steady load does not reallocate.
 * - Ownership: `bytes` belongs to the writer. Whoever hands written bytes on copies them (`copyWritten`).
 *
 * Lengths are patched in afterwards rather than computed by a first pass over the fields: nearly all messages inside a
 * span are shorter than 128 bytes, so the one byte that was left fits; a longer one is moved by the bytes it lacks.
 */
export class ByteWriter {
  /** The buffer; only `[0, position)` has meaning. Replaced when it grows. */
  bytes: Uint8Array;
  /** Where the next byte goes. */
  position = 0;
  readonly initialBytes: number;
  readonly maxBytes: number;
  private view: DataView;
  private quietResets = 0;

  /** @param initialBytes capacity to start with and to shrink to; @param maxBytes the hard cap. */
  constructor(initialBytes: number, maxBytes: number) {
    this.initialBytes = initialBytes;
    this.maxBytes = maxBytes;
    this.bytes = new Uint8Array(initialBytes);
    this.view = new DataView(this.bytes.buffer);
  }

  /** Makes sure that `count` more bytes fit. Throws {@link BufferFullError} when they would pass `maxBytes`. */
  reserve(count: number): void {
    const needed = this.position + count;
    if (needed > this.bytes.length) this.grow(needed);
  }

  writeByte(value: number): void {
    this.reserve(1);
    this.bytes[this.position++] = value;
  }

  /** A base-128 varint of an integer from 0 to 2^53 - 1. */
  writeVarint(value: number): void {
    this.reserve(8);
    const bytes = this.bytes;
    let position = this.position;
    let rest = value;
    while (rest > 0x7fffffff) {
      bytes[position++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    while (rest > 0x7f) {
      bytes[position++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    bytes[position++] = rest;
    this.position = position;
  }

  /** An int64 as a varint: any integral number of [-2^63, 2^63). Negative ones take ten bytes. */
  writeInt64(value: number): void {
    if (value >= 0 && value <= Number.MAX_SAFE_INTEGER) {
      this.writeVarint(value);
      return;
    }
    this.reserve(10);
    let low = value >>> 0;
    let high = Math.floor(value / 0x1_0000_0000) >>> 0;
    const bytes = this.bytes;
    while (high !== 0 || low > 0x7f) {
      bytes[this.position++] = (low & 0x7f) | 0x80;
      low = ((low >>> 7) | (high << 25)) >>> 0;
      high >>>= 7;
    }
    bytes[this.position++] = low;
  }

  /** An int64 as a varint: the low 64 bits of a bigint, signed or not. */
  writeBigInt64(value: bigint): void {
    this.reserve(10);
    let rest = BigInt.asUintN(64, value);
    while (rest > 0x7fn) {
      this.bytes[this.position++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.bytes[this.position++] = Number(rest);
  }

  writeFixed32(value: number): void {
    this.reserve(4);
    this.view.setUint32(this.position, value, true);
    this.position += 4;
  }

  /** A fixed64, little-endian, from its two halves. */
  writeFixed64(low: number, high: number): void {
    this.reserve(8);
    this.view.setUint32(this.position, low, true);
    this.view.setUint32(this.position + 4, high, true);
    this.position += 8;
  }

  writeDouble(value: number): void {
    this.reserve(8);
    this.view.setFloat64(this.position, value, true);
    this.position += 8;
  }

  /** Four bytes, big-endian: the order in which ids are written down. */
  writeWord(word: number): void {
    this.reserve(4);
    this.view.setInt32(this.position, word);
    this.position += 4;
  }

  /** Raw bytes, no length. */
  writeRaw(source: Uint8Array): void {
    this.reserve(source.length);
    this.bytes.set(source, this.position);
    this.position += source.length;
  }

  /** Length, then bytes. */
  writeBytes(source: Uint8Array): void {
    this.writeVarint(source.length);
    this.writeRaw(source);
  }

  /** Length, then `[start, end)` of the source. */
  writeSlice(source: Uint8Array, start: number, end: number): void {
    const length = end - start;
    this.writeVarint(length);
    this.reserve(length);
    const { bytes } = this;
    let { position } = this;
    if (length > shortStringChars) bytes.set(source.subarray(start, end), position);
    else for (let at = start; at < end; at++) bytes[position++] = source[at]!;
    this.position += length;
  }

  /** Length, then UTF-8. A lone surrogate becomes U+FFFD, as protobuf demands valid UTF-8. */
  writeString(text: string): void {
    const length = text.length;
    if (length > shortStringChars || !this.writeShortAscii(text, length)) this.writeLongString(text, length);
  }

  /**
   * Leaves room for the length of a message; returns where its payload starts, for `endMessage`.
   *
   * @param lengthBytes what the length will probably take: 1 up to 127 bytes, 2 up to 16,383. A guess; any is right.
   */
  beginMessage(lengthBytes: 1 | 2 = 1): number {
    this.reserve(lengthBytes);
    this.position += lengthBytes;
    return this.position;
  }

  /** Writes the length of the message that began at `start`, with the same `lengthBytes`. */
  endMessage(start: number, lengthBytes: 1 | 2 = 1): void {
    this.patchLength(start, this.position - start, lengthBytes);
  }

  /** Forgets what was written behind `position`: the way out after {@link BufferFullError}. */
  truncate(position: number): void {
    this.position = position;
  }

  /** A copy of what was written. */
  copyWritten(): Uint8Array {
    return this.bytes.slice(0, this.position);
  }

  /** Empties the buffer, and gives memory back when it has long been too large. */
  reset(): void {
    const isQuiet = this.position < this.bytes.length / 4 && this.bytes.length > this.initialBytes;
    this.position = 0;
    this.quietResets = isQuiet ? this.quietResets + 1 : 0;
    if (this.quietResets < resetsToShrink) return;
    this.quietResets = 0;
    this.bytes = new Uint8Array(Math.max(this.initialBytes, this.bytes.length >>> 1));
    this.view = new DataView(this.bytes.buffer);
  }

  private writeShortAscii(text: string, length: number): boolean {
    this.reserve(length + 1);
    const bytes = this.bytes;
    let position = this.position;
    bytes[position++] = length;
    for (let index = 0; index < length; index++) {
      const code = text.charCodeAt(index);
      if (code > 0x7f) return false;
      bytes[position++] = code;
    }
    this.position = position;
    return true;
  }

  private writeLongString(text: string, length: number): void {
    // UTF-8 takes at most three bytes a UTF-16 unit; ASCII, the usual case, takes as many as there are units.
    const mostBytes = length * 3 + maxLengthBytes;
    if (this.position + mostBytes > this.maxBytes) {
      // Close to the cap the guess would refuse what fits.
      this.writeBytes(encoder.encode(text));
      return;
    }
    const lengthBytes = varintBytes(length);
    this.reserve(mostBytes);
    const start = this.position + lengthBytes;
    const { written } = encoder.encodeInto(text, this.bytes.subarray(start));
    this.position = start + written;
    this.patchLength(start, written, lengthBytes);
  }

  private patchLength(start: number, length: number, lengthBytes: number): void {
    const needed = varintBytes(length);
    if (needed !== lengthBytes) {
      this.reserve(Math.max(0, needed - lengthBytes));
      this.bytes.copyWithin(start - lengthBytes + needed, start, start + length);
      this.position += needed - lengthBytes;
    }
    const bytes = this.bytes;
    let at = start - lengthBytes;
    let rest = length;
    while (rest > 0x7f) {
      bytes[at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    bytes[at] = rest;
  }

  private grow(needed: number): void {
    if (needed > this.maxBytes) throw new BufferFullError(needed, this.maxBytes);
    let capacity = this.bytes.length * 2;
    while (capacity < needed) capacity *= 2;
    const grown = new Uint8Array(Math.min(capacity, this.maxBytes));
    grown.set(this.bytes.subarray(0, this.position));
    this.bytes = grown;
    this.view = new DataView(grown.buffer);
  }
}

/** A write needed more than the writer's hard cap. What was written before the failing message is intact. */
export class BufferFullError extends Error {
  override readonly name = 'BufferFullError';
  readonly code = 'CLEW_BUFFER_FULL';
  readonly neededBytes: number;
  readonly maxBytes: number;

  constructor(neededBytes: number, maxBytes: number) {
    super(
      `the buffer is full: ${neededBytes} bytes are needed, the limit is ${maxBytes}; ` +
        'take what was written and reset, or raise the limit',
    );
    this.neededBytes = neededBytes;
    this.maxBytes = maxBytes;
  }
}

// Resets in a row that must be quiet before half of the memory goes back; at one export a second, half a minute.
const resetsToShrink = 32;

// Up to here a loop over the characters beats the call into TextEncoder. Must stay below 128: the length is one byte.
const shortStringChars = 48;

// A length below 2^32.
const maxLengthBytes = 5;

const encoder = new TextEncoder();

function varintBytes(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  return value < 0x1000_0000 ? 4 : 5;
}

/**
 * The primitives of reading protobuf: a position in bytes, moved by functions that check every bound.
 *
 * Readers that must be fast (the server's transcoder) subclass or hold a {@link ProtobufReader} and switch on tags
 * themselves: no message objects are made here.
 *
 * A tag is `fieldNumber << 3 | wireType`; wire types: 0 varint, 1 fixed64, 2 length-delimited, 5 fixed32.
 */

/** The bytes are not the protobuf message that they should be. `offset` is where reading stopped. */
export class MalformedProtobufError extends Error {
  override readonly name = 'MalformedProtobufError';
  readonly offset: number;

  constructor(what: string, offset: number) {
    super(`malformed protobuf at byte ${offset}: ${what}`);
    this.offset = offset;
  }
}

export class ProtobufReader {
  bytes: Uint8Array;
  view: DataView;
  /** The next byte to read. */
  position: number;
  /** The high 32 bits of the last {@link readVarint64} or {@link readFixed64}, whose low bits are the return value. */
  high = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.position = 0;
  }

  /** Points this reader at other bytes, so that one reader serves many messages. */
  reset(bytes: Uint8Array): void {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.position = 0;
  }

  /** A varint that fits in 32 bits, unsigned; higher bits (of a negative int32, say) are read and dropped. */
  readVarint32(end: number): number {
    const { bytes } = this;
    let position = this.position;
    if (position >= end) throw new MalformedProtobufError('a varint is cut off', position);
    let byte = bytes[position++]!;
    if (byte < 0x80) {
      this.position = position;
      return byte;
    }
    let value = byte & 0x7f;
    for (let shift = 7; shift < 70; shift += 7) {
      if (position >= end) throw new MalformedProtobufError('a varint is cut off', position);
      byte = bytes[position++]!;
      if (shift < 32) value |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        this.position = position;
        return value >>> 0;
      }
    }
    throw new MalformedProtobufError('a varint is longer than 10 bytes', position);
  }

  /** A 64-bit varint: returns the low 32 bits, unsigned, and leaves the high ones in {@link high}. */
  readVarint64(end: number): number {
    const { bytes } = this;
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (this.position >= end) throw new MalformedProtobufError('a varint is cut off', this.position);
      const byte = bytes[this.position++]!;
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high |= bits >>> 4;
      } else if (shift < 63) high |= bits << (shift - 32);
      else high |= (bits & 1) << 31;
      if (byte < 0x80) {
        this.high = high >>> 0;
        return low >>> 0;
      }
    }
    throw new MalformedProtobufError('a varint is longer than 10 bytes', this.position);
  }

  /** A little-endian 64-bit value: returns the low 32 bits, unsigned, and leaves the high ones in {@link high}. */
  readFixed64(end: number): number {
    const at = this.take(8, end);
    this.high = this.view.getUint32(at + 4, true);
    return this.view.getUint32(at, true);
  }

  readFixed32(end: number): number {
    return this.view.getUint32(this.take(4, end), true);
  }

  readDouble(end: number): number {
    return this.view.getFloat64(this.take(8, end), true);
  }

  /** Reads a length and returns the position behind the content that it announces; the content starts at `position`. */
  readLength(end: number): number {
    const length = this.readVarint32(end);
    const contentEnd = this.position + length;
    if (contentEnd > end) {
      throw new MalformedProtobufError(
        `a field of ${length} bytes where ${end - this.position} are left`,
        this.position,
      );
    }
    return contentEnd;
  }

  /** Skips the content of a field whose tag was read. Unknown fields are legal in protobuf; groups are not in proto3. */
  skip(tag: number, end: number): void {
    switch (tag & 7) {
      case 0:
        this.readVarint64(end);
        return;
      case 1:
        this.take(8, end);
        return;
      case 2:
        this.position = this.readLength(end);
        return;
      case 5:
        this.take(4, end);
        return;
      default:
        throw new MalformedProtobufError(`wire type ${tag & 7} of field ${tag >>> 3}`, this.position);
    }
  }

  private take(length: number, end: number): number {
    const at = this.position;
    if (at + length > end) throw new MalformedProtobufError(`${length} bytes wanted, ${end - at} left`, at);
    this.position = at + length;
    return at;
  }
}

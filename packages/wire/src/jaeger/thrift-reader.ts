/**
 * The primitives of reading Thrift's binary protocol: a position in bytes, moved by functions that check every bound
 * before anything is made.
 *
 * ```
 * struct   { type i8, id i16, value }*, 0          list, set   element type i8, size i32, elements
 * string   length i32, bytes                       map         key type i8, value type i8, size i32, entries
 * ```
 */

/** The bytes are not the Thrift message that they should be. `offset` is where reading stopped. */
export class MalformedThriftError extends Error {
  override readonly name = 'MalformedThriftError';
  readonly offset: number;

  constructor(what: string, offset: number) {
    super(`malformed Thrift at byte ${offset}: ${what}`);
    this.offset = offset;
  }
}

export const thriftTypes = {
  stop: 0,
  bool: 2,
  i8: 3,
  double: 4,
  i16: 6,
  i32: 8,
  i64: 10,
  string: 11,
  struct: 12,
  map: 13,
  set: 14,
  list: 15,
  /** Sixteen bytes. */
  uuid: 16,
} as const;

/** The fewest bytes that a value takes: a size that announces more elements than bytes are left is refused. */
const fewestBytes: Readonly<Record<number, number>> = {
  [thriftTypes.bool]: 1,
  [thriftTypes.i8]: 1,
  [thriftTypes.double]: 8,
  [thriftTypes.i16]: 2,
  [thriftTypes.i32]: 4,
  [thriftTypes.i64]: 8,
  [thriftTypes.string]: 4,
  [thriftTypes.struct]: 1,
  [thriftTypes.map]: 6,
  [thriftTypes.set]: 5,
  [thriftTypes.list]: 5,
  [thriftTypes.uuid]: 16,
};

/** A batch of Jaeger nests five levels; what is deeper is in unknown fields, which are skipped by recursion. */
const maxThriftDepth = 64;

export class ThriftReader {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** The next byte to read. */
  position = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  readI8(): number {
    return this.view.getInt8(this.#take(1));
  }

  readI16(): number {
    return this.view.getInt16(this.#take(2));
  }

  readI32(): number {
    return this.view.getInt32(this.#take(4));
  }

  readI64(): bigint {
    return this.view.getBigInt64(this.#take(8));
  }

  readDouble(): number {
    return this.view.getFloat64(this.#take(8));
  }

  readBool(): boolean {
    return this.readI8() !== 0;
  }

  /** An i64 as 16 hex digits. */
  readI64Hex(): string {
    const at = this.#take(8);
    return wordHex(this.view.getUint32(at)) + wordHex(this.view.getUint32(at + 4));
  }

  /** The bytes of a string or binary, as a view of the message. */
  readBinary(): Uint8Array {
    const length = this.readI32();
    const at = this.#take(length);
    return this.bytes.subarray(at, at + length);
  }

  readString(): string {
    return decoder.decode(this.readBinary());
  }

  /**
   * The elements of a list of structs, of which `read` reads one.
   *
   * @param fewestBytes what a struct takes that has only the fields that are required
   * @throws MalformedThriftError when it is a list of another type, or of more than can be there
   */
  readStructs(fewestBytes: number, read: () => void): void {
    const type = this.readI8();
    const size = this.readI32();
    // Some writers name no type for an empty list.
    if (size === 0) return;
    if (type !== thriftTypes.struct) throw this.malformed(`a list of type ${type}, not of structs`);
    this.#checkSize(size, fewestBytes);
    for (let i = 0; i < size; i++) read();
  }

  /**
   * The fields of a struct: `read` reads the value of a field that it knows and returns true; any other is skipped.
   *
   * @param read gets the field as {@link thriftField} makes it of id and type
   */
  readStruct(read: (field: number) => boolean): void {
    for (;;) {
      const type = this.readI8();
      if (type === thriftTypes.stop) return;
      if (!read(thriftField(this.readI16(), type))) this.skip(type);
    }
  }

  /** Moves over a value, of any type. */
  skip(type: number, depth = 0): void {
    if (depth > maxThriftDepth) throw this.malformed(`values nest deeper than ${maxThriftDepth}`);
    switch (type) {
      case thriftTypes.string:
        this.readBinary();
        return;
      case thriftTypes.struct:
        for (;;) {
          const fieldType = this.readI8();
          if (fieldType === thriftTypes.stop) return;
          this.#take(2);
          this.skip(fieldType, depth + 1);
        }
      case thriftTypes.map: {
        const keyType = this.readI8();
        const valueType = this.readI8();
        const size = this.readI32();
        if (size === 0) return;
        this.#checkSize(size, this.#fewestBytesOf(keyType) + this.#fewestBytesOf(valueType));
        for (let i = 0; i < size; i++) {
          this.skip(keyType, depth + 1);
          this.skip(valueType, depth + 1);
        }
        return;
      }
      case thriftTypes.set:
      case thriftTypes.list: {
        const elementType = this.readI8();
        const size = this.readI32();
        if (size === 0) return;
        this.#checkSize(size, this.#fewestBytesOf(elementType));
        for (let i = 0; i < size; i++) this.skip(elementType, depth + 1);
        return;
      }
      default:
        this.#take(this.#fewestBytesOf(type));
    }
  }

  malformed(what: string): MalformedThriftError {
    return new MalformedThriftError(what, this.position);
  }

  #fewestBytesOf(type: number): number {
    const length = fewestBytes[type];
    if (length === undefined) throw this.malformed(`there is no type ${type}`);
    return length;
  }

  #checkSize(size: number, fewest: number): void {
    const left = this.bytes.length - this.position;
    if (size < 0 || size * fewest > left) throw this.malformed(`${size} elements where ${left} bytes are left`);
  }

  #take(length: number): number {
    const at = this.position;
    const left = this.bytes.length - at;
    if (length < 0 || length > left) throw this.malformed(`${length} bytes wanted, ${left} left`);
    this.position = at + length;
    return at;
  }
}

/** A field as one number: a field of the right id and another type is an unknown field. */
export function thriftField(id: number, type: number): number {
  return id * 256 + type;
}

function wordHex(word: number): string {
  return word.toString(16).padStart(8, '0');
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

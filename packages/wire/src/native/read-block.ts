import type { NativeColumn, NumberArray } from './column.ts';

/** Rows by column, as ClickHouse's `FORMAT Native` sends them over HTTP and in files. */
export interface NativeBlock {
  readonly rowCount: number;
  readonly columns: ReadonlyMap<string, NativeColumn>;
}

/** The bytes are not a Native block, or hold a type that this reader does not know. */
export class MalformedBlockError extends Error {
  override readonly name = 'MalformedBlockError';
}

/**
 * Reads every block of a Native stream. Columns refer to `bytes`, which must not change afterwards.
 *
 * ```
 * block   columnCount varint · rowCount varint · column × columnCount
 * column  name string · type string · state prefixes of the type · data      (nothing after type when rowCount is 0)
 * string  length varint · bytes
 * ```
 *
 * Types: (U)Int8…64, Float32/64, Bool, DateTime, DateTime64, String, FixedString, LowCardinality(String), Array, Map.
 *
 * @throws MalformedBlockError
 */
export function readNativeBlocks(bytes: Uint8Array): NativeBlock[] {
  const cursor = new Cursor(bytes);
  const blocks: NativeBlock[] = [];
  while (cursor.position < bytes.length) {
    const columnCount = cursor.readVarint();
    const rowCount = cursor.readVarint();
    const columns = new Map<string, NativeColumn>();
    for (let i = 0; i < columnCount; i++) {
      const name = cursor.readText();
      const type = parseType(cursor.readText());
      if (rowCount > 0) readPrefix(cursor, type);
      columns.set(name, readColumn(cursor, type, rowCount));
    }
    blocks.push({ rowCount, columns });
  }
  return blocks;
}

interface ColumnType {
  readonly name: string;
  /** Type arguments of Array, Map and LowCardinality. */
  readonly arguments: readonly ColumnType[];
  /** Of FixedString. */
  readonly width: number;
}

const argumentCounts: Readonly<Record<string, number>> = { Array: 1, LowCardinality: 1, Map: 2 };

const typeCache = new Map<string, ColumnType>();

function parseType(text: string): ColumnType {
  let type = typeCache.get(text);
  if (type === undefined) {
    const open = text.indexOf('(');
    const name = open < 0 ? text : text.slice(0, open);
    const inside = open < 0 ? '' : text.slice(open + 1, -1);
    const argumentCount = argumentCounts[name] ?? 0;
    type = {
      name,
      arguments: argumentCount > 0 ? splitArguments(inside).map(parseType) : [],
      width: name === 'FixedString' ? Number(inside) : 0,
    };
    if (type.arguments.length !== argumentCount || !Number.isSafeInteger(type.width)) {
      throw new MalformedBlockError(`the type ${text} has arguments that it cannot have`);
    }
    typeCache.set(text, type);
  }
  return type;
}

/** Splits at the commas that stand outside of parentheses. */
function splitArguments(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    if (character === '(') depth++;
    else if (character === ')') depth--;
    else if (character === ',' && depth === 0) {
      parts.push(text.slice(start, i).trim());
      start = i + 1;
    }
  }
  parts.push(text.slice(start).trim());
  return parts;
}

/** The state prefixes of all nested types come before the first byte of data. */
function readPrefix(cursor: Cursor, type: ColumnType): void {
  if (type.name === 'LowCardinality') {
    const version = cursor.readUint64();
    if (version !== 1) throw new MalformedBlockError(`LowCardinality version ${version}, expected 1`);
    return;
  }
  for (const argument of type.arguments) readPrefix(cursor, argument);
}

function readColumn(cursor: Cursor, type: ColumnType, count: number): NativeColumn {
  switch (type.name) {
    case 'UInt8':
    case 'Bool':
      return { kind: 'number', type: type.name, values: cursor.take(count) };
    case 'Int8':
      return number(type, new Int8Array(cursor.copy(count)));
    case 'UInt16':
      return number(type, new Uint16Array(cursor.copy(count * 2)));
    case 'Int16':
      return number(type, new Int16Array(cursor.copy(count * 2)));
    case 'UInt32':
    case 'DateTime':
      return number(type, new Uint32Array(cursor.copy(count * 4)));
    case 'Int32':
      return number(type, new Int32Array(cursor.copy(count * 4)));
    case 'Float32':
      return number(type, new Float32Array(cursor.copy(count * 4)));
    case 'Float64':
      return number(type, new Float64Array(cursor.copy(count * 8)));
    case 'UInt64':
      return { kind: 'bigint', type: type.name, values: new BigUint64Array(cursor.copy(count * 8)) };
    case 'Int64':
    case 'DateTime64':
      return { kind: 'bigint', type: type.name, values: new BigInt64Array(cursor.copy(count * 8)) };
    case 'FixedString':
      return { kind: 'fixed-string', width: type.width, bytes: cursor.take(count * type.width) };
    case 'String':
      return readStrings(cursor, count);
    case 'LowCardinality':
      return readLowCardinality(cursor, type.arguments[0]!, count);
    case 'Array': {
      const ends = readEnds(cursor, count);
      return { kind: 'array', ends, elements: readColumn(cursor, type.arguments[0]!, ends[count - 1] ?? 0) };
    }
    case 'Map': {
      const ends = readEnds(cursor, count);
      const total = ends[count - 1] ?? 0;
      const keys = readColumn(cursor, type.arguments[0]!, total);
      return { kind: 'map', ends, keys, values: readColumn(cursor, type.arguments[1]!, total) };
    }
    default:
      throw new MalformedBlockError(`the type ${type.name} is not one that this reader knows`);
  }
}

function number(type: ColumnType, values: NumberArray): NativeColumn {
  return { kind: 'number', type: type.name, values };
}

function readStrings(cursor: Cursor, count: number): NativeColumn {
  cursor.requireAtLeast(count);
  const starts = new Uint32Array(count);
  const ends = new Uint32Array(count);
  for (let i = 0; i < count; i++) {
    const length = cursor.readVarint();
    starts[i] = cursor.position;
    cursor.skip(length);
    ends[i] = cursor.position;
  }
  return { kind: 'string', bytes: cursor.bytes, starts, ends };
}

/*
 * LowCardinality data   flags u64 · keyCount u64 · keys · indexCount u64 · indexes      (nothing when count is 0)
 * flags                 bits 0-7 width of an index: 0 u8, 1 u16, 2 u32 · 0x100 global dictionary · 0x200 keys follow
 */
function readLowCardinality(cursor: Cursor, keyType: ColumnType, count: number): NativeColumn {
  if (count === 0) {
    return { kind: 'low-cardinality', dictionary: readColumn(cursor, keyType, 0), indexes: new Uint32Array(0) };
  }
  const flags = cursor.readUint64();
  if ((flags & 0x100) !== 0 || (flags & 0x200) === 0) {
    throw new MalformedBlockError(`LowCardinality flags 0x${flags.toString(16)}: a dictionary outside of the block`);
  }
  const dictionary = readColumn(cursor, keyType, cursor.readUint64());
  const indexCount = cursor.readUint64();
  if (indexCount !== count) throw new MalformedBlockError(`${indexCount} LowCardinality indexes for ${count} rows`);
  const width = flags & 0xff;
  if (width === 0) return { kind: 'low-cardinality', dictionary, indexes: Uint32Array.from(cursor.take(count)) };
  if (width === 1) {
    const indexes = Uint32Array.from(new Uint16Array(cursor.copy(count * 2)));
    return { kind: 'low-cardinality', dictionary, indexes };
  }
  if (width === 2) return { kind: 'low-cardinality', dictionary, indexes: new Uint32Array(cursor.copy(count * 4)) };
  throw new MalformedBlockError(`LowCardinality index width ${width}, expected 0 to 2`);
}

function readEnds(cursor: Cursor, count: number): Uint32Array {
  cursor.requireAtLeast(count * 8);
  const ends = new Uint32Array(count);
  for (let i = 0; i < count; i++) ends[i] = cursor.readUint64();
  return ends;
}

class Cursor {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  position = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  readVarint(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      this.requireAtLeast(1);
      const byte = this.bytes[this.position++]!;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new MalformedBlockError(`a varint above 2^35 at byte ${this.position}`);
  }

  /** A UInt64 that is a count or a set of flags: above 2^32 it cannot be one. */
  readUint64(): number {
    this.requireAtLeast(8);
    const low = this.view.getUint32(this.position, true);
    const high = this.view.getUint32(this.position + 4, true);
    if (high !== 0) throw new MalformedBlockError(`a count above 2^32 at byte ${this.position}`);
    this.position += 8;
    return low;
  }

  readText(): string {
    const length = this.readVarint();
    return decoder.decode(this.take(length));
  }

  /** A view of the next bytes. */
  take(length: number): Uint8Array {
    this.requireAtLeast(length);
    const start = this.position;
    this.position += length;
    return this.bytes.subarray(start, this.position);
  }

  /** The next bytes in a buffer of their own: aligned, as typed arrays of wider elements need. */
  copy(length: number): ArrayBuffer {
    return new Uint8Array(this.take(length)).buffer;
  }

  skip(length: number): void {
    this.requireAtLeast(length);
    this.position += length;
  }

  /** Checked before anything is allocated, so that a wrong count cannot ask for more memory than bytes came. */
  requireAtLeast(length: number): void {
    if (length > this.bytes.length - this.position) {
      throw new MalformedBlockError(
        `the block ends at byte ${this.bytes.length}, ${length} more were announced at byte ${this.position}`,
      );
    }
  }
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

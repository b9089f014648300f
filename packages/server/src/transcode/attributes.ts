import {
  checkAnyValue,
  checkKeyValue,
  type ElementCounts,
  type ElementKind,
  GrowingBytes,
  type ProtobufReader,
  requestLimits,
  type StringColumnWriter,
  TooManyElementsError,
} from '@clew/wire';
import type { AttributeColumns } from './columns.ts';

/** Of `KeyValueList.values`. */
const keyValueTag = Uint8Array.of(0x0a);

/**
 * Where the messages of a repeated field stand: attributes, events, links. `[start, end)` of the content of each, two
 * numbers each. One list serves span after span.
 */
export class MessagePositions {
  positions: Uint32Array = new Uint32Array(256);
  /** How many numbers are in use: twice the number of messages. */
  length = 0;
  readonly #kind: ElementKind;

  constructor(kind: ElementKind) {
    this.#kind = kind;
  }

  /** @throws TooManyElementsError before more than a few times the limit of a request are noted */
  add(start: number, end: number): void {
    if (this.length === this.positions.length) {
      const limit = requestLimits[this.#kind];
      if (this.length > 2 * limit) throw new TooManyElementsError(this.#kind, limit);
      const grown = new Uint32Array(this.positions.length * 2);
      grown.set(this.positions);
      this.positions = grown;
    }
    this.positions[this.length++] = start;
    this.positions[this.length++] = end;
  }
}

/**
 * Appends one row of typed attributes.
 *
 * ```
 * KeyValue  1 key string · 2 value AnyValue      AnyValue tag -> column
 *                                                0a string  attr_string      18 int64   attr_int
 *                                                10 bool    attr_bool        21 double  attr_double
 *                                                others, and none: attr_other, the AnyValue's bytes
 * ```
 *
 * @returns how many values there are in arrays and maps inside them
 */
export function appendAttributes(
  reader: ProtobufReader,
  columns: AttributeColumns,
  attributes: MessagePositions,
): number {
  const { attr_string, attr_int, attr_double, attr_bool, attr_other } = columns;
  const { bytes } = reader;
  let strings = 0;
  let ints = 0;
  let doubles = 0;
  let bools = 0;
  let others = 0;
  let nestedValues = 0;
  for (let i = 0; i < attributes.length; i += 2) {
    const end = attributes.positions[i + 1]!;
    reader.position = attributes.positions[i]!;
    let keyStart = 0;
    let keyEnd = 0;
    let valueStart = 0;
    let valueEnd = 0;
    while (reader.position < end) {
      const tag = reader.readVarint32(end);
      if (tag === 0x0a) {
        keyEnd = reader.readLength(end);
        keyStart = reader.position;
        reader.position = keyEnd;
      } else if (tag === 0x12) {
        valueEnd = reader.readLength(end);
        valueStart = reader.position;
        reader.position = valueEnd;
      } else reader.skip(tag, end);
    }
    reader.position = valueStart;
    const valueTag = valueStart < valueEnd ? reader.readVarint32(valueEnd) : 0;
    switch (valueTag) {
      case 0x0a: {
        const textEnd = reader.readLength(valueEnd);
        attr_string.elements[0].append(bytes, keyStart, keyEnd);
        attr_string.elements[1].append(bytes, reader.position, textEnd);
        strings++;
        break;
      }
      case 0x18: {
        const low = reader.readVarint64(valueEnd);
        attr_int.elements[0].append(bytes, keyStart, keyEnd);
        attr_int.elements[1].append64(low, reader.high);
        ints++;
        break;
      }
      case 0x21: {
        const at = reader.position;
        reader.readDouble(valueEnd);
        attr_double.elements[0].append(bytes, keyStart, keyEnd);
        attr_double.elements[1].appendBytes(bytes, at);
        doubles++;
        break;
      }
      case 0x10: {
        const value = reader.readVarint32(valueEnd);
        attr_bool.elements[0].append(bytes, keyStart, keyEnd);
        attr_bool.elements[1].appendByte(value === 0 ? 0 : 1);
        bools++;
        break;
      }
      default:
        reader.position = valueStart;
        nestedValues += checkAnyValue(reader, valueEnd);
        attr_other.elements[0].append(bytes, keyStart, keyEnd);
        attr_other.elements[1].append(bytes, valueStart, valueEnd);
        others++;
    }
  }
  attr_string.appendRow(strings);
  attr_int.appendRow(ints);
  attr_double.appendRow(doubles);
  attr_bool.appendRow(bools);
  attr_other.appendRow(others);
  return nestedValues;
}

/** The bytes of the first attribute with this key whose value is a string that is not empty, or null. */
export function findStringAttribute(
  reader: ProtobufReader,
  attributes: MessagePositions,
  wantedKey: Uint8Array,
): Uint8Array | null {
  for (let i = 0; i < attributes.length; i += 2) {
    const end = attributes.positions[i + 1]!;
    reader.position = attributes.positions[i]!;
    let isWanted = false;
    let text: Uint8Array | null = null;
    while (reader.position < end) {
      const tag = reader.readVarint32(end);
      if (tag === 0x0a) {
        isWanted = Buffer.compare(readBytes(reader, end), wantedKey) === 0;
      } else if (tag === 0x12) {
        const valueEnd = reader.readLength(end);
        text =
          reader.position < valueEnd && reader.readVarint32(valueEnd) === 0x0a ? readBytes(reader, valueEnd) : null;
        reader.position = valueEnd;
      } else reader.skip(tag, end);
    }
    if (isWanted && text !== null && text.length > 0) return text;
  }
  return null;
}

/** The first attribute with this key as text, where it is a string, an integer, a double or a boolean. */
export function findAttributeText(
  reader: ProtobufReader,
  attributes: MessagePositions,
  key: string,
): string | undefined {
  for (let i = 0; i < attributes.length; i += 2) {
    const end = attributes.positions[i + 1]!;
    reader.position = attributes.positions[i]!;
    let isWanted = false;
    let text: string | undefined;
    while (reader.position < end) {
      const tag = reader.readVarint32(end);
      if (tag === 0x0a) isWanted = textOf(readBytes(reader, end)) === key;
      else if (tag === 0x12) {
        const valueEnd = reader.readLength(end);
        text = reader.position < valueEnd ? readScalarText(reader, valueEnd) : undefined;
        reader.position = valueEnd;
      } else reader.skip(tag, end);
    }
    if (isWanted) return text;
  }
  return undefined;
}

function readScalarText(reader: ProtobufReader, end: number): string | undefined {
  switch (reader.readVarint32(end)) {
    case 0x0a:
      return textOf(readBytes(reader, end));
    case 0x10:
      return reader.readVarint32(end) === 0 ? 'false' : 'true';
    case 0x18: {
      const low = reader.readVarint64(end);
      return String(BigInt.asIntN(64, (BigInt(reader.high) << 32n) | BigInt(low >>> 0)));
    }
    case 0x21:
      return String(reader.readDouble(end));
    default:
      return undefined;
  }
}

/** UTF-8, as all strings of OTLP are. */
export function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString();
}

function readBytes(reader: ProtobufReader, end: number): Uint8Array {
  const contentEnd = reader.readLength(end);
  const bytes = reader.bytes.subarray(reader.position, contentEnd);
  reader.position = contentEnd;
  return bytes;
}

/**
 * The attributes of an event, link, scope or resource as the bytes of a KeyValueList: the fields with `attributeTag`
 * one behind the other, each under the tag of field 1.
 */
export class KeyValueListBytes {
  readonly #list = new GrowingBytes();
  readonly #counts: ElementCounts;

  /** @param counts of the request that is read, to which what is copied is added */
  constructor(counts: ElementCounts) {
    this.#counts = counts;
  }

  get bytes(): Uint8Array {
    return this.#list.bytes;
  }

  get length(): number {
    return this.#list.length;
  }

  /** Copies from the message `[start, end)`; leaves the reader at `end`. */
  copy(reader: ProtobufReader, start: number, end: number, attributeTag: number): void {
    const list = this.#list;
    list.length = 0;
    let elements = 0;
    reader.position = start;
    while (reader.position < end) {
      const tag = reader.readVarint32(end);
      if (tag !== attributeTag) {
        reader.skip(tag, end);
        continue;
      }
      const lengthAt = reader.position;
      const contentEnd = reader.readLength(end);
      elements += 1 + checkKeyValue(reader, contentEnd);
      list.append(keyValueTag, 0, 1);
      list.append(reader.bytes, lengthAt, contentEnd);
    }
    this.#counts.add('attributes', elements);
  }

  appendTo(column: StringColumnWriter): void {
    column.append(this.bytes, 0, this.length);
  }
}

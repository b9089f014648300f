import { ByteWriter } from './byte-writer.ts';

/**
 * What an attribute may hold. Numbers that are integral and within int64 are written as int, all others as double; a
 * bigint is written as int, its low 64 bits, and a {@link Double} as double. `null` and `undefined` (legal inside
 * arrays) are written as an empty AnyValue.
 */
export type AttributeValue =
  | string
  | number
  | bigint
  | Double
  | boolean
  | Uint8Array
  | null
  | undefined
  | readonly AttributeValue[]
  | { readonly [key: string]: AttributeValue };

/** A number that is a double even when it is whole, for formats that tell the two apart. */
export class Double {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }
}

/** Attributes as one flat array, `[key, value, key, value, …]`: no object, Map or pair for each. */
export type FlatAttributes = readonly AttributeValue[];

/**
 * How deep arrays and maps may nest; what lies deeper is written as an empty value. Real attributes nest two or three
 * levels; the bound is there for a value that contains itself.
 */
export const maxWrittenDepth = 16;

/**
 * Writes attributes as `repeated KeyValue`, each behind `tag`.
 *
 * | field | KeyValue | type | wire |
 * |---|---|---|---|
 * | 1 | key | string | 2 |
 * | 2 | value | AnyValue | 2 |
 *
 * @param tag the one-byte tag of the field in the message around: `(field << 3) | 2`.
 */
export function writeAttributes(writer: ByteWriter, tag: number, attributes: FlatAttributes): void {
  for (let index = 0; index < attributes.length; index += 2) {
    writer.writeByte(tag);
    writeKeyValue(writer, attributes[index] as string, attributes[index + 1], 0);
  }
}

/** The bytes that {@link writeAttributes} writes, for those that are written again and again. */
export function encodeAttributes(tag: number, attributes: FlatAttributes): Uint8Array {
  const writer = new ByteWriter(512, maxEncodedBytes);
  writeAttributes(writer, tag, attributes);
  return writer.copyWritten();
}

function writeKeyValue(writer: ByteWriter, key: string, value: AttributeValue, depth: number): void {
  const start = writer.beginMessage();
  writer.writeByte(0x0a);
  writer.writeString(key);
  writer.writeByte(0x12);
  writeAnyValue(writer, value, depth);
  writer.endMessage(start);
}

/**
 * Writes the length and the message `AnyValue` (one of):
 *
 * | field | | type | wire |
 * |---|---|---|---|
 * | 1 | string_value | string | 2 |
 * | 2 | bool_value | bool | 0 |
 * | 3 | int_value | int64 | 0 |
 * | 4 | double_value | double | 1 |
 * | 5 | array_value | ArrayValue { 1 values: repeated AnyValue } | 2 |
 * | 6 | kvlist_value | KeyValueList { 1 values: repeated KeyValue } | 2 |
 * | 7 | bytes_value | bytes | 2 |
 */
function writeAnyValue(writer: ByteWriter, value: AttributeValue, depth: number): void {
  const start = writer.beginMessage();
  switch (typeof value) {
    case 'string':
      writer.writeByte(0x0a);
      writer.writeString(value);
      break;
    case 'number':
      writeNumber(writer, value);
      break;
    case 'boolean':
      writer.writeByte(0x10);
      writer.writeByte(value ? 1 : 0);
      break;
    case 'bigint':
      writer.writeByte(0x18);
      writer.writeBigInt64(value);
      break;
    case 'object':
      if (value !== null && depth < maxWrittenDepth) writeComposite(writer, value, depth + 1);
      break;
    default:
  }
  writer.endMessage(start);
}

function writeNumber(writer: ByteWriter, value: number): void {
  if (Number.isInteger(value) && value >= -int64Limit && value < int64Limit) {
    writer.writeByte(0x18);
    writer.writeInt64(value);
  } else {
    writer.writeByte(0x21);
    writer.writeDouble(value);
  }
}

function writeComposite(writer: ByteWriter, value: object, depth: number): void {
  if (value instanceof Uint8Array) {
    writer.writeByte(0x3a);
    writer.writeBytes(value);
    return;
  }
  if (value instanceof Double) {
    writer.writeByte(0x21);
    writer.writeDouble(value.value);
    return;
  }
  const isArray = Array.isArray(value);
  writer.writeByte(isArray ? 0x2a : 0x32);
  const start = writer.beginMessage();
  if (isArray) {
    for (const item of value as AttributeValue[]) {
      writer.writeByte(0x0a);
      writeAnyValue(writer, item, depth);
    }
  } else {
    for (const [key, item] of Object.entries(value)) {
      writer.writeByte(0x0a);
      writeKeyValue(writer, key, item as AttributeValue, depth);
    }
  }
  writer.endMessage(start);
}

// Attributes of this size are a mistake; OTLP itself names no limit.
const maxEncodedBytes = 16 * 1_048_576;

// 2^63 is exact as a double; the largest int64 is not.
const int64Limit = 2 ** 63;

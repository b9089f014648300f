import { MalformedProtobufError, ProtobufReader } from './protobuf-reader.ts';

/** One OTLP `AnyValue` with its type; an int64 is a bigint, so that no digit is lost. */
export type AnyValue =
  | { readonly type: 'empty' }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'bool'; readonly value: boolean }
  | { readonly type: 'int'; readonly value: bigint }
  | { readonly type: 'double'; readonly value: number }
  | { readonly type: 'array'; readonly values: readonly AnyValue[] }
  | { readonly type: 'map'; readonly entries: readonly KeyValue[] }
  | { readonly type: 'bytes'; readonly value: Uint8Array };

export interface KeyValue {
  readonly key: string;
  readonly value: AnyValue;
}

/**
 * How deep arrays and maps may nest inside a value. Deeper ones are refused: a reader that recurses must not be driven
 * out of its stack. The same bound as protobuf's own implementations have.
 */
export const maxValueDepth = 100;

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const empty: AnyValue = { type: 'empty' };

/**
 * Reads the bytes of an OTLP `KeyValueList` (`repeated KeyValue values = 1`).
 *
 * @throws MalformedProtobufError
 */
export function readKeyValueList(bytes: Uint8Array): KeyValue[] {
  return readEntries(new ProtobufReader(bytes), bytes.length, 0);
}

/**
 * Reads the bytes of an OTLP `AnyValue`.
 *
 * @throws MalformedProtobufError
 */
export function readAnyValue(bytes: Uint8Array): AnyValue {
  return readValue(new ProtobufReader(bytes), bytes.length, 0);
}

/*
 * KeyValue                  AnyValue, a oneof
 *   1 key    string           1 string   4 double          6 kvlist KeyValueList { 1 repeated KeyValue }
 *   2 value  AnyValue         2 bool     5 array           7 bytes
 *                             3 int64      ArrayValue { 1 repeated AnyValue }
 */

function readEntries(reader: ProtobufReader, end: number, depth: number): KeyValue[] {
  const entries: KeyValue[] = [];
  while (reader.position < end) {
    const tag = reader.readVarint32(end);
    if (tag === 0x0a) entries.push(readKeyValue(reader, reader.readLength(end), depth));
    else reader.skip(tag, end);
  }
  return entries;
}

function readKeyValue(reader: ProtobufReader, end: number, depth: number): KeyValue {
  let key = '';
  let value = empty;
  while (reader.position < end) {
    const tag = reader.readVarint32(end);
    if (tag === 0x0a) key = readString(reader, end);
    else if (tag === 0x12) value = readValue(reader, reader.readLength(end), depth);
    else reader.skip(tag, end);
  }
  return { key, value };
}

function readValue(reader: ProtobufReader, end: number, depth: number): AnyValue {
  if (depth > maxValueDepth) {
    throw new MalformedProtobufError(`a value nested deeper than ${maxValueDepth}`, reader.position);
  }
  let value = empty;
  while (reader.position < end) {
    const tag = reader.readVarint32(end);
    switch (tag) {
      case 0x0a:
        value = { type: 'string', value: readString(reader, end) };
        break;
      case 0x10:
        value = { type: 'bool', value: reader.readVarint32(end) !== 0 };
        break;
      case 0x18: {
        const low = reader.readVarint64(end);
        value = { type: 'int', value: BigInt.asIntN(64, (BigInt(reader.high) << 32n) | BigInt(low)) };
        break;
      }
      case 0x21:
        value = { type: 'double', value: reader.readDouble(end) };
        break;
      case 0x2a: {
        const arrayEnd = reader.readLength(end);
        const values: AnyValue[] = [];
        while (reader.position < arrayEnd) {
          const elementTag = reader.readVarint32(arrayEnd);
          if (elementTag === 0x0a) values.push(readValue(reader, reader.readLength(arrayEnd), depth + 1));
          else reader.skip(elementTag, arrayEnd);
        }
        value = { type: 'array', values };
        break;
      }
      case 0x32:
        value = { type: 'map', entries: readEntries(reader, reader.readLength(end), depth + 1) };
        break;
      case 0x3a: {
        const bytesEnd = reader.readLength(end);
        value = { type: 'bytes', value: reader.bytes.slice(reader.position, bytesEnd) };
        reader.position = bytesEnd;
        break;
      }
      default:
        reader.skip(tag, end);
    }
  }
  return value;
}

function readString(reader: ProtobufReader, end: number): string {
  const stringEnd = reader.readLength(end);
  const text = decoder.decode(reader.bytes.subarray(reader.position, stringEnd));
  reader.position = stringEnd;
  return text;
}

/**
 * Walks over one `KeyValue` that ends at `end`, without making anything of it, so that its bytes can be stored as they
 * are and every later reader finds them well-formed.
 *
 * @returns how many values there are in arrays and maps inside it
 * @throws MalformedProtobufError
 */
export function checkKeyValue(reader: ProtobufReader, end: number, depth = 0): number {
  let values = 0;
  while (reader.position < end) {
    const tag = reader.readVarint32(end);
    if (tag === 0x12) values += checkAnyValue(reader, reader.readLength(end), depth);
    else reader.skip(tag, end);
  }
  return values;
}

/** As {@link checkKeyValue}, for one `AnyValue`. */
export function checkAnyValue(reader: ProtobufReader, end: number, depth = 0): number {
  if (depth > maxValueDepth) {
    throw new MalformedProtobufError(`a value nested deeper than ${maxValueDepth}`, reader.position);
  }
  let values = 0;
  while (reader.position < end) {
    const tag = reader.readVarint32(end);
    if (tag !== 0x2a && tag !== 0x32) {
      reader.skip(tag, end);
      continue;
    }
    const listEnd = reader.readLength(end);
    while (reader.position < listEnd) {
      const elementTag = reader.readVarint32(listEnd);
      if (elementTag !== 0x0a) {
        reader.skip(elementTag, listEnd);
        continue;
      }
      const elementEnd = reader.readLength(listEnd);
      const check = tag === 0x2a ? checkAnyValue : checkKeyValue;
      values += 1 + check(reader, elementEnd, depth + 1);
    }
  }
  return values;
}

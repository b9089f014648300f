import { closeBrace, closeBracket, colon, JsonReader, openBrace, openBracket, quote } from '../json/json-reader.ts';
import { parseWholeNumber } from '../json/whole-number.ts';
import { maxValueDepth } from './attribute-value.ts';
import { ByteWriter } from './byte-writer.ts';
import {
  anyValue,
  type EnumNames,
  exportTraceServiceRequest,
  type Field,
  type Message,
  type Unit,
} from './otlp-json-fields.ts';
import { maxRejectedSpans, RefusedSpansError } from './trace-request-builder.ts';

/** JSON that is not an OTLP request. The message names the place, such as `resourceSpans[0].scopeSpans[1].spans`. */
export class MalformedOtlpJsonError extends Error {
  override readonly name = 'MalformedOtlpJsonError';
}

/** Spans that were left out, with the reason: the place and the value that is not what it must be. */
export type RejectSpans = (spans: number, reason: string) => void;

/**
 * OTLP's JSON encoding of an `ExportTraceServiceRequest` as the protobuf encoding, so that one reader serves both. JSON is
 * read and protobuf written in one pass; no value becomes an object, and no number a double that is none.
 *
 * As the OTLP specification and protobuf's JSON mapping have it: ids are hex in any case or base64, enums integers or names, integers
 * numbers or strings, also with a fraction of zeros or an exponent, bytes base64 of both alphabets, field names in
 * lowerCamelCase or as in the .proto file; a null is a field that is not set, and unknown fields are ignored.
 *
 * A value that is not what it must be costs its span, or the spans of its resource or scope. Ids of links that are neither
 * are written as empty ones: whoever reads the request leaves out that link.
 *
 * @param bytes UTF-8
 * @param reject is told of the spans that are left out; without it, the first of them is thrown as an error
 * @param firstLine the line in which the text begins, for messages
 * @throws MalformedJsonError for text that is not JSON
 * @throws MalformedOtlpJsonError for JSON that is not an OTLP request
 * @throws RefusedSpansError when too many spans are left out
 */
export function otlpJsonToProtobuf(bytes: Uint8Array, reject?: RejectSpans, firstLine?: number): Uint8Array {
  try {
    decoder.decode(bytes);
  } catch {
    throw new MalformedOtlpJsonError('the body is not UTF-8');
  }
  return new OtlpJsonConverter(new JsonReader(bytes, firstLine), reject).convert();
}

class OtlpJsonConverter {
  readonly #reader: JsonReader;
  readonly #writer: ByteWriter;
  readonly #reject: RejectSpans | undefined;
  /** Where the value stands that is being read: a field a level, and in an array its place there, or -1. */
  readonly #path: string[] = [];
  readonly #places: number[] = [];
  #depth = 0;
  /** How many values the reader is in. */
  #valueDepth = 0;
  #rejections = 0;
  /** Of the last integer that {@link #readDigits} read. */
  #low = 0;
  #high = 0;

  constructor(reader: JsonReader, reject: RejectSpans | undefined) {
    this.#reader = reader;
    // Protobuf is shorter than JSON but for 64-bit times written as short numbers: twice the size is a safe cap.
    const { length } = reader.bytes;
    this.#writer = new ByteWriter(Math.max(64, length), length * 2 + 1024);
    this.#reject = reject;
  }

  convert(): Uint8Array {
    const { bytes } = this.#reader;
    if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) this.#reader.position = 3;
    this.#writeFields(exportTraceServiceRequest);
    this.#reader.expectEnd();
    return this.#writer.bytes.subarray(0, this.#writer.position);
  }

  #writeFields(message: Message): void {
    const reader = this.#reader;
    if (reader.peek() !== openBrace) throw this.#expected('an object');
    if (message === anyValue && this.#valueDepth++ > maxValueDepth) {
      throw this.#wrong(`is a value that is nested deeper than ${maxValueDepth}`);
    }
    reader.position++;
    if (!reader.closes(closeBrace)) this.#writeMembers(message);
    if (message === anyValue) this.#valueDepth--;
  }

  #writeMembers(message: Message): void {
    const reader = this.#reader;
    do {
      reader.readString();
      const field = reader.hasEscape
        ? message.findByName(reader.text())
        : message.find(reader.bytes, reader.start, reader.end);
      reader.expect(colon);
      if (field === undefined) reader.skipValue();
      else if (reader.peek() === letterN) reader.readWord('null');
      else {
        const depth = this.#depth++;
        this.#path[depth] = field.name;
        this.#places[depth] = -1;
        if (field.isRepeated) this.#writeRepeated(field, depth);
        else this.#writeField(field);
        this.#depth = depth;
      }
    } while (reader.continues(closeBrace));
  }

  #writeRepeated(field: Field, depth: number): void {
    const reader = this.#reader;
    if (reader.peek() !== openBracket) throw this.#expected('an array');
    reader.position++;
    if (reader.closes(closeBracket)) return;
    let place = 0;
    do {
      this.#places[depth] = place++;
      if (field.unit === undefined || this.#reject === undefined) this.#writeField(field);
      else this.#writeUnit(field, field.unit, this.#reject);
    } while (reader.continues(closeBracket));
  }

  /** Writes an element, or rejects its spans when something of it is wrong. */
  #writeUnit(field: Field, unit: Unit, reject: RejectSpans): void {
    const reader = this.#reader;
    const start = reader.position;
    const written = this.#writer.position;
    const depth = this.#depth;
    try {
      this.#writeField(field);
    } catch (error) {
      if (!(error instanceof MalformedOtlpJsonError)) throw error;
      this.#writer.truncate(written);
      this.#depth = depth;
      this.#valueDepth = 0;
      reader.position = start;
      // What should hold spans and does not is one.
      reject(Math.max(1, countSpans(reader, unit)), error.message);
      if (++this.#rejections > maxRejectedSpans) {
        throw new RefusedSpansError(
          `More than ${maxRejectedSpans} spans of the request cannot be read. The last: ${error.message}.`,
        );
      }
    }
  }

  #writeField({ type, tag }: Field): void {
    const writer = this.#writer;
    writer.writeVarint(tag);
    if (typeof type === 'function') {
      const start = writer.beginMessage(1);
      this.#writeFields(type());
      writer.endMessage(start, 1);
      return;
    }
    switch (type) {
      case 'string':
        this.#writeString();
        return;
      case 'id':
      case 'linkId':
        this.#writeHex(type === 'id');
        return;
      case 'base64':
        writer.writeBytes(this.#readBase64());
        return;
      case 'bool':
        writer.writeByte(this.#readBool() ? 1 : 0);
        return;
      case 'uint32':
        writer.writeVarint(this.#readUint32());
        return;
      case 'fixed32':
        writer.writeFixed32(this.#readUint32());
        return;
      case 'int64':
        this.#writeInt64();
        return;
      case 'fixed64':
        this.#writeFixed64();
        return;
      case 'double':
        writer.writeDouble(this.#readDouble());
        return;
      default:
        writer.writeInt64(this.#readEnum(type));
    }
  }

  #writeString(): void {
    const reader = this.#reader;
    if (reader.peek() !== quote) throw this.#expected('a string');
    reader.readString();
    if (reader.hasEscape) this.#writer.writeString(reader.text());
    else this.#writer.writeSlice(reader.bytes, reader.start, reader.end);
  }

  #writeHex(mustBeHex: boolean): void {
    const reader = this.#reader;
    const writer = this.#writer;
    const from = reader.peek() === quote ? reader.position : -1;
    if (from === -1) throw this.#expected('an id in hex');
    reader.readString();
    const { bytes, start, end } = reader;
    const written = writer.position;
    writer.writeVarint((end - start) >>> 1);
    let isHex = (end - start) % 2 === 0;
    for (let i = start; i < end && isHex; i += 2) {
      const high = hexValues[bytes[i]!]!;
      const low = hexValues[bytes[i + 1]!]!;
      isHex = high !== notHex && low !== notHex;
      writer.writeByte((high << 4) | low);
    }
    if (isHex) return;
    writer.truncate(written);
    const id = parseBase64Id(reader.text());
    if (id !== undefined) writer.writeBytes(id);
    else if (!mustBeHex) writer.writeByte(0);
    else {
      reader.position = from;
      throw this.#expected('an id in hex');
    }
  }

  #readBase64(): Uint8Array {
    const reader = this.#reader;
    const from = reader.peek() === quote ? reader.position : -1;
    if (from === -1) throw this.#expected('base64');
    reader.readString();
    const bytes = parseBase64(reader.text());
    if (bytes !== undefined) return bytes;
    reader.position = from;
    throw this.#expected('base64');
  }

  #readBool(): boolean {
    const byte = this.#reader.peek();
    if (byte !== letterT && byte !== letterF) throw this.#expected('true or false');
    this.#reader.readWord(byte === letterT ? 'true' : 'false');
    return byte === letterT;
  }

  #readUint32(): number {
    const from = this.#reader.position;
    if (this.#readDigits() && this.#high === 0) return this.#low;
    return Number(this.#readInteger(from, 0n, 0xffff_ffffn));
  }

  #writeInt64(): void {
    const from = this.#reader.position;
    // What a double holds, which is nearly every value.
    if (this.#readDigits() && this.#high < 0x20_0000) this.#writer.writeVarint(this.#high * 2 ** 32 + this.#low);
    else this.#writer.writeBigInt64(this.#readInteger(from, -(2n ** 63n), 2n ** 63n - 1n));
  }

  #writeFixed64(): void {
    const from = this.#reader.position;
    if (!this.#readDigits()) {
      const integer = this.#readInteger(from, 0n, 2n ** 64n - 1n);
      this.#low = Number(integer & 0xffff_ffffn);
      this.#high = Number(integer >> 32n);
    }
    this.#writer.writeFixed64(this.#low, this.#high);
  }

  /** Reads a number or a string that is 1 to 19 digits and nothing else, or returns false: its value in two halves. */
  #readDigits(): boolean {
    const reader = this.#reader;
    const { bytes } = reader;
    const isString = reader.peek() === quote;
    const start = isString ? reader.position + 1 : reader.position;
    let position = start;
    let low = 0;
    let high = 0;
    let byte = bytes[position]!;
    while (byte >= zero && byte <= nine) {
      // Six digits at a time stay exact in a double.
      let chunk = 0;
      let scale = 1;
      for (; scale < 1_000_000 && byte >= zero && byte <= nine; scale *= 10) {
        chunk = chunk * 10 + byte - zero;
        byte = bytes[++position]!;
      }
      const product = low * scale + chunk;
      const carry = Math.floor(product / 2 ** 32);
      low = product - carry * 2 ** 32;
      high = high * scale + carry;
    }
    const digits = position - start;
    if (digits === 0 || digits > 19) return false;
    if (isString) {
      if (byte !== quote) return false;
      position++;
    } else if (byte === point || byte === smallE || byte === largeE || (digits > 1 && bytes[start] === zero))
      return false;
    reader.position = position;
    this.#low = low;
    this.#high = high;
    return true;
  }

  /** @param from where the value begins, in front of which white space may stand */
  #readInteger(from: number, min: bigint, max: bigint): bigint {
    const reader = this.#reader;
    reader.position = from;
    const integer = parseWholeNumber(this.#readNumberText('an integer'));
    const after = reader.position;
    reader.position = from;
    if (integer === undefined) throw this.#expected('an integer');
    if (integer < min || integer > max) throw this.#expected(`an integer from ${min} to ${max}`);
    reader.position = after;
    return integer;
  }

  #readDouble(): number {
    const reader = this.#reader;
    const from = reader.position;
    const text = this.#readNumberText('a number');
    if (text === 'NaN' || text === 'Infinity' || text === '-Infinity') return Number(text);
    const isNumber = /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(text);
    const value = Number(text);
    if (isNumber && Number.isFinite(value)) return value;
    reader.position = from;
    throw this.#expected(isNumber ? 'a number that 64 bits can hold' : 'a number');
  }

  #readEnum(names: EnumNames): number {
    const reader = this.#reader;
    const from = reader.position;
    if (reader.peek() === quote) {
      reader.readString();
      const value = names.get(reader.text());
      if (value !== undefined) return value;
      reader.position = from;
      if (!/^-?\d/.test(reader.text())) throw this.#expected(`an integer or one of ${[...names.keys()].join(', ')}`);
    }
    return Number(this.#readInteger(from, -(2n ** 31n), 2n ** 31n - 1n));
  }

  /** Of a number, or of a string. */
  #readNumberText(what: string): string {
    const reader = this.#reader;
    const byte = reader.peek();
    if (byte === quote) reader.readString();
    else if (byte === minus || (byte >= zero && byte <= nine)) reader.readNumber();
    else throw this.#expected(what);
    return reader.text();
  }

  /** The value that the reader stands before is not what it must be. */
  #expected(what: string): MalformedOtlpJsonError {
    return this.#wrong(`must be ${what}; got ${showValue(this.#reader)}`);
  }

  #wrong(what: string): MalformedOtlpJsonError {
    let path = '';
    for (let level = 0; level < this.#depth; level++) {
      const place = this.#places[level]!;
      path += `${level === 0 ? '' : '.'}${this.#path[level]}${place === -1 ? '' : `[${place}]`}`;
    }
    return new MalformedOtlpJsonError(`${path === '' ? 'the body' : shorten(path, maxPathLength)} ${what}`);
  }
}

/** Of both alphabets, with padding or without. */
function parseBase64(text: string): Uint8Array | undefined {
  try {
    return Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (letter) => letter.charCodeAt(0));
  } catch {
    return undefined;
  }
}

/**
 * An id as protobuf's own JSON mapping has it, which Tempo answers and some senders write: 8 or 16 bytes with their padding,
 * by which it cannot be mistaken for hex.
 */
function parseBase64Id(text: string): Uint8Array | undefined {
  return /^([\w+/-]{22}==|[\w+/-]{11}=)$/.test(text) ? parseBase64(text) : undefined;
}

/** Reads an element that is rejected, and counts the spans in it. */
function countSpans(reader: JsonReader, unit: Unit): number {
  if (unit === 'span' || reader.peek() !== openBrace) {
    reader.skipValue();
    return unit === 'span' ? 1 : 0;
  }
  const [keys, inner] = unit === 'resourceSpans' ? scopeSpansKeys : spansKeys;
  let count = 0;
  reader.position++;
  if (reader.closes(closeBrace)) return 0;
  do {
    reader.readString();
    const isWanted = keys.includes(reader.text());
    reader.expect(colon);
    if (!isWanted || reader.peek() !== openBracket) {
      reader.skipValue();
      continue;
    }
    reader.position++;
    if (reader.closes(closeBracket)) continue;
    do count += countSpans(reader, inner);
    while (reader.continues(closeBracket));
  } while (reader.continues(closeBrace));
  return count;
}

type InnerUnit = readonly [keys: readonly string[], unit: Unit];
const scopeSpansKeys: InnerUnit = [['scopeSpans', 'scope_spans'], 'scopeSpans'];
const spansKeys: InnerUnit = [['spans'], 'span'];

/** Its outermost layer only: a value that was sent to annoy may be millions of arrays, one in the other. */
function showValue(reader: JsonReader): string {
  const byte = reader.peek();
  if (byte === openBracket || byte === openBrace) {
    const isArray = byte === openBracket;
    reader.position++;
    const isEmpty = reader.peek() === (isArray ? closeBracket : closeBrace);
    return isArray ? (isEmpty ? '[]' : '[…]') : isEmpty ? '{}' : '{…}';
  }
  if (byte === quote) {
    reader.readString();
    const text = reader.text();
    return text.length > maxShownLength ? `${JSON.stringify(text.slice(0, maxShownLength))}…` : JSON.stringify(text);
  }
  const start = reader.position;
  reader.skipValue();
  return shorten(decoder.decode(reader.bytes.subarray(start, reader.position)), maxShownLength);
}

function shorten(text: string, maxLength: number): string {
  return text.length > maxLength ? `${text.slice(0, maxLength)}…` : text;
}

const maxShownLength = 60;
const maxPathLength = 200;

const minus = 0x2d;
const point = 0x2e;
const zero = 0x30;
const nine = 0x39;
const smallE = 0x65;
const largeE = 0x45;
const letterF = 0x66;
const letterN = 0x6e;
const letterT = 0x74;

const notHex = 0xff;
/** The value of a hex digit by its byte. */
const hexValues = new Uint8Array(256).fill(notHex);
for (let value = 0; value < 16; value++) {
  const digit = value.toString(16);
  hexValues[digit.charCodeAt(0)] = value;
  hexValues[digit.toUpperCase().charCodeAt(0)] = value;
}

const decoder = new TextDecoder('utf-8', { fatal: true });

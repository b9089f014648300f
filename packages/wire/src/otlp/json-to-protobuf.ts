import { maxValueDepth } from './attribute-value.ts';
import { ByteWriter } from './byte-writer.ts';

/** The text is not an OTLP JSON request. The message names the place, such as `resourceSpans[0].scopeSpans[1].spans`. */
export class MalformedOtlpJsonError extends Error {
  override readonly name = 'MalformedOtlpJsonError';
}

/**
 * OTLP's JSON encoding of an `ExportTraceServiceRequest` as the protobuf encoding, so that one reader serves both.
 *
 * As the OTLP specification has it: ids are hex in any case, enums integers, 64-bit integers strings or numbers, bytes
 * base64, field names lowerCamelCase, and unknown fields are ignored. An id that is not hex is written as an empty one:
 * whoever reads the request then refuses that span and keeps the others.
 *
 * @param bytes UTF-8
 * @throws MalformedOtlpJsonError
 */
export function otlpJsonToProtobuf(bytes: Uint8Array): Uint8Array {
  let request: unknown;
  try {
    request = JSON.parse(decoder.decode(bytes));
  } catch (error) {
    throw new MalformedOtlpJsonError(`the body is not JSON in UTF-8: ${(error as Error).message}`);
  }
  // Protobuf is shorter than JSON but for 64-bit times written as short numbers: twice the size is a safe cap.
  const writer = new ByteWriter(Math.max(64, bytes.length), bytes.length * 2 + 1024);
  writeFields(writer, exportTraceServiceRequest, request, 'the body', 0);
  return writer.bytes.subarray(0, writer.position);
}

type ScalarType = 'string' | 'hex' | 'base64' | 'bool' | 'uint32' | 'int64' | 'double' | 'fixed32' | 'fixed64';

interface Field {
  readonly number: number;
  /** A function for a message: messages refer to each other. */
  readonly type: ScalarType | (() => Message);
  readonly repeated: boolean;
}

type Message = ReadonlyMap<string, Field>;

function message(fields: Readonly<Record<string, readonly [number, Field['type'], 'repeated'?]>>): Message {
  return new Map(
    Object.entries(fields).map(([name, [number, type, repeated]]) => [
      name,
      { number, type, repeated: repeated === 'repeated' },
    ]),
  );
}

const anyValue = message({
  stringValue: [1, 'string'],
  boolValue: [2, 'bool'],
  intValue: [3, 'int64'],
  doubleValue: [4, 'double'],
  arrayValue: [5, () => arrayValue],
  kvlistValue: [6, () => keyValueList],
  bytesValue: [7, 'base64'],
});
const arrayValue = message({ values: [1, () => anyValue, 'repeated'] });
const keyValue = message({ key: [1, 'string'], value: [2, () => anyValue] });
const keyValueList = message({ values: [1, () => keyValue, 'repeated'] });
const event = message({
  timeUnixNano: [1, 'fixed64'],
  name: [2, 'string'],
  attributes: [3, () => keyValue, 'repeated'],
  droppedAttributesCount: [4, 'uint32'],
});
const link = message({
  traceId: [1, 'hex'],
  spanId: [2, 'hex'],
  traceState: [3, 'string'],
  attributes: [4, () => keyValue, 'repeated'],
  droppedAttributesCount: [5, 'uint32'],
  flags: [6, 'fixed32'],
});
const status = message({ message: [2, 'string'], code: [3, 'uint32'] });
const span = message({
  traceId: [1, 'hex'],
  spanId: [2, 'hex'],
  traceState: [3, 'string'],
  parentSpanId: [4, 'hex'],
  name: [5, 'string'],
  kind: [6, 'uint32'],
  startTimeUnixNano: [7, 'fixed64'],
  endTimeUnixNano: [8, 'fixed64'],
  attributes: [9, () => keyValue, 'repeated'],
  droppedAttributesCount: [10, 'uint32'],
  events: [11, () => event, 'repeated'],
  droppedEventsCount: [12, 'uint32'],
  links: [13, () => link, 'repeated'],
  droppedLinksCount: [14, 'uint32'],
  status: [15, () => status],
  flags: [16, 'fixed32'],
});
const scope = message({
  name: [1, 'string'],
  version: [2, 'string'],
  attributes: [3, () => keyValue, 'repeated'],
  droppedAttributesCount: [4, 'uint32'],
});
const scopeSpans = message({ scope: [1, () => scope], spans: [2, () => span, 'repeated'], schemaUrl: [3, 'string'] });
const resource = message({
  attributes: [1, () => keyValue, 'repeated'],
  droppedAttributesCount: [2, 'uint32'],
});
const resourceSpans = message({
  resource: [1, () => resource],
  scopeSpans: [2, () => scopeSpans, 'repeated'],
  schemaUrl: [3, 'string'],
});
const exportTraceServiceRequest = message({ resourceSpans: [1, () => resourceSpans, 'repeated'] });

/** Deepest message that is not a value, and two messages a level of a nested value. */
const maxDepth = 8 + maxValueDepth * 3;

function writeFields(writer: ByteWriter, fields: Message, value: unknown, path: string, depth: number): void {
  if (depth > maxDepth) throw new MalformedOtlpJsonError(`a value is nested deeper than ${maxValueDepth}: ${path}`);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw expected('an object', value, path);
  for (const [name, content] of Object.entries(value)) {
    const field = fields.get(name);
    // A null is a field that is not set, as in protobuf's own JSON encoding.
    if (field === undefined || content === null) continue;
    const fieldPath = path === 'the body' ? name : `${path}.${name}`;
    if (!field.repeated) {
      writeField(writer, field, content, fieldPath, depth);
      continue;
    }
    if (!Array.isArray(content)) throw expected('an array', content, fieldPath);
    for (let i = 0; i < content.length; i++) writeField(writer, field, content[i], `${fieldPath}[${i}]`, depth);
  }
}

function writeField(writer: ByteWriter, field: Field, value: unknown, path: string, depth: number): void {
  const { type } = field;
  if (typeof type === 'function') {
    writer.writeVarint((field.number << 3) | 2);
    const start = writer.beginMessage(2);
    writeFields(writer, type(), value, path, depth + 1);
    writer.endMessage(start, 2);
    return;
  }
  writer.writeVarint((field.number << 3) | wireTypes[type]);
  writeScalar(writer, type, value, path);
}

const wireTypes: Readonly<Record<ScalarType, number>> = {
  string: 2,
  hex: 2,
  base64: 2,
  bool: 0,
  uint32: 0,
  int64: 0,
  double: 1,
  fixed32: 5,
  fixed64: 1,
};

function writeScalar(writer: ByteWriter, type: ScalarType, value: unknown, path: string): void {
  switch (type) {
    case 'string':
      if (typeof value !== 'string') throw expected('a string', value, path);
      writer.writeString(value);
      return;
    case 'hex':
      if (typeof value !== 'string') throw expected('an id in hex', value, path);
      writer.writeBytes(parseHex(value));
      return;
    case 'base64':
      writer.writeBytes(parseBase64(value, path));
      return;
    case 'bool':
      if (typeof value !== 'boolean') throw expected('true or false', value, path);
      writer.writeByte(value ? 1 : 0);
      return;
    case 'uint32':
      writer.writeVarint(parseUint32(value, path));
      return;
    case 'fixed32':
      writer.writeFixed32(parseUint32(value, path));
      return;
    case 'int64':
      writer.writeBigInt64(parseInteger(value, path, -(2n ** 63n), 2n ** 63n - 1n));
      return;
    case 'fixed64': {
      const time = parseInteger(value, path, 0n, 2n ** 64n - 1n);
      writer.writeFixed64(Number(time & 0xffff_ffffn), Number(time >> 32n));
      return;
    }
    case 'double':
      writer.writeDouble(parseDouble(value, path));
  }
}

const noBytes = new Uint8Array(0);

function parseHex(text: string): Uint8Array {
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) return noBytes;
  return Uint8Array.from({ length: text.length / 2 }, (_, i) => Number.parseInt(text.slice(2 * i, 2 * i + 2), 16));
}

function parseBase64(value: unknown, path: string): Uint8Array {
  if (typeof value !== 'string') throw expected('base64', value, path);
  try {
    // Protobuf's JSON encoding takes the URL-safe alphabet as well.
    return Uint8Array.from(atob(value.replaceAll('-', '+').replaceAll('_', '/')), (letter) => letter.charCodeAt(0));
  } catch {
    throw expected('base64', value, path);
  }
}

function parseUint32(value: unknown, path: string): number {
  return Number(parseInteger(value, path, 0n, 0xffff_ffffn));
}

function parseInteger(value: unknown, path: string, min: bigint, max: bigint): bigint {
  const isInteger =
    typeof value === 'number' ? Number.isInteger(value) : typeof value === 'string' && /^-?\d{1,20}$/.test(value);
  if (!isInteger) throw expected('an integer', value, path);
  const integer = BigInt(value as number | string);
  if (integer < min || integer > max) throw expected(`an integer from ${min} to ${max}`, value, path);
  return integer;
}

function parseDouble(value: unknown, path: string): number {
  if (typeof value === 'number') return value;
  const isText = typeof value === 'string' && /^(NaN|-?Infinity|-?\d+(\.\d+)?([eE][+-]?\d+)?)$/.test(value);
  if (!isText) throw expected('a number', value, path);
  return Number(value);
}

function expected(what: string, value: unknown, path: string): MalformedOtlpJsonError {
  return new MalformedOtlpJsonError(`${path} must be ${what}; got ${show(value)}`);
}

/** Its outermost layer only: a value that was sent to annoy may be millions of arrays, one in the other. */
function show(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? '[]' : '[…]';
  if (typeof value === 'object' && value !== null) return Object.keys(value).length === 0 ? '{}' : '{…}';
  if (typeof value !== 'string') return String(value);
  return value.length > 60 ? `${JSON.stringify(value.slice(0, 60))}…` : JSON.stringify(value);
}

const decoder = new TextDecoder('utf-8', { fatal: true });

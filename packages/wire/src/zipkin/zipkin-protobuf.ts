import { ProtobufReader } from '../otlp/protobuf-reader.ts';
import { InvalidSpanError } from '../otlp/trace-request-builder.ts';
import {
  checkParentId,
  checkSpanId,
  checkTimes,
  checkTraceId,
  noEndpoint,
  type ZipkinAnnotation,
  type ZipkinEndpoint,
  type ZipkinSpan,
} from './zipkin-span.ts';

/**
 * The spans of a `zipkin.proto3.ListOfSpans` (`repeated Span spans = 1`), each as a function that reads it: what is
 * malformed inside one span does not cost the others.
 *
 * @throws MalformedProtobufError when the list itself is malformed
 */
export function* listZipkinProtobufSpans(bytes: Uint8Array): Generator<{ read: () => ZipkinSpan; length: number }> {
  const reader = new ProtobufReader(bytes);
  while (reader.position < bytes.length) {
    const tag = reader.readVarint32(bytes.length);
    if (tag !== 0x0a) {
      reader.skip(tag, bytes.length);
      continue;
    }
    const end = reader.readLength(bytes.length);
    const span = bytes.subarray(reader.position, end);
    yield { read: () => readSpan(new ProtobufReader(span), span.length), length: span.length };
    reader.position = end;
  }
}

/**
 * | field | Span | type | tag |
 * |---|---|---|---|
 * | 1 | trace_id | bytes, 8 or 16 | 0a |
 * | 2 | parent_id | bytes, 8 | 12 |
 * | 3 | id | bytes, 8 | 1a |
 * | 4 | kind | 1 client, 2 server, 3 producer, 4 consumer | 20 |
 * | 5 | name | string | 2a |
 * | 6 | timestamp | fixed64, microseconds | 31 |
 * | 7 | duration | uint64, microseconds | 38 |
 * | 8, 9 | local_endpoint, remote_endpoint | Endpoint | 42, 4a |
 * | 10 | annotations | Annotation { 1 timestamp: fixed64, 2 value: string } | 52 |
 * | 11 | tags | map: { 1 key: string, 2 value: string } | 5a |
 * | 12, 13 | debug, shared | bool | 60, 68 |
 */
function readSpan(reader: ProtobufReader, end: number): ZipkinSpan {
  let traceId = '';
  let parentId = '';
  let id = '';
  let kind = 0;
  let name = '';
  let timestampUs: number | undefined;
  let durationUs = 0;
  let localEndpoint = noEndpoint;
  let remoteEndpoint = noEndpoint;
  const annotations: ZipkinAnnotation[] = [];
  const tags: string[] = [];
  let isDebug = false;
  let isShared = false;
  while (reader.position < end) {
    const tag = reader.readVarint32(end);
    switch (tag) {
      case 0x0a:
        traceId = readHex(reader, end);
        break;
      case 0x12:
        parentId = readHex(reader, end);
        break;
      case 0x1a:
        id = readHex(reader, end);
        break;
      case 0x20:
        kind = reader.readVarint32(end);
        break;
      case 0x2a:
        name = readText(reader, end);
        break;
      case 0x31:
        timestampUs = join(reader.readFixed64(end), reader.high) || undefined;
        break;
      case 0x38:
        durationUs = join(reader.readVarint64(end), reader.high);
        break;
      case 0x42:
        localEndpoint = readEndpoint(reader, reader.readLength(end));
        break;
      case 0x4a:
        remoteEndpoint = readEndpoint(reader, reader.readLength(end));
        break;
      case 0x52:
        annotations.push(readAnnotation(reader, reader.readLength(end)));
        checkCount(annotations.length, 'annotations');
        break;
      case 0x5a:
        readTag(reader, reader.readLength(end), tags);
        checkCount(tags.length / 2, 'tags');
        break;
      case 0x60:
        isDebug = reader.readVarint32(end) !== 0;
        break;
      case 0x68:
        isShared = reader.readVarint32(end) !== 0;
        break;
      default:
        reader.skip(tag, end);
    }
  }
  checkTimes(timestampUs, durationUs);
  return {
    traceId: checkTraceId(traceId),
    id: checkSpanId(id),
    parentId: checkParentId(parentId),
    kind: kind === 0 ? undefined : (otlpKinds[kind] ?? 0),
    name,
    timestampUs,
    durationUs,
    localEndpoint,
    remoteEndpoint,
    annotations,
    tags,
    isDebug,
    isShared,
  };
}

/** An empty one takes two bytes here and fifty when it is read: a request must not become gigabytes. */
function checkCount(count: number, what: string): void {
  if (count > maxCount) throw new InvalidSpanError(`a span has more than ${maxCount} ${what}`);
}

const maxCount = 100_000;

/** OTLP's SpanKind by Zipkin's. */
const otlpKinds: readonly number[] = [0, 3, 2, 4, 5];

/** `Endpoint { 1 service_name: string, 2 ipv4: bytes, 3 ipv6: bytes, 4 port: int32 }` */
function readEndpoint(reader: ProtobufReader, end: number): ZipkinEndpoint {
  let serviceName = '';
  let ipv4 = '';
  let ipv6 = '';
  let port = 0;
  while (reader.position < end) {
    const tag = reader.readVarint32(end);
    if (tag === 0x0a) serviceName = readText(reader, end);
    else if (tag === 0x12) ipv4 = ipv4Of(readBytes(reader, end));
    else if (tag === 0x1a) ipv6 = ipv6Of(readHex(reader, end));
    else if (tag === 0x20) port = reader.readVarint32(end);
    else reader.skip(tag, end);
  }
  return { serviceName, address: ipv4 || ipv6, port: port <= 65_535 ? port : 0 };
}

function readAnnotation(reader: ProtobufReader, end: number): ZipkinAnnotation {
  let timestampUs: number | undefined;
  let value = '';
  while (reader.position < end) {
    const tag = reader.readVarint32(end);
    if (tag === 0x09) timestampUs = join(reader.readFixed64(end), reader.high) || undefined;
    else if (tag === 0x12) value = readText(reader, end);
    else reader.skip(tag, end);
  }
  checkTimes(timestampUs, 0);
  return { timestampUs, value };
}

function readTag(reader: ProtobufReader, end: number, tags: string[]): void {
  let key = '';
  let value = '';
  while (reader.position < end) {
    const tag = reader.readVarint32(end);
    if (tag === 0x0a) key = readText(reader, end);
    else if (tag === 0x12) value = readText(reader, end);
    else reader.skip(tag, end);
  }
  tags.push(key, value);
}

function ipv4Of(bytes: Uint8Array): string {
  return bytes.length === 4 ? bytes.join('.') : '';
}

/** RFC 5952: the longest run of zeros is left out, the first of several that are as long. */
function ipv6Of(hex: string): string {
  if (hex.length !== 32) return '';
  const groups = Array.from({ length: 8 }, (_, i) => Number.parseInt(hex.slice(4 * i, 4 * i + 4), 16).toString(16));
  const zeros = groups.join(':').match(/\b0(:0)+\b/g) ?? [];
  const longest = zeros.reduce((best, run) => (run.length > best.length ? run : best), '');
  if (longest === '') return groups.join(':');
  return groups.join(':').replace(new RegExp(`(^|:)${longest}(:|$)`), '::');
}

function readBytes(reader: ProtobufReader, end: number): Uint8Array {
  const contentEnd = reader.readLength(end);
  const bytes = reader.bytes.subarray(reader.position, contentEnd);
  reader.position = contentEnd;
  return bytes;
}

function readText(reader: ProtobufReader, end: number): string {
  return decoder.decode(readBytes(reader, end));
}

/** Of an id or an address; what is longer than any is refused before its digits are made. */
function readHex(reader: ProtobufReader, end: number): string {
  const bytes = readBytes(reader, end);
  if (bytes.length > 16) throw new InvalidSpanError(`an id or address of ${bytes.length} bytes; 16 are the most`);
  let hex = '';
  for (const byte of bytes) hex += byte.toString(16).padStart(2, '0');
  return hex;
}

/** An unsigned 64-bit number; beyond 2^53 it is not exact, and not a time that is taken. */
function join(low: number, high: number): number {
  return high * 0x1_0000_0000 + low;
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

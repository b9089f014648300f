import { ProtobufReader } from '../otlp/protobuf-reader.ts';
import { type ConvertedSpans, InvalidSpanError, TraceRequestBuilder } from '../otlp/trace-request-builder.ts';
import { type AttributeValue, Double } from '../otlp/write-attributes.ts';
import { ElementCounts } from '../request-limits.ts';
import {
  convertJaegerSpan,
  type JaegerLog,
  type JaegerProcess,
  type JaegerReference,
  type JaegerSpan,
  resourceOfProcess,
} from './jaeger-span.ts';

/**
 * A `PostSpansRequest`, which Jaeger's collector takes over gRPC (jaeger-idl, `proto/api_v2`).
 *
 * ```
 * PostSpansRequest  1 Batch
 * Batch             1 Span*, 2 Process
 * Process           1 service_name string, 2 KeyValue*
 * Span              1 trace_id bytes, 2 span_id bytes, 3 operation_name string, 4 SpanRef*, 5 flags uint32,
 *                   6 start_time Time, 7 duration Time, 8 KeyValue*, 9 Log*, 10 Process (before that of the batch),
 *                   12 warnings string*
 * SpanRef           1 trace_id bytes, 2 span_id bytes, 3 ref_type (0 CHILD_OF, 1 FOLLOWS_FROM)
 * Log               1 timestamp Time, 2 KeyValue*
 * KeyValue          1 key string, 2 v_type (0 string, 1 bool, 2 int64, 3 float64, 4 binary),
 *                   3 v_str, 4 v_bool, 5 v_int64, 6 v_float64 double, 7 v_binary
 * Time              1 seconds int64, 2 nanos int32          (Timestamp and Duration)
 * ```
 *
 * @throws MalformedProtobufError, RefusedSpansError, TooManyElementsError
 */
export function jaegerProtobufToOtlp(bytes: Uint8Array): ConvertedSpans {
  const reader = new RequestReader(bytes);
  const builder = new TraceRequestBuilder();
  readFields(reader, bytes.length, (tag, end) => {
    if (tag !== 0x0a) return false;
    readBatch(reader, reader.readLength(end), builder);
    return true;
  });
  return builder.take();
}

/** An element takes two bytes in a request, and fifty as an object: they are counted as they are read. */
class RequestReader extends ProtobufReader {
  readonly counts: ElementCounts = new ElementCounts();
}

function readBatch(reader: RequestReader, end: number, builder: TraceRequestBuilder): void {
  reader.counts.add('resources');
  const start = reader.position;
  let process: JaegerProcess = { serviceName: '', tags: [] };
  // The process stands behind its spans, as a rule.
  readFields(reader, end, (tag) => {
    if (tag !== 0x12) return false;
    process = readProcess(reader, reader.readLength(end));
    return true;
  });
  const resource = resourceOfProcess(process);
  reader.position = start;
  readFields(reader, end, (tag) => {
    if (tag !== 0x0a) return false;
    const { span, process: own } = readSpan(reader, reader.readLength(end));
    builder.add(() => {
      checkId(span.traceId, 32, 'trace_id');
      checkId(span.spanId, 16, 'span_id');
      return convertJaegerSpan(span, own === undefined ? resource : resourceOfProcess(own));
    });
    return true;
  });
}

/** Calls `read` behind each tag; a field for which it gives false, without having read it, is skipped. */
function readFields(reader: RequestReader, end: number, read: (tag: number, end: number) => boolean): void {
  while (reader.position < end) {
    const tag = reader.readVarint32(end);
    if (!read(tag, end)) reader.skip(tag, end);
  }
}

function readProcess(reader: RequestReader, messageEnd: number): JaegerProcess {
  // A span may name its own.
  reader.counts.add('attributes');
  const tags: AttributeValue[] = [];
  let serviceName = '';
  readFields(reader, messageEnd, (tag, end) => {
    if (tag === 0x0a) serviceName = readText(reader, end);
    else if (tag === 0x12) readKeyValue(reader, reader.readLength(end), tags);
    else return false;
    return true;
  });
  return { serviceName, tags };
}

function readSpan(
  reader: RequestReader,
  messageEnd: number,
): { readonly span: JaegerSpan; readonly process: JaegerProcess | undefined } {
  reader.counts.add('spans');
  const references: JaegerReference[] = [];
  const tags: AttributeValue[] = [];
  const logs: JaegerLog[] = [];
  const warnings: string[] = [];
  let traceId = '';
  let spanId = '';
  let operationName = '';
  let flags = 0;
  let startNs = 0n;
  let durationNs = 0n;
  let process: JaegerProcess | undefined;
  readFields(reader, messageEnd, (tag, end) => {
    switch (tag) {
      case 0x0a:
        traceId = readTraceId(reader, end);
        return true;
      case 0x12:
        spanId = readHex(reader, end);
        return true;
      case 0x1a:
        operationName = readText(reader, end);
        return true;
      case 0x22:
        references.push(readReference(reader, reader.readLength(end)));
        return true;
      case 0x28:
        flags = reader.readVarint32(end);
        return true;
      case 0x32:
        startNs = readTimeNs(reader, reader.readLength(end));
        return true;
      case 0x3a:
        durationNs = readTimeNs(reader, reader.readLength(end));
        return true;
      case 0x42:
        readKeyValue(reader, reader.readLength(end), tags);
        return true;
      case 0x4a:
        logs.push(readLog(reader, reader.readLength(end)));
        return true;
      case 0x52:
        process = readProcess(reader, reader.readLength(end));
        return true;
      case 0x62:
        reader.counts.add('attributes');
        warnings.push(readText(reader, end));
        return true;
      default:
        return false;
    }
  });
  // Where Jaeger itself keeps them when it stores a span as OTLP.
  if (warnings.length > 0) tags.push('@jaeger@warnings', warnings);
  const ids = { traceId, spanId, parentSpanId: noParent };
  return { span: { ...ids, operationName, references, flags, startNs, durationNs, tags, logs }, process };
}

/** The parent is among the references. */
const noParent = '0000000000000000';

function readReference(reader: RequestReader, messageEnd: number): JaegerReference {
  reader.counts.add('links');
  let traceId = '';
  let spanId = '';
  let type: JaegerReference['type'] = 'child_of';
  readFields(reader, messageEnd, (tag, end) => {
    if (tag === 0x0a) traceId = readTraceId(reader, end);
    else if (tag === 0x12) spanId = readHex(reader, end);
    else if (tag === 0x18) type = reader.readVarint32(end) === 0 ? 'child_of' : 'follows_from';
    else return false;
    return true;
  });
  // One whose ids are none points nowhere, like one of zeros.
  const isWhole = traceId.length === 32 && spanId.length === 16;
  return isWhole ? { type, traceId, spanId } : { type, traceId: '', spanId: '' };
}

function readLog(reader: RequestReader, messageEnd: number): JaegerLog {
  reader.counts.add('events');
  const fields: AttributeValue[] = [];
  let timeNs = 0n;
  readFields(reader, messageEnd, (tag, end) => {
    if (tag === 0x0a) timeNs = readTimeNs(reader, reader.readLength(end));
    else if (tag === 0x12) readKeyValue(reader, reader.readLength(end), fields);
    else return false;
    return true;
  });
  return { timeNs, fields };
}

/** Appends key and value: the value that the type names, which a writer leaves out when it is the type's default. */
function readKeyValue(reader: RequestReader, messageEnd: number, tags: AttributeValue[]): void {
  reader.counts.add('attributes');
  let key = '';
  let type = 0;
  let text = '';
  let truth = false;
  let integer = 0n;
  let number = 0;
  let binary: Uint8Array = noBytes;
  readFields(reader, messageEnd, (tag, end) => {
    switch (tag) {
      case 0x0a:
        key = readText(reader, end);
        return true;
      case 0x10:
        type = reader.readVarint32(end);
        return true;
      case 0x1a:
        text = readText(reader, end);
        return true;
      case 0x20:
        truth = reader.readVarint32(end) !== 0;
        return true;
      case 0x28:
        integer = readInt64(reader, end);
        return true;
      case 0x31:
        number = reader.readDouble(end);
        return true;
      case 0x3a:
        binary = readBytes(reader, end);
        return true;
      default:
        return false;
    }
  });
  tags.push(key, type === 0 ? text : [text, truth, integer, new Double(number), binary][type]);
}

function readTimeNs(reader: RequestReader, messageEnd: number): bigint {
  let seconds = 0n;
  let nanos = 0n;
  readFields(reader, messageEnd, (tag, end) => {
    if (tag === 0x08) seconds = readInt64(reader, end);
    else if (tag === 0x10) nanos = readInt64(reader, end);
    else return false;
    return true;
  });
  return seconds * 1_000_000_000n + nanos;
}

function readInt64(reader: RequestReader, end: number): bigint {
  const low = reader.readVarint64(end);
  return BigInt.asIntN(64, (BigInt(reader.high) << 32n) | BigInt(low));
}

/** Trace ids of 64 bits get the zeros in front that Jaeger itself shows them with. */
function readTraceId(reader: RequestReader, end: number): string {
  const hex = readHex(reader, end);
  return hex.length === 16 ? hex.padStart(32, '0') : hex;
}

/** Of bytes that are too many for any id, the first ones: enough to see in a message what is wrong. */
function readHex(reader: RequestReader, end: number): string {
  const id = readBytes(reader, end).subarray(0, 32);
  return Array.from(id, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function readText(reader: RequestReader, end: number): string {
  return utf8.decode(readBytes(reader, end));
}

/** As a view of the message. */
function readBytes(reader: RequestReader, end: number): Uint8Array {
  const contentEnd = reader.readLength(end);
  const bytes = reader.bytes.subarray(reader.position, contentEnd);
  reader.position = contentEnd;
  return bytes;
}

function checkId(id: string, digits: number, name: string): void {
  if (id.length === digits) return;
  throw new InvalidSpanError(`${name} must be ${digits / 2} bytes; got ${id.length / 2} bytes, ${id || 'nothing'}`);
}

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });
const noBytes: Uint8Array = new Uint8Array(0);

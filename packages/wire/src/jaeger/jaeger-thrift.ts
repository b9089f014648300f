import { type ConvertedSpans, TraceRequestBuilder } from '../otlp/trace-request-builder.ts';
import { type AttributeValue, Double, type FlatAttributes } from '../otlp/write-attributes.ts';
import { ElementCounts } from '../request-limits.ts';
import {
  convertJaegerSpan,
  type JaegerLog,
  type JaegerProcess,
  type JaegerReference,
  type JaegerSpan,
  resourceOfProcess,
} from './jaeger-span.ts';
import { ThriftReader, thriftField, thriftTypes } from './thrift-reader.ts';

const { bool, double, i32, i64, list, string, struct } = thriftTypes;

/**
 * A body of `POST /api/traces?format=jaeger.thrift`, in Thrift's binary protocol: a `Batch`. It may stand in a call
 * (`emitBatch(Batch)`, `submitBatches(list<Batch>)`), with a strict header or the old one without a version, as the
 * clients send it to an agent.
 *
 * ```
 * Batch    1 Process, 2 list<Span>                  Process  1 serviceName, 2 list<Tag>
 * Span     1 traceIdLow i64, 2 traceIdHigh i64, 3 spanId i64, 4 parentSpanId i64, 5 operationName string,
 *          6 list<SpanRef>, 7 flags i32, 8 startTime i64 us, 9 duration i64 us, 10 list<Tag>, 11 list<Log>
 * SpanRef  1 refType i32 (0 CHILD_OF, 1 FOLLOWS_FROM), 2 traceIdLow i64, 3 traceIdHigh i64, 4 spanId i64
 * Log      1 timestamp i64 us, 2 list<Tag>
 * Tag      1 key string, 2 vType i32, 3 vStr string, 4 vDouble double, 5 vBool bool, 6 vLong i64, 7 vBinary binary
 * ```
 *
 * @throws MalformedThriftError, RefusedSpansError, TooManyElementsError
 */
export function jaegerThriftToOtlp(bytes: Uint8Array): ConvertedSpans {
  const reader = new BatchReader(bytes);
  const builder = new TraceRequestBuilder();
  if (skipMessageHeader(reader)) {
    reader.readStruct((field) => {
      if (field === thriftField(1, struct)) readBatch(reader, builder);
      else if (field === thriftField(1, list)) reader.readStructs(fewestBytes.batch, () => readBatch(reader, builder));
      else return false;
      return true;
    });
  } else readBatch(reader, builder);
  return builder.take();
}

/** Of structs that have only what is required: a field takes three bytes and its value, the end of a struct one. */
const fewestBytes = { batch: 20, span: 81, reference: 41, log: 20, tag: 15 } as const;

const strictVersion = 0x8001;

/**
 * A strict header begins with the version, whose first byte is no type of a field; the old one with the length of the
 * method's name, whose first byte is 0 and would end a Batch before it has begun.
 */
function skipMessageHeader(reader: BatchReader): boolean {
  const { bytes, view } = reader;
  if (bytes.length < 4) return false;
  if (view.getUint16(0) === strictVersion) {
    reader.position = 4;
    reader.readBinary();
  } else if (bytes[0] === 0) {
    reader.readBinary();
    reader.readI8();
  } else return false;
  reader.readI32();
  return true;
}

/** A struct may take one byte, and an object takes fifty: structs are counted as they are read. */
class BatchReader extends ThriftReader {
  readonly counts: ElementCounts = new ElementCounts();
}

function readBatch(reader: BatchReader, builder: TraceRequestBuilder): void {
  reader.counts.add('resources');
  const start = reader.position;
  let process: JaegerProcess = { serviceName: '', tags: [] };
  // Fields come in any order: the process may legally stand behind its spans.
  reader.readStruct((field) => {
    if (field !== thriftField(1, struct)) return false;
    process = readProcess(reader);
    return true;
  });
  const end = reader.position;
  const resource = resourceOfProcess(process);
  reader.position = start;
  reader.readStruct((field) => {
    if (field !== thriftField(2, list)) return false;
    reader.readStructs(fewestBytes.span, () => {
      const span = readSpan(reader);
      builder.add(() => convertJaegerSpan(span, resource));
    });
    return true;
  });
  reader.position = end;
}

function readProcess(reader: BatchReader): JaegerProcess {
  let serviceName = '';
  let tags: FlatAttributes = [];
  reader.readStruct((field) => {
    if (field === thriftField(1, string)) serviceName = reader.readString();
    else if (field === thriftField(2, list)) tags = readTags(reader);
    else return false;
    return true;
  });
  return { serviceName, tags };
}

function readSpan(reader: BatchReader): JaegerSpan {
  reader.counts.add('spans');
  let traceIdLow = noId;
  let traceIdHigh = noId;
  let spanId = noId;
  let parentSpanId = noId;
  let operationName = '';
  const references: JaegerReference[] = [];
  let flags = 0;
  let startNs = 0n;
  let durationNs = 0n;
  let tags: FlatAttributes = [];
  const logs: JaegerLog[] = [];
  reader.readStruct((field) => {
    switch (field) {
      case thriftField(1, i64):
        traceIdLow = reader.readI64Hex();
        return true;
      case thriftField(2, i64):
        traceIdHigh = reader.readI64Hex();
        return true;
      case thriftField(3, i64):
        spanId = reader.readI64Hex();
        return true;
      case thriftField(4, i64):
        parentSpanId = reader.readI64Hex();
        return true;
      case thriftField(5, string):
        operationName = reader.readString();
        return true;
      case thriftField(6, list):
        reader.readStructs(fewestBytes.reference, () => references.push(readReference(reader)));
        return true;
      case thriftField(7, i32):
        flags = reader.readI32();
        return true;
      case thriftField(8, i64):
        startNs = reader.readI64() * 1_000n;
        return true;
      case thriftField(9, i64):
        durationNs = reader.readI64() * 1_000n;
        return true;
      case thriftField(10, list):
        tags = readTags(reader);
        return true;
      case thriftField(11, list):
        reader.readStructs(fewestBytes.log, () => logs.push(readLog(reader)));
        return true;
      default:
        return false;
    }
  });
  const traceId = traceIdHigh + traceIdLow;
  return { traceId, spanId, parentSpanId, operationName, references, flags, startNs, durationNs, tags, logs };
}

const noId = '0000000000000000';

function readReference(reader: BatchReader): JaegerReference {
  reader.counts.add('links');
  let type = 0;
  let traceIdLow = noId;
  let traceIdHigh = noId;
  let spanId = noId;
  reader.readStruct((field) => {
    if (field === thriftField(1, i32)) type = reader.readI32();
    else if (field === thriftField(2, i64)) traceIdLow = reader.readI64Hex();
    else if (field === thriftField(3, i64)) traceIdHigh = reader.readI64Hex();
    else if (field === thriftField(4, i64)) spanId = reader.readI64Hex();
    else return false;
    return true;
  });
  return { type: type === 0 ? 'child_of' : 'follows_from', traceId: traceIdHigh + traceIdLow, spanId };
}

function readLog(reader: BatchReader): JaegerLog {
  reader.counts.add('events');
  let timeNs = 0n;
  let fields: FlatAttributes = [];
  reader.readStruct((field) => {
    if (field === thriftField(1, i64)) timeNs = reader.readI64() * 1_000n;
    else if (field === thriftField(2, list)) fields = readTags(reader);
    else return false;
    return true;
  });
  return { timeNs, fields };
}

function readTags(reader: BatchReader): AttributeValue[] {
  const tags: AttributeValue[] = [];
  reader.readStructs(fewestBytes.tag, () => readTag(reader, tags));
  return tags;
}

/** A tag has the value that its type names; a writer that leaves the value out means the type's default. */
function readTag(reader: BatchReader, tags: AttributeValue[]): void {
  reader.counts.add('attributes');
  let key = '';
  let type = 0;
  let text = '';
  let number = 0;
  let truth = false;
  let integer = 0n;
  let binary = noBytes;
  reader.readStruct((field) => {
    switch (field) {
      case thriftField(1, string):
        key = reader.readString();
        return true;
      case thriftField(2, i32):
        type = reader.readI32();
        return true;
      case thriftField(3, string):
        text = reader.readString();
        return true;
      case thriftField(4, double):
        number = reader.readDouble();
        return true;
      case thriftField(5, bool):
        truth = reader.readBool();
        return true;
      case thriftField(6, i64):
        integer = reader.readI64();
        return true;
      case thriftField(7, string):
        binary = reader.readBinary();
        return true;
      default:
        return false;
    }
  });
  tags.push(key, type === 0 ? text : [text, new Double(number), truth, integer, binary][type]);
}

const noBytes: Uint8Array = new Uint8Array(0);

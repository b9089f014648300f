import { type AnyValue, ProtobufReader, readAnyValue } from '@clew/wire';

/** A span of an OTLP export, as far as the shop's tests look at it. */
export interface ExportedSpan {
  readonly service: string;
  /** `service.version` of the resource. */
  readonly version: string;
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for a root. */
  readonly parentSpanId: string;
  readonly name: string;
  /** 1 internal, 2 server, 3 client. */
  readonly kind: number;
  /** Unix nanoseconds. */
  readonly startNs: bigint;
  readonly endNs: bigint;
  /** 0 unset, 1 ok, 2 error. */
  readonly statusCode: number;
  /** Of strings and integers, as text. */
  readonly attributes: ReadonlyMap<string, string>;
}

/** Field number and content: bytes of length-delimited fields, a number of all others. */
type Field = readonly [number: number, content: Uint8Array | bigint];

function readFields(bytes: Uint8Array): Field[] {
  const reader = new ProtobufReader(bytes);
  const fields: Field[] = [];
  const join = (low: number) => (BigInt(reader.high) << 32n) | BigInt(low);
  while (reader.position < bytes.length) {
    const tag = reader.readVarint32(bytes.length);
    const number = tag >>> 3;
    if ((tag & 7) === 0) fields.push([number, join(reader.readVarint64(bytes.length))]);
    else if ((tag & 7) === 1) fields.push([number, join(reader.readFixed64(bytes.length))]);
    else if ((tag & 7) === 5) fields.push([number, BigInt(reader.readFixed32(bytes.length))]);
    else {
      const end = reader.readLength(bytes.length);
      fields.push([number, bytes.subarray(reader.position, end)]);
      reader.position = end;
    }
  }
  return fields;
}

function messages(fields: readonly Field[], number: number): Uint8Array[] {
  return fields.filter(([each]) => each === number).map(([, content]) => content as Uint8Array);
}

function numberOf(fields: readonly Field[], number: number): bigint {
  return (fields.find(([each]) => each === number)?.[1] as bigint | undefined) ?? 0n;
}

function bytesOf(fields: readonly Field[], number: number): Buffer {
  return Buffer.from(messages(fields, number)[0] ?? []);
}

function textOf(value: AnyValue): string | undefined {
  return value.type === 'string' || value.type === 'int' ? String(value.value) : undefined;
}

/** KeyValue { 1 key, 2 value } */
function readAttributes(entries: readonly Uint8Array[]): Map<string, string> {
  const attributes = new Map<string, string>();
  for (const entry of entries) {
    const fields = readFields(entry);
    const text = textOf(readAnyValue(bytesOf(fields, 2)));
    if (text !== undefined) attributes.set(bytesOf(fields, 1).toString(), text);
  }
  return attributes;
}

/**
 * The spans of ExportTraceServiceRequest messages.
 *
 * ```
 * ExportTraceServiceRequest  1 ResourceSpans   ResourceSpans  1 Resource { 1 attributes }, 2 ScopeSpans { 2 Span }
 * Span  1 trace_id  2 span_id  4 parent_span_id  5 name  6 kind  7 start  8 end  9 attributes  15 Status { 3 code }
 * ```
 */
export function readExportedSpans(bodies: readonly Uint8Array[]): ExportedSpan[] {
  const spans: ExportedSpan[] = [];
  for (const resourceSpans of bodies.flatMap((body) => messages(readFields(body), 1))) {
    const fields = readFields(resourceSpans);
    const resource = readAttributes(messages(readFields(bytesOf(fields, 1)), 1));
    for (const span of messages(fields, 2).flatMap((scopeSpans) => messages(readFields(scopeSpans), 2))) {
      const spanFields = readFields(span);
      spans.push({
        service: resource.get('service.name') ?? '',
        version: resource.get('service.version') ?? '',
        traceId: bytesOf(spanFields, 1).toString('hex'),
        spanId: bytesOf(spanFields, 2).toString('hex'),
        parentSpanId: bytesOf(spanFields, 4).toString('hex'),
        name: bytesOf(spanFields, 5).toString(),
        kind: Number(numberOf(spanFields, 6)),
        startNs: numberOf(spanFields, 7),
        endNs: numberOf(spanFields, 8),
        statusCode: Number(numberOf(readFields(bytesOf(spanFields, 15)), 3)),
        attributes: readAttributes(messages(spanFields, 9)),
      });
    }
  }
  return spans;
}

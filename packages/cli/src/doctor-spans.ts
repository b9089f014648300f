import { type SpanKindName, spanKindNames } from '@clew/model';

/** What the doctor looks at of a span. Times are nanoseconds since the epoch. */
export interface DoctorSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for a root. */
  readonly parentSpanId: string;
  /** Whether the parent is known to be in another process. */
  readonly hasRemoteParent: boolean;
  readonly name: string;
  readonly kind: SpanKindName;
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly attributes: ReadonlyMap<string, string>;
  /** The instrumentation that made it. */
  readonly scope: string;
  readonly service: string;
  /** Tells processes apart: `service.instance.id`, else the pid. */
  readonly instance: string;
}

// Of OTLP's span flags: whether it is known where the parent is, and whether that is elsewhere.
const parentIsRemote = 0x300n;

/**
 * The spans of an `ExportTraceServiceRequest`, of which only these fields are read:
 *
 * ```
 * ExportTraceServiceRequest  resource_spans 1
 * ResourceSpans              resource 1, scope_spans 2            Resource  attributes 1
 * ScopeSpans                 scope 1, spans 2                     Scope     name 1
 * Span   trace_id 1  span_id 2  parent_span_id 4  name 5  kind 6  start 7  end 8  attributes 9  flags 16
 * KeyValue  key 1, value 2   AnyValue  string 1, bool 2, int 3
 * ```
 *
 * @throws {RangeError} when the bytes are no such message.
 */
export function readSpans(request: Buffer): DoctorSpan[] {
  return fieldsOf(request)
    .messages(1)
    .flatMap((resourceSpans) => {
      const resource = readAttributes(resourceSpans.messages(1)[0]?.messages(1) ?? []);
      return resourceSpans.messages(2).flatMap((scopeSpans) => {
        const scope = scopeSpans.messages(1)[0]?.text(1) ?? '';
        return scopeSpans.messages(2).map((span) => readSpan(span, scope, resource));
      });
    });
}

function readSpan(span: Fields, scope: string, resource: ReadonlyMap<string, string>): DoctorSpan {
  return {
    traceId: span.bytes(1).toString('hex'),
    spanId: span.bytes(2).toString('hex'),
    parentSpanId: span.bytes(4).toString('hex'),
    hasRemoteParent: (span.integer(16) & parentIsRemote) === parentIsRemote,
    name: span.text(5),
    kind: spanKindNames[Number(span.integer(6))] ?? 'unspecified',
    startNs: span.integer(7),
    endNs: span.integer(8),
    attributes: readAttributes(span.messages(9)),
    scope,
    service: resource.get('service.name') ?? '',
    instance: resource.get('service.instance.id') ?? resource.get('process.pid') ?? '',
  };
}

function readAttributes(entries: readonly Fields[]): Map<string, string> {
  return new Map(
    entries.map((entry) => {
      const value = entry.messages(2)[0];
      return [entry.text(1), value === undefined ? '' : value.text(1) || String(value.integer(3))];
    }),
  );
}

interface Fields {
  messages(number: number): Fields[];
  bytes(number: number): Buffer;
  text(number: number): string;
  integer(number: number): bigint;
}

/** One protobuf message: its fields by number. */
function fieldsOf(bytes: Buffer): Fields {
  const fields = new Map<number, (bigint | Buffer)[]>();
  let position = 0;
  const readVarint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes.readUInt8(position++);
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  const readBytes = (length: number): Buffer => {
    position += length;
    if (position > bytes.length) throw new RangeError('a field of the message is cut off');
    return bytes.subarray(position - length, position);
  };
  const readValue = (wireType: number): bigint | Buffer => {
    if (wireType === 0) return readVarint();
    if (wireType === 1) return readBytes(8).readBigUInt64LE();
    if (wireType === 2) return readBytes(Number(readVarint()));
    if (wireType === 5) return BigInt(readBytes(4).readUInt32LE());
    throw new RangeError(`the message has a field of wire type ${wireType}`);
  };
  while (position < bytes.length) {
    const tag = Number(readVarint());
    const values = fields.get(tag >>> 3) ?? [];
    values.push(readValue(tag & 7));
    fields.set(tag >>> 3, values);
  }
  const all = (number: number): (bigint | Buffer)[] => fields.get(number) ?? [];
  const bytesOf = (number: number): Buffer => {
    const value = all(number).at(-1);
    return value instanceof Buffer ? value : Buffer.alloc(0);
  };
  return {
    messages: (number) => all(number).flatMap((value) => (value instanceof Buffer ? [fieldsOf(value)] : [])),
    bytes: bytesOf,
    text: (number) => bytesOf(number).toString('utf8'),
    integer: (number) => {
      const value = all(number).at(-1);
      return typeof value === 'bigint' ? value : 0n;
    },
  };
}

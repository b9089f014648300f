import { type AnyValue, type KeyValue, readAnyValue } from './attribute-value.ts';
import { ProtobufReader } from './protobuf-reader.ts';

/** The spans of one resource. */
export interface ReadResourceSpans {
  readonly attributes: readonly KeyValue[];
  readonly droppedAttributes: number;
  readonly schemaUrl: string;
  readonly scopes: readonly ReadScopeSpans[];
}

/** The spans of one instrumentation scope. */
export interface ReadScopeSpans {
  readonly name: string;
  readonly version: string;
  readonly attributes: readonly KeyValue[];
  readonly droppedAttributes: number;
  readonly schemaUrl: string;
  readonly spans: readonly ReadSpan[];
}

/** One span; ids are lower-case hex, times nanoseconds since the epoch, numbers as OTLP counts them. */
export interface ReadSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty: a root span. */
  readonly parentSpanId: string;
  readonly traceState: string;
  readonly name: string;
  readonly kind: number;
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly attributes: readonly KeyValue[];
  readonly droppedAttributes: number;
  readonly events: readonly ReadEvent[];
  readonly droppedEvents: number;
  readonly links: readonly ReadLink[];
  readonly droppedLinks: number;
  readonly statusCode: number;
  readonly statusMessage: string;
  readonly flags: number;
}

export interface ReadEvent {
  readonly timeNs: bigint;
  readonly name: string;
  readonly attributes: readonly KeyValue[];
  readonly droppedAttributes: number;
}

export interface ReadLink {
  readonly traceId: string;
  readonly spanId: string;
  readonly traceState: string;
  readonly attributes: readonly KeyValue[];
  readonly droppedAttributes: number;
  readonly flags: number;
}

/**
 * Reads an `ExportTraceServiceRequest` into objects: for whoever turns spans into another format, or shows them. Unknown
 * fields are skipped, and of a field that may stand once the last one counts, as in all of protobuf.
 *
 * ```
 * ExportTraceServiceRequest  1 ResourceSpans*
 * ResourceSpans              1 Resource { 1 KeyValue*, 2 dropped }   2 ScopeSpans*   3 schema_url
 * ScopeSpans                 1 Scope { 1 name, 2 version, 3 KeyValue*, 4 dropped }   2 Span*   3 schema_url
 * Span, Event, Link, Status  see `writeSpan`
 * ```
 *
 * @throws MalformedProtobufError
 */
export function readTraceRequest(bytes: Uint8Array): ReadResourceSpans[] {
  const request = new Fields(bytes);
  return request.messages(1).map((resourceSpans) => {
    const resource = resourceSpans.message(1);
    return {
      attributes: readAttributes(resource, 1),
      droppedAttributes: resource.number(2),
      schemaUrl: resourceSpans.text(3),
      scopes: resourceSpans.messages(2).map(readScope),
    };
  });
}

function readScope(fields: Fields): ReadScopeSpans {
  const scope = fields.message(1);
  return {
    name: scope.text(1),
    version: scope.text(2),
    attributes: readAttributes(scope, 3),
    droppedAttributes: scope.number(4),
    schemaUrl: fields.text(3),
    spans: fields.messages(2).map(readSpan),
  };
}

function readSpan(fields: Fields): ReadSpan {
  const status = fields.message(15);
  return {
    traceId: fields.hex(1),
    spanId: fields.hex(2),
    parentSpanId: fields.hex(4),
    traceState: fields.text(3),
    name: fields.text(5),
    kind: fields.number(6),
    startNs: fields.integer(7),
    endNs: fields.integer(8),
    attributes: readAttributes(fields, 9),
    droppedAttributes: fields.number(10),
    events: fields.messages(11).map(readEvent),
    droppedEvents: fields.number(12),
    links: fields.messages(13).map(readLink),
    droppedLinks: fields.number(14),
    statusCode: status.number(3),
    statusMessage: status.text(2),
    flags: fields.number(16),
  };
}

function readEvent(fields: Fields): ReadEvent {
  return {
    timeNs: fields.integer(1),
    name: fields.text(2),
    attributes: readAttributes(fields, 3),
    droppedAttributes: fields.number(4),
  };
}

function readLink(fields: Fields): ReadLink {
  return {
    traceId: fields.hex(1),
    spanId: fields.hex(2),
    traceState: fields.text(3),
    attributes: readAttributes(fields, 4),
    droppedAttributes: fields.number(5),
    flags: fields.number(6),
  };
}

function readAttributes(fields: Fields, number: number): KeyValue[] {
  return fields.messages(number).map((entry) => ({ key: entry.text(1), value: readValue(entry) }));
}

function readValue(entry: Fields): AnyValue {
  return readAnyValue(entry.bytes(2));
}

/** The fields of one message by number: readable rather than fast, as nobody reads this way on a hot path. */
class Fields {
  private readonly scalars = new Map<number, bigint>();
  private readonly contents = new Map<number, Uint8Array[]>();

  constructor(bytes: Uint8Array) {
    const reader = new ProtobufReader(bytes);
    const end = bytes.length;
    while (reader.position < end) {
      const tag = reader.readVarint32(end);
      const number = tag >>> 3;
      switch (tag & 7) {
        case 0:
          this.scalars.set(number, join(reader, reader.readVarint64(end)));
          break;
        case 1:
          this.scalars.set(number, join(reader, reader.readFixed64(end)));
          break;
        case 2: {
          const contentEnd = reader.readLength(end);
          this.add(number, bytes.subarray(reader.position, contentEnd));
          reader.position = contentEnd;
          break;
        }
        case 5:
          this.scalars.set(number, BigInt(reader.readFixed32(end)));
          break;
        default:
          reader.skip(tag, end);
      }
    }
  }

  integer(number: number): bigint {
    return this.scalars.get(number) ?? 0n;
  }

  number(number: number): number {
    return Number(this.integer(number));
  }

  bytes(number: number): Uint8Array {
    return this.contents.get(number)?.at(-1) ?? noBytes;
  }

  text(number: number): string {
    return decoder.decode(this.bytes(number));
  }

  hex(number: number): string {
    return Array.from(this.bytes(number), (byte) => byte.toString(16).padStart(2, '0')).join('');
  }

  message(number: number): Fields {
    return new Fields(this.bytes(number));
  }

  messages(number: number): Fields[] {
    return (this.contents.get(number) ?? []).map((bytes) => new Fields(bytes));
  }

  private add(number: number, bytes: Uint8Array): void {
    const present = this.contents.get(number);
    if (present === undefined) this.contents.set(number, [bytes]);
    else present.push(bytes);
  }
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const noBytes = new Uint8Array();

function join(reader: ProtobufReader, low: number): bigint {
  return (BigInt(reader.high) << 32n) | BigInt(low);
}

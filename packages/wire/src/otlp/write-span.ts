import type { ByteWriter } from './byte-writer.ts';
import { type FlatAttributes, writeAttributes } from './write-attributes.ts';

/**
 * A span as {@link writeSpan} reads it. Ids are 32-bit words, most significant first, signed or not (signed ones stay
 * small integers in V8); times are whole seconds and nanoseconds since the epoch.
 */
export interface SpanSource {
  readonly traceId0: number;
  readonly traceId1: number;
  readonly traceId2: number;
  readonly traceId3: number;
  readonly spanId0: number;
  readonly spanId1: number;
  /** Both words zero: a root span. */
  readonly parentSpanId0: number;
  readonly parentSpanId1: number;
  readonly traceState: { serialize(): string } | undefined;
  /** The W3C trace flags, 8 bits. */
  readonly traceFlags: number;
  /** Whether the parent came from another process. A root span has none: false. */
  readonly hasRemoteParent: boolean;
  readonly name: string;
  /** OTLP's SpanKind: 0 unspecified, 1 internal, 2 server, 3 client, 4 producer, 5 consumer. */
  readonly kind: number;
  readonly startSeconds: number;
  readonly startNanos: number;
  readonly endSeconds: number;
  readonly endNanos: number;
  /** More attributes, as {@link encodeAttributes} encodes them under tag 4a; undefined: none. */
  readonly encodedAttributes?: Uint8Array | undefined;
  readonly attributes: FlatAttributes;
  readonly droppedAttributes: number;
  readonly events: readonly EventSource[] | undefined;
  readonly droppedEvents: number;
  readonly links: readonly LinkSource[] | undefined;
  readonly droppedLinks: number;
  /** 0 unset, 1 ok, 2 error. */
  readonly statusCode: number;
  readonly statusMessage: string;
}

export interface EventSource {
  readonly seconds: number;
  readonly nanos: number;
  readonly name: string;
  readonly attributes: FlatAttributes;
  readonly droppedAttributes: number;
}

export interface LinkSource {
  /** 32 lower-case hex digits. */
  readonly traceId: string;
  /** 16 lower-case hex digits. */
  readonly spanId: string;
  readonly traceState: { serialize(): string } | undefined;
  readonly traceFlags: number;
  readonly isRemote: boolean;
  readonly attributes: FlatAttributes;
  readonly droppedAttributes: number;
}

/**
 * Writes one span as an element of `ScopeSpans.spans` (its tag, its length, the message); fields that hold their
 * default are left out.
 *
 * | field | Span | type | wire | tag |
 * |---|---|---|---|---|
 * | 1 | trace_id | bytes | 2 | 0a |
 * | 2 | span_id | bytes | 2 | 12 |
 * | 3 | trace_state | string | 2 | 1a |
 * | 4 | parent_span_id | bytes | 2 | 22 |
 * | 5 | name | string | 2 | 2a |
 * | 6 | kind | SpanKind | 0 | 30 |
 * | 7 | start_time_unix_nano | fixed64 | 1 | 39 |
 * | 8 | end_time_unix_nano | fixed64 | 1 | 41 |
 * | 9 | attributes | repeated KeyValue | 2 | 4a |
 * | 10 | dropped_attributes_count | uint32 | 0 | 50 |
 * | 11 | events | repeated Event | 2 | 5a |
 * | 12 | dropped_events_count | uint32 | 0 | 60 |
 * | 13 | links | repeated Link | 2 | 6a |
 * | 14 | dropped_links_count | uint32 | 0 | 70 |
 * | 15 | status | Status { 2 message: string, 3 code: StatusCode } | 2 | 7a |
 * | 16 | flags | fixed32 | 5 | 85 01 |
 *
 * Throws BufferFullError and leaves half a span behind: `truncate` to the position from before the call.
 */
export function writeSpan(writer: ByteWriter, span: SpanSource): void {
  writer.writeByte(0x12);
  // A span of our HTTP server takes some 300 bytes, so its length takes two.
  const start = writer.beginMessage(2);
  writer.writeByte(0x0a);
  writer.writeByte(16);
  writer.writeWord(span.traceId0);
  writer.writeWord(span.traceId1);
  writer.writeWord(span.traceId2);
  writer.writeWord(span.traceId3);
  writer.writeByte(0x12);
  writer.writeByte(8);
  writer.writeWord(span.spanId0);
  writer.writeWord(span.spanId1);
  if (span.traceState !== undefined) writeTraceState(writer, span.traceState);
  if (span.parentSpanId0 !== 0 || span.parentSpanId1 !== 0) {
    writer.writeByte(0x22);
    writer.writeByte(8);
    writer.writeWord(span.parentSpanId0);
    writer.writeWord(span.parentSpanId1);
  }
  writer.writeByte(0x2a);
  writer.writeString(span.name);
  if (span.kind !== 0) writeCount(writer, 0x30, span.kind);
  writer.writeByte(0x39);
  writeTime(writer, span.startSeconds, span.startNanos);
  writer.writeByte(0x41);
  writeTime(writer, span.endSeconds, span.endNanos);
  if (span.encodedAttributes !== undefined) writer.writeRaw(span.encodedAttributes);
  writeAttributes(writer, 0x4a, span.attributes);
  if (span.droppedAttributes !== 0) writeCount(writer, 0x50, span.droppedAttributes);
  if (span.events !== undefined) for (const event of span.events) writeEvent(writer, event);
  if (span.droppedEvents !== 0) writeCount(writer, 0x60, span.droppedEvents);
  if (span.links !== undefined) for (const link of span.links) writeLink(writer, link);
  if (span.droppedLinks !== 0) writeCount(writer, 0x70, span.droppedLinks);
  if (span.statusCode !== 0 || span.statusMessage !== '') writeStatus(writer, span.statusCode, span.statusMessage);
  writer.writeByte(0x85);
  writer.writeByte(0x01);
  writer.writeFixed32(otlpFlags(span.traceFlags, span.hasRemoteParent));
  writer.endMessage(start, 2);
}

/**
 * | field | Event | type | wire | tag |
 * |---|---|---|---|---|
 * | 1 | time_unix_nano | fixed64 | 1 | 09 |
 * | 2 | name | string | 2 | 12 |
 * | 3 | attributes | repeated KeyValue | 2 | 1a |
 * | 4 | dropped_attributes_count | uint32 | 0 | 20 |
 */
function writeEvent(writer: ByteWriter, event: EventSource): void {
  writer.writeByte(0x5a);
  const start = writer.beginMessage();
  writer.writeByte(0x09);
  writeTime(writer, event.seconds, event.nanos);
  writer.writeByte(0x12);
  writer.writeString(event.name);
  writeAttributes(writer, 0x1a, event.attributes);
  if (event.droppedAttributes !== 0) writeCount(writer, 0x20, event.droppedAttributes);
  writer.endMessage(start);
}

/**
 * | field | Link | type | wire | tag |
 * |---|---|---|---|---|
 * | 1 | trace_id | bytes | 2 | 0a |
 * | 2 | span_id | bytes | 2 | 12 |
 * | 3 | trace_state | string | 2 | 1a |
 * | 4 | attributes | repeated KeyValue | 2 | 22 |
 * | 5 | dropped_attributes_count | uint32 | 0 | 28 |
 * | 6 | flags | fixed32 | 5 | 35 |
 */
function writeLink(writer: ByteWriter, link: LinkSource): void {
  writer.writeByte(0x6a);
  const start = writer.beginMessage();
  writer.writeByte(0x0a);
  writeHex(writer, link.traceId);
  writer.writeByte(0x12);
  writeHex(writer, link.spanId);
  if (link.traceState !== undefined) writeTraceState(writer, link.traceState);
  writeAttributes(writer, 0x22, link.attributes);
  if (link.droppedAttributes !== 0) writeCount(writer, 0x28, link.droppedAttributes);
  writer.writeByte(0x35);
  writer.writeFixed32(otlpFlags(link.traceFlags, link.isRemote));
  writer.endMessage(start);
}

function writeStatus(writer: ByteWriter, code: number, message: string): void {
  writer.writeByte(0x7a);
  const start = writer.beginMessage();
  if (message !== '') {
    writer.writeByte(0x12);
    writer.writeString(message);
  }
  if (code !== 0) writeCount(writer, 0x18, code);
  writer.endMessage(start);
}

// Field 3 is trace_state in Span and in Link.
function writeTraceState(writer: ByteWriter, traceState: { serialize(): string }): void {
  const text = traceState.serialize();
  if (text === '') return;
  writer.writeByte(0x1a);
  writer.writeString(text);
}

function writeCount(writer: ByteWriter, tag: number, count: number): void {
  writer.writeByte(tag);
  writer.writeVarint(count);
}

function writeHex(writer: ByteWriter, hex: string): void {
  writer.writeByte(hex.length >>> 1);
  for (let index = 0; index < hex.length; index += 8) {
    writer.writeWord(Number.parseInt(hex.slice(index, index + 8), 16));
  }
}

/**
 * seconds * 10^9 + nanos as a fixed64, without BigInt. The product passes 2^53, so the seconds are taken apart at 16
 * bits; each part times 10^9 stays below 2^47.
 */
function writeTime(writer: ByteWriter, seconds: number, nanos: number): void {
  const lowPart = (seconds % 0x1_0000) * 1e9 + nanos;
  const highPart = Math.floor(seconds / 0x1_0000) * 1e9;
  const low = (lowPart % 0x1_0000_0000) + (highPart % 0x1_0000) * 0x1_0000;
  const carry = low >= 0x1_0000_0000 ? 1 : 0;
  const high = Math.floor(lowPart / 0x1_0000_0000) + Math.floor(highPart / 0x1_0000) + carry;
  writer.writeFixed64(low >>> 0, high);
}

/** opentelemetry-proto: bits 0-7 the trace flags, bit 8 "is_remote is known", bit 9 "is_remote". */
function otlpFlags(traceFlags: number, isRemote: boolean): number {
  return (traceFlags & 0xff) | (isRemote ? 0x300 : 0x100);
}

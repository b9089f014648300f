import { ByteWriter } from './byte-writer.ts';
import { type FlatAttributes, writeAttributes } from './write-attributes.ts';

/**
 * An `ExportTraceServiceRequest` is put together from bytes that exist already:
 *
 * ```
 * 0a len  ResourceSpans
 *         [resource]                    encodeResource, once a process
 *         12 len  ScopeSpans            for each scope
 *                 [scope]               encodeScope, once a tracer
 *                 [spans]               writeSpan, one after another
 * ```
 */
export interface ScopeSpansSource {
  /** From {@link encodeScope}. */
  readonly scope: Uint8Array;
  /** The bytes of any number of `writeSpan` calls. */
  readonly spans: Uint8Array;
}

/**
 * The front of a `ResourceSpans`:
 *
 * | field | | type | wire |
 * |---|---|---|---|
 * | 1 | resource | Resource { 1 attributes: repeated KeyValue } | 2 |
 * | 3 | schema_url | string | 2 |
 */
export function encodeResource(attributes: FlatAttributes, schemaUrl = ''): Uint8Array {
  const writer = new ByteWriter(1_024, maxPrefixBytes);
  writer.writeByte(0x0a);
  const start = writer.beginMessage(2);
  writeAttributes(writer, 0x0a, attributes);
  writer.endMessage(start, 2);
  writeSchemaUrl(writer, schemaUrl);
  return writer.copyWritten();
}

/**
 * The front of a `ScopeSpans`:
 *
 * | field | | type | wire |
 * |---|---|---|---|
 * | 1 | scope | InstrumentationScope { 1 name, 2 version: string, 3 attributes: repeated KeyValue } | 2 |
 * | 3 | schema_url | string | 2 |
 */
export function encodeScope(name: string, version = '', attributes: FlatAttributes = [], schemaUrl = ''): Uint8Array {
  const writer = new ByteWriter(256, maxPrefixBytes);
  writer.writeByte(0x0a);
  const start = writer.beginMessage();
  writer.writeByte(0x0a);
  writer.writeString(name);
  if (version !== '') {
    writer.writeByte(0x12);
    writer.writeString(version);
  }
  writeAttributes(writer, 0x1a, attributes);
  writer.endMessage(start);
  writeSchemaUrl(writer, schemaUrl);
  return writer.copyWritten();
}

/** One request with one resource. The result is a copy: the sources may be reused at once. */
export function encodeTraceRequest(resource: Uint8Array, scopes: readonly ScopeSpansSource[]): Uint8Array {
  let payloadBytes = resource.length;
  for (const { scope, spans } of scopes) payloadBytes += scope.length + spans.length + headerBytes;
  const writer = new ByteWriter(payloadBytes + headerBytes, payloadBytes + headerBytes);
  writer.writeByte(0x0a);
  const bytesOfScopes = scopes.reduce((sum, scope) => sum + 1 + framedBytes(scope), 0);
  writer.writeVarint(resource.length + bytesOfScopes);
  writer.writeRaw(resource);
  for (const { scope, spans } of scopes) {
    writer.writeByte(0x12);
    writer.writeVarint(scope.length + spans.length);
    writer.writeRaw(scope);
    writer.writeRaw(spans);
  }
  return writer.bytes.subarray(0, writer.position);
}

/** The length of a ScopeSpans with the varint before it. */
function framedBytes({ scope, spans }: ScopeSpansSource): number {
  const length = scope.length + spans.length;
  let lengthBytes = 1;
  for (let rest = length; rest > 0x7f; rest = Math.floor(rest / 0x80)) lengthBytes++;
  return lengthBytes + length;
}

function writeSchemaUrl(writer: ByteWriter, schemaUrl: string): void {
  if (schemaUrl === '') return;
  writer.writeByte(0x1a);
  writer.writeString(schemaUrl);
}

// A tag and the room that ByteWriter reserves for a varint.
const headerBytes = 9;

// A resource or scope of this size is a mistake; OTLP itself names no limit.
const maxPrefixBytes = 1_048_576;

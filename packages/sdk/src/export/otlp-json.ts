import {
  type AnyValue,
  type KeyValue,
  type ReadEvent,
  type ReadLink,
  type ReadResourceSpans,
  type ReadScopeSpans,
  type ReadSpan,
  readTraceRequest,
} from '@clew/wire';
import type { BodyFormat } from './http-transport.ts';
import { noPartialSuccess, type PartialSuccess } from './partial-success.ts';

/**
 * OTLP's JSON encoding, made from the protobuf bytes when they are sent: protobuf's JSON mapping, but ids are hex and
 * enums numbers. 64-bit integers are strings, bytes base64, and fields that hold their default are left out.
 */
export const jsonBody: BodyFormat = {
  contentType: 'application/json',
  encode: (request) =>
    encoder.encode(JSON.stringify({ resourceSpans: readTraceRequest(request).map(toResourceSpans) })),
  readAnswer,
};

const encoder = new TextEncoder();
const decoder = new TextDecoder();

type Json = Readonly<Record<string, unknown>>;

function toResourceSpans(source: ReadResourceSpans): Json {
  return compact({
    resource: compact({
      attributes: source.attributes.map(toKeyValue),
      droppedAttributesCount: source.droppedAttributes,
    }),
    scopeSpans: source.scopes.map(toScopeSpans),
    schemaUrl: source.schemaUrl,
  });
}

function toScopeSpans(source: ReadScopeSpans): Json {
  const { name, version, attributes, droppedAttributes } = source;
  return compact({
    scope: compact({
      name,
      version,
      attributes: attributes.map(toKeyValue),
      droppedAttributesCount: droppedAttributes,
    }),
    spans: source.spans.map(toSpan),
    schemaUrl: source.schemaUrl,
  });
}

function toSpan(span: ReadSpan): Json {
  return compact({
    traceId: span.traceId,
    spanId: span.spanId,
    traceState: span.traceState,
    parentSpanId: span.parentSpanId,
    flags: span.flags,
    name: span.name,
    kind: span.kind,
    startTimeUnixNano: String(span.startNs),
    endTimeUnixNano: String(span.endNs),
    attributes: span.attributes.map(toKeyValue),
    droppedAttributesCount: span.droppedAttributes,
    events: span.events.map(toEvent),
    droppedEventsCount: span.droppedEvents,
    links: span.links.map(toLink),
    droppedLinksCount: span.droppedLinks,
    status: compact({ message: span.statusMessage, code: span.statusCode }),
  });
}

function toEvent(event: ReadEvent): Json {
  return compact({
    timeUnixNano: String(event.timeNs),
    name: event.name,
    attributes: event.attributes.map(toKeyValue),
    droppedAttributesCount: event.droppedAttributes,
  });
}

function toLink(link: ReadLink): Json {
  return compact({
    traceId: link.traceId,
    spanId: link.spanId,
    traceState: link.traceState,
    attributes: link.attributes.map(toKeyValue),
    droppedAttributesCount: link.droppedAttributes,
    flags: link.flags,
  });
}

function toKeyValue({ key, value }: KeyValue): Json {
  return { key, value: toValue(value) };
}

/** A oneof keeps its default: an empty string is something else than no value. */
function toValue(value: AnyValue): Json {
  switch (value.type) {
    case 'string':
      return { stringValue: value.value };
    case 'bool':
      return { boolValue: value.value };
    case 'int':
      return { intValue: String(value.value) };
    case 'double':
      // JSON has no number for these; protobuf's mapping writes "NaN", "Infinity" and "-Infinity".
      return { doubleValue: Number.isFinite(value.value) ? value.value : String(value.value) };
    case 'array':
      return { arrayValue: { values: value.values.map(toValue) } };
    case 'map':
      return { kvlistValue: { values: value.entries.map(toKeyValue) } };
    case 'bytes':
      return { bytesValue: Buffer.from(value.value).toString('base64') };
    case 'empty':
      return {};
  }
}

function compact(fields: Json): Json {
  return Object.fromEntries(
    Object.entries(fields).filter(
      ([, value]) => value !== '' && value !== 0 && !(Array.isArray(value) && value.length === 0),
    ),
  );
}

/** `{"partialSuccess":{"rejectedSpans":"2","errorMessage":"…"}}`; what is none reads as full success. */
function readAnswer(body: Uint8Array): PartialSuccess {
  try {
    const { partialSuccess } = JSON.parse(decoder.decode(body)) as { partialSuccess?: Record<string, unknown> };
    const rejectedSpans = Number(partialSuccess?.rejectedSpans ?? 0) || 0;
    return {
      rejectedSpans: Math.max(0, rejectedSpans),
      message: String(partialSuccess?.errorMessage ?? ''),
    };
  } catch {
    return noPartialSuccess;
  }
}

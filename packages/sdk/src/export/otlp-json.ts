import {
  keyValueToJson,
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
      attributes: source.attributes.map(keyValueToJson),
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
      attributes: attributes.map(keyValueToJson),
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
    attributes: span.attributes.map(keyValueToJson),
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
    attributes: event.attributes.map(keyValueToJson),
    droppedAttributesCount: event.droppedAttributes,
  });
}

function toLink(link: ReadLink): Json {
  return compact({
    traceId: link.traceId,
    spanId: link.spanId,
    traceState: link.traceState,
    attributes: link.attributes.map(keyValueToJson),
    droppedAttributesCount: link.droppedAttributes,
    flags: link.flags,
  });
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

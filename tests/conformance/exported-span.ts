import type { SpanDetails } from '@clew/model';
import { type JsonKeyValue, type KeyValue, keyValueToJson } from '@clew/wire';

/**
 * A span as its SDK had it when it was exported, in a form that every language can print: attributes are OTLP/JSON
 * (`{"key": "n", "value": {"intValue": "1"}}`), times nanoseconds since the epoch in decimal digits, ids lower-case hex,
 * enums OTLP's numbers.
 */
export interface ExportedSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty: a root span. */
  readonly parentSpanId: string;
  readonly traceState: string;
  readonly flags: number;
  readonly name: string;
  readonly kind: number;
  readonly startNs: string;
  readonly endNs: string;
  readonly attributes: readonly JsonKeyValue[];
  readonly events: readonly {
    readonly timeNs: string;
    readonly name: string;
    readonly attributes: readonly JsonKeyValue[];
    readonly dropped: number;
  }[];
  readonly links: readonly {
    readonly traceId: string;
    readonly spanId: string;
    readonly traceState: string;
    readonly attributes: readonly JsonKeyValue[];
    readonly dropped: number;
  }[];
  readonly statusCode: number;
  readonly statusMessage: string;
  readonly droppedAttributes: number;
  readonly droppedEvents: number;
  readonly droppedLinks: number;
  readonly resource: readonly JsonKeyValue[];
  readonly scopeName: string;
  readonly scopeVersion: string;
  readonly scopeAttributes: readonly JsonKeyValue[];
}

/** A stored span in the same form. */
export function asExported(stored: SpanDetails): ExportedSpan {
  return {
    traceId: stored.traceId,
    spanId: stored.spanId,
    parentSpanId: stored.parentSpanId ?? '',
    traceState: stored.traceState,
    flags: stored.flags,
    name: stored.name,
    kind: stored.kind,
    startNs: String(stored.startNs),
    endNs: String(stored.startNs + BigInt(stored.durationNs)),
    attributes: toJson(stored.attributes),
    events: stored.events.map((event) => ({
      timeNs: String(event.timeNs),
      name: event.name,
      attributes: toJson(event.attributes),
      dropped: event.droppedAttributesCount,
    })),
    links: stored.links.map((link) => ({
      traceId: link.traceId,
      spanId: link.spanId,
      traceState: link.traceState,
      attributes: toJson(link.attributes),
      dropped: link.droppedAttributesCount,
    })),
    statusCode: stored.statusCode,
    statusMessage: stored.statusMessage,
    droppedAttributes: stored.droppedAttributesCount,
    droppedEvents: stored.droppedEventsCount,
    droppedLinks: stored.droppedLinksCount,
    resource: toJson(stored.resource),
    scopeName: stored.scope.name,
    scopeVersion: stored.scope.version,
    scopeAttributes: toJson(stored.scope.attributes),
  };
}

/** The order of attributes means nothing: by key, so that two sets can be compared. */
export function sortByKey(attributes: readonly JsonKeyValue[]): JsonKeyValue[] {
  return [...attributes].sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
}

function toJson(attributes: readonly KeyValue[]): JsonKeyValue[] {
  return sortByKey(attributes.map(keyValueToJson));
}

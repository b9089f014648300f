import type { JsonKeyValue } from '@clew/wire';
import type { ExportedSpan } from './exported-span.js';

/** An `ExportTraceServiceRequest` as protobuf's own libraries write it: fields that hold their default are left out. */
export interface JsonRequest {
  readonly resourceSpans?: readonly {
    readonly resource?: { readonly attributes?: readonly JsonKeyValue[] };
    readonly scopeSpans?: readonly {
      readonly scope?: { readonly name?: string; readonly version?: string; readonly attributes?: JsonKeyValue[] };
      readonly spans?: readonly JsonSpan[];
    }[];
  }[];
}

interface JsonSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly traceState?: string;
  readonly flags?: number;
  readonly name?: string;
  readonly kind?: number;
  readonly startTimeUnixNano?: string;
  readonly endTimeUnixNano?: string;
  readonly attributes?: readonly JsonKeyValue[];
  readonly droppedAttributesCount?: number;
  readonly events?: readonly {
    readonly timeUnixNano?: string;
    readonly name?: string;
    readonly attributes?: readonly JsonKeyValue[];
    readonly droppedAttributesCount?: number;
  }[];
  readonly droppedEventsCount?: number;
  readonly links?: readonly {
    readonly traceId: string;
    readonly spanId: string;
    readonly traceState?: string;
    readonly attributes?: readonly JsonKeyValue[];
    readonly droppedAttributesCount?: number;
  }[];
  readonly droppedLinksCount?: number;
  readonly status?: { readonly code?: number; readonly message?: string };
}

/** How ids are written: in hex by OTLP's own JSON, in base64, as all bytes, by protobuf's libraries. */
type IdEncoding = 'hex' | 'base64';

/** The spans of requests that a client printed, one a line. */
export function parseRequests(lines: string, ids: IdEncoding): ExportedSpan[] {
  return lines
    .split('\n')
    .filter((line) => line !== '')
    .flatMap((line) => describeRequest(JSON.parse(line) as JsonRequest, ids));
}

function describeRequest({ resourceSpans = [] }: JsonRequest, ids: IdEncoding): ExportedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans = [] }) =>
    scopeSpans.flatMap(({ scope, spans = [] }) =>
      spans.map((span) => ({
        ...describeSpan(span, ids),
        resource: resource?.attributes ?? [],
        scopeName: scope?.name ?? '',
        scopeVersion: scope?.version ?? '',
        scopeAttributes: scope?.attributes ?? [],
      })),
    ),
  );
}

function describeSpan(
  span: JsonSpan,
  ids: IdEncoding,
): Omit<ExportedSpan, 'resource' | 'scopeName' | 'scopeVersion' | 'scopeAttributes'> {
  const hex = (id: string): string => Buffer.from(id, ids).toString('hex');
  return {
    traceId: hex(span.traceId),
    spanId: hex(span.spanId),
    parentSpanId: hex(span.parentSpanId ?? ''),
    traceState: span.traceState ?? '',
    flags: span.flags ?? 0,
    name: span.name ?? '',
    kind: span.kind ?? 0,
    startNs: span.startTimeUnixNano ?? '0',
    endNs: span.endTimeUnixNano ?? '0',
    attributes: span.attributes ?? [],
    events: (span.events ?? []).map((event) => ({
      timeNs: event.timeUnixNano ?? '0',
      name: event.name ?? '',
      attributes: event.attributes ?? [],
      dropped: event.droppedAttributesCount ?? 0,
    })),
    links: (span.links ?? []).map((link) => ({
      traceId: hex(link.traceId),
      spanId: hex(link.spanId),
      traceState: link.traceState ?? '',
      attributes: link.attributes ?? [],
      dropped: link.droppedAttributesCount ?? 0,
    })),
    statusCode: span.status?.code ?? 0,
    statusMessage: span.status?.message ?? '',
    droppedAttributes: span.droppedAttributesCount ?? 0,
    droppedEvents: span.droppedEventsCount ?? 0,
    droppedLinks: span.droppedLinksCount ?? 0,
  };
}

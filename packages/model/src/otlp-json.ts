import { keyValueToJson } from '@clew/wire';
import { columnOf } from './columns.ts';
import { detailsOf, type SpanDetails } from './details.ts';
import type { TraceTable } from './table.ts';

/**
 * A trace as an `ExportTraceServiceRequest` in OTLP's JSON encoding, for `JSON.stringify`: all that is stored of each
 * span, grouped by resource and scope, in the order of their starts. Fields that hold their default are left out.
 */
export function traceToOtlpJson(table: TraceTable): object {
  const resources = new Map<string, { resource: object; schemaUrl: object; scopes: Map<string, ScopeSpans> }>();
  for (let row = 0; row < table.spanCount; row++) {
    const span = detailsOf(table, row);
    const resource = attributesToJson({
      attributes: span.resource,
      droppedAttributesCount: span.resourceDroppedAttributesCount,
    });
    const schemaUrl = schemaUrlToJson(span.resourceSchemaUrl);
    const inResource = entryOf(resources, [resource, schemaUrl], () => ({ resource, schemaUrl, scopes: new Map() }));
    const { name, version } = span.scope;
    const scope = {
      ...(name !== '' && { name }),
      ...(version !== '' && { version }),
      ...attributesToJson(span.scope),
    };
    const ofScope = schemaUrlToJson(span.scope.schemaUrl);
    entryOf(inResource.scopes, [scope, ofScope], () => ({ scope, spans: [], ...ofScope })).spans.push(
      spanToJson(span, endOf(table, row, span)),
    );
  }
  return {
    resourceSpans: Array.from(resources.values(), ({ resource, schemaUrl, scopes }) => ({
      resource,
      scopeSpans: [...scopes.values()],
      ...schemaUrl,
    })),
  };
}

interface ScopeSpans {
  readonly scope: object;
  readonly spans: object[];
}

function schemaUrlToJson(schemaUrl: string): object {
  return schemaUrl === '' ? {} : { schemaUrl };
}

function entryOf<Entry>(entries: Map<string, Entry>, identity: object, create: () => Entry): Entry {
  const key = JSON.stringify(identity);
  let entry = entries.get(key);
  if (entry === undefined) {
    entry = create();
    entries.set(key, entry);
  }
  return entry;
}

/** From the duration as it is stored: what is drawn has none below zero. */
function endOf({ origin }: TraceTable, row: number, { startNs }: SpanDetails): bigint {
  const block = origin.blocks[origin.blockOf[row]!]!;
  return startNs + columnOf(block, 'duration_ns', 'bigint').values[origin.rows[row]!]!;
}

function spanToJson(span: SpanDetails, endNs: bigint): object {
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    ...(span.traceState !== '' && { traceState: span.traceState }),
    ...(span.parentSpanId !== undefined && { parentSpanId: span.parentSpanId }),
    ...(span.flags !== 0 && { flags: span.flags }),
    name: span.name,
    ...(span.kind !== 0 && { kind: span.kind }),
    startTimeUnixNano: String(span.startNs),
    endTimeUnixNano: String(endNs),
    ...attributesToJson(span),
    ...(span.events.length > 0 && {
      events: span.events.map((event) => ({
        ...(event.timeNs !== 0n && { timeUnixNano: String(event.timeNs) }),
        name: event.name,
        ...attributesToJson(event),
      })),
    }),
    ...(span.droppedEventsCount > 0 && { droppedEventsCount: span.droppedEventsCount }),
    ...(span.links.length > 0 && {
      links: span.links.map((link) => ({
        traceId: link.traceId,
        spanId: link.spanId,
        ...(link.traceState !== '' && { traceState: link.traceState }),
        ...(link.flags !== 0 && { flags: link.flags }),
        ...attributesToJson(link),
      })),
    }),
    ...(span.droppedLinksCount > 0 && { droppedLinksCount: span.droppedLinksCount }),
    ...((span.statusCode !== 0 || span.statusMessage !== '') && {
      status: {
        ...(span.statusCode !== 0 && { code: span.statusCode }),
        ...(span.statusMessage !== '' && { message: span.statusMessage }),
      },
    }),
  };
}

function attributesToJson({
  attributes,
  droppedAttributesCount,
}: Pick<SpanDetails, 'attributes' | 'droppedAttributesCount'>): object {
  return {
    ...(attributes.length > 0 && { attributes: attributes.map(keyValueToJson) }),
    ...(droppedAttributesCount > 0 && { droppedAttributesCount }),
  };
}

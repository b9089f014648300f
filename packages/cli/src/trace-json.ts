import { detailsOf, type SpanDetails, type TraceTable } from '@clew/model';

type KeyValue = SpanDetails['attributes'][number];
type AnyValue = KeyValue['value'];

const kinds = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'];
const statusCodes = ['unset', 'ok', 'error'];

/**
 * A trace as a value for JSON: spans in the order of the waterfall, all that is known of each. Times are Unix nanoseconds
 * as decimal strings, since a JSON number would lose digits; durations are numbers of nanoseconds. Attributes keep their
 * types, in the encoding of OTLP/JSON: `{"key": "http.response.status_code", "value": {"intValue": "200"}}`.
 */
export function describeTrace(table: TraceTable): object {
  return {
    traceId: table.traceId,
    startNs: String(table.startNs),
    durationNs: table.durationNs,
    spanCount: table.spanCount,
    errorCount: table.errorCount,
    services: table.services,
    spans: Array.from(table.tree.order, (row) => describeSpan(detailsOf(table, row), table.tree.depth[row]!)),
  };
}

function describeSpan(span: SpanDetails, depth: number): object {
  return {
    ...span,
    depth,
    kind: kinds[span.kind] ?? String(span.kind),
    startNs: String(span.startNs),
    statusCode: statusCodes[span.statusCode] ?? String(span.statusCode),
    attributes: span.attributes.map(describeKeyValue),
    events: span.events.map((event) => ({ ...event, attributes: event.attributes.map(describeKeyValue) })),
    links: span.links.map((link) => ({ ...link, attributes: link.attributes.map(describeKeyValue) })),
    resource: span.resource.map(describeKeyValue),
    scope: { ...span.scope, attributes: span.scope.attributes.map(describeKeyValue) },
  };
}

function describeKeyValue({ key, value }: KeyValue): object {
  return { key, value: describeValue(value) };
}

/** OTLP/JSON: int64 as a decimal string, bytes as base64, doubles that JSON lacks as their names. */
function describeValue(value: AnyValue): object {
  switch (value.type) {
    case 'empty':
      return {};
    case 'string':
      return { stringValue: value.value };
    case 'bool':
      return { boolValue: value.value };
    case 'int':
      return { intValue: String(value.value) };
    case 'double':
      return { doubleValue: Number.isFinite(value.value) ? value.value : String(value.value) };
    case 'array':
      return { arrayValue: { values: value.values.map(describeValue) } };
    case 'map':
      return { kvlistValue: { values: value.entries.map(describeKeyValue) } };
    case 'bytes':
      return { bytesValue: Buffer.from(value.value).toString('base64') };
  }
}

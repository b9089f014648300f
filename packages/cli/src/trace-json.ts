import {
  detailsOf,
  keyValueToJson,
  type SpanDetails,
  spanKindNames,
  spanStatusNames,
  type TraceTable,
} from '@clew/model';

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
    kind: spanKindNames[span.kind] ?? String(span.kind),
    startNs: String(span.startNs),
    statusCode: spanStatusNames[span.statusCode] ?? String(span.statusCode),
    attributes: span.attributes.map(keyValueToJson),
    events: span.events.map((event) => ({
      ...event,
      timeNs: String(event.timeNs),
      attributes: event.attributes.map(keyValueToJson),
    })),
    links: span.links.map((link) => ({ ...link, attributes: link.attributes.map(keyValueToJson) })),
    resource: span.resource.map(keyValueToJson),
    scope: { ...span.scope, attributes: span.scope.attributes.map(keyValueToJson) },
  };
}

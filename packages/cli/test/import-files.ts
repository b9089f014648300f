/** One trace of two spans in each format that is imported, the second span below the first. */

const startUs = 1_790_000_000_000_000;

/** What each of the files says. */
export const importedTrace = {
  root: { name: 'GET /orders', service: 'orders', spanId: '00000000000000a1', kind: 2, durationNs: 42_000 },
  child: { name: 'query', service: 'orders', spanId: '00000000000000a2', kind: 3, durationNs: 7_000 },
} as const;

export function otlpJson(traceId: string): string {
  const span = ({ name, spanId, kind, durationNs }: (typeof importedTrace)['root' | 'child'], parent?: string) => ({
    traceId,
    spanId,
    ...(parent !== undefined && { parentSpanId: parent }),
    name,
    kind,
    startTimeUnixNano: `${startUs}000`,
    endTimeUnixNano: String(BigInt(startUs) * 1_000n + BigInt(durationNs)),
  });
  const attributes = Object.entries({ 'service.name': 'orders', text: 'x'.repeat(300) });
  const resource = { attributes: attributes.map(([key, stringValue]) => ({ key, value: { stringValue } })) };
  const { root, child } = importedTrace;
  // As the collector's file exporter writes them: a request a line.
  return [span(root), span(child, root.spanId)]
    .map((each) => `${JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ spans: [each] }] }] })}\n`)
    .join('');
}

export function jaegerJson(traceId: string): string {
  const { root, child } = importedTrace;
  const span = (of: (typeof importedTrace)['root' | 'child'], kind: string, references: readonly object[]) => ({
    traceID: traceId,
    spanID: of.spanId,
    operationName: of.name,
    references,
    startTime: startUs,
    duration: of.durationNs / 1_000,
    tags: [{ key: 'span.kind', type: 'string', value: kind }],
    processID: 'p1',
  });
  const spans = [
    span(child, 'client', [{ refType: 'CHILD_OF', traceID: traceId, spanID: root.spanId }]),
    span(root, 'server', []),
  ];
  const trace = { traceID: traceId, spans, processes: { p1: { serviceName: 'orders', tags: [] } }, warnings: null };
  return JSON.stringify({ data: [trace], total: 0, limit: 0, offset: 0, errors: null }, null, 2);
}

export function zipkinJson(traceId: string): string {
  const { root, child } = importedTrace;
  const span = (of: (typeof importedTrace)['root' | 'child'], kind: string) => ({
    traceId,
    id: of.spanId,
    name: of.name,
    kind,
    timestamp: startUs,
    duration: of.durationNs / 1_000,
    localEndpoint: { serviceName: of.service },
  });
  return JSON.stringify([[span(root, 'SERVER'), { ...span(child, 'CLIENT'), parentId: root.spanId }]]);
}

import type { Problem } from './doctor-problem.ts';
import type { DoctorSpan } from './doctor-spans.ts';

const maxExamples = 5;

/** Where the context was lost, as far as spans tell. */
export function findLostContext(spans: readonly DoctorSpan[]): Problem[] {
  return [...findStrayClients(spans), ...findBrokenTraces(spans), ...findMissingParents(spans)];
}

/** Calls out that began a trace of their own while the same process was serving a request. */
function findStrayClients(spans: readonly DoctorSpan[]): Problem[] {
  const served = spans.filter(({ kind }) => kind === 'server' || kind === 'consumer');
  const strays = spans.flatMap((span) => {
    if (span.parentSpanId !== '' || (span.kind !== 'client' && span.kind !== 'producer')) return [];
    const open = served.find((server) => server.instance === span.instance && isOpenAt(server, span.startNs));
    return open === undefined ? [] : [`${describe(span)} while ${describe(open)} was being served`];
  });
  if (strays.length === 0) return [];
  return [
    {
      code: 'context-lost',
      message: `calls began traces of their own while a request was being served: ${strays.length}`,
      advice:
        'If they belong to that request, its context was lost on the way to them: a pool, a queue or an emitter of the ' +
        'app calls back later. Bind the callback with context.bind() of @opentelemetry/api, or AsyncResource.bind()',
      examples: firstOf(strays),
    },
  ];
}

/** Requests that arrived as traces of their own though a call of this app sent them. */
function findBrokenTraces(spans: readonly DoctorSpan[]): Problem[] {
  const parents = new Set(spans.filter(({ kind }) => kind === 'server').map(({ parentSpanId }) => parentSpanId));
  const unanswered = spans.filter(({ kind, spanId }) => kind === 'client' && !parents.has(spanId));
  const broken = spans.flatMap((span) => {
    if (span.kind !== 'server' || span.parentSpanId !== '') return [];
    const caller = unanswered.find((client) => isOpenAt(client, span.startNs) && isSameRequest(client, span));
    return caller === undefined ? [] : [`${describe(caller)} arrived at ${span.service} without its trace`];
  });
  if (broken.length === 0) return [];
  return [
    {
      code: 'trace-broken',
      message: `requests between services of this run lost their trace on the way: ${broken.length}`,
      advice: 'Something between them drops the traceparent header, or OTEL_PROPAGATORS differs between them',
      examples: firstOf(broken),
    },
  ];
}

/** Children of a span of the same process that never came: it did not end. */
function findMissingParents(spans: readonly DoctorSpan[]): Problem[] {
  const known = new Set(spans.map(({ spanId }) => spanId));
  const orphans = spans.filter(
    ({ parentSpanId, hasRemoteParent, kind }) =>
      parentSpanId !== '' && !hasRemoteParent && kind !== 'server' && kind !== 'consumer' && !known.has(parentSpanId),
  );
  if (orphans.length === 0) return [];
  return [
    {
      code: 'parent-missing',
      message: `spans whose parent was never sent: ${orphans.length}`,
      advice:
        'Their parent was still running when the app ended, or code of the app starts a span and does not end() it',
      examples: firstOf(orphans.map(describe)),
    },
  ];
}

function isOpenAt({ startNs, endNs }: DoctorSpan, timeNs: bigint): boolean {
  return startNs <= timeNs && timeNs <= endNs;
}

function isSameRequest(client: DoctorSpan, server: DoctorSpan): boolean {
  const url = client.attributes.get('url.full') ?? '';
  return (
    URL.canParse(url) &&
    new URL(url).pathname === server.attributes.get('url.path') &&
    client.attributes.get('http.request.method') === server.attributes.get('http.request.method')
  );
}

function describe({ name, attributes }: DoctorSpan): string {
  const place = attributes.get('url.full') ?? attributes.get('url.path');
  return place === undefined ? name : `${name.split(' ')[0]} ${place}`;
}

function firstOf(examples: readonly string[]): string[] {
  const unique = [...new Set(examples)];
  const more = unique.length - maxExamples;
  return more > 0 ? [...unique.slice(0, maxExamples), `and ${more} more`] : unique;
}

import { arrayOf, expected, microsecondsOf, objectOf, textOf } from '../otlp/json-values.ts';
import { kindOf } from '../otlp/otel-tags.ts';
import { InvalidSpanError } from '../otlp/trace-request-builder.ts';
import {
  checkParentId,
  checkSpanId,
  checkTimes,
  checkTraceId,
  noEndpoint,
  type ZipkinAnnotation,
  type ZipkinEndpoint,
  type ZipkinSpan,
} from './zipkin-span.ts';

/**
 * A span of Zipkin's JSON v2, from `parseElement`.
 *
 * ```
 * { traceId, id, parentId, kind, name, timestamp, duration, debug, shared,
 *   localEndpoint, remoteEndpoint: { serviceName, ipv4, ipv6, port },
 *   annotations: [ { timestamp, value } ],  tags: { key: value } }
 * ```
 *
 * Only the ids are required. Numbers may be text, and text may be a number or true: clients that are loose about types
 * lose nothing. A tag that is an array or an object is kept as its JSON text. A null is a value that is absent.
 *
 * @throws InvalidSpanError
 */
export function readZipkinJsonSpan(value: unknown): ZipkinSpan {
  const span = objectOf(value, 'a span');
  if (Array.isArray(span.binaryAnnotations)) {
    throw new InvalidSpanError('the span has binaryAnnotations, which is Zipkin v1; send the format v2');
  }
  const timestampUs = timeOf(span.timestamp, 'timestamp');
  const durationUs = timeOf(span.duration, 'duration') ?? 0;
  checkTimes(timestampUs, durationUs);
  return {
    traceId: checkTraceId(idOf(span.traceId, 'traceId')),
    id: checkSpanId(idOf(span.id, 'id')),
    parentId: checkParentId(idOf(span.parentId, 'parentId')),
    kind: span.kind === undefined || span.kind === null ? undefined : (kindOf(textOf(span.kind)) ?? 0),
    name: textOf(span.name),
    timestampUs: timestampUs === 0 ? undefined : timestampUs,
    durationUs,
    localEndpoint: endpointOf(span.localEndpoint, 'localEndpoint'),
    remoteEndpoint: endpointOf(span.remoteEndpoint, 'remoteEndpoint'),
    annotations: annotationsOf(span.annotations),
    tags: tagsOf(span.tags),
    isDebug: span.debug === true,
    isShared: span.shared === true,
  };
}

function endpointOf(value: unknown, name: string): ZipkinEndpoint {
  if (value === undefined || value === null) return noEndpoint;
  const endpoint = objectOf(value, name);
  const port = Number(textOf(endpoint.port));
  return {
    serviceName: textOf(endpoint.serviceName),
    address: textOf(endpoint.ipv4) || textOf(endpoint.ipv6),
    port: Number.isInteger(port) && port > 0 && port <= 65_535 ? port : 0,
  };
}

function annotationsOf(value: unknown): ZipkinAnnotation[] {
  return arrayOf(value, 'annotations').map((item) => {
    const annotation = objectOf(item, 'an annotation');
    const timestampUs = timeOf(annotation.timestamp, 'the timestamp of an annotation');
    checkTimes(timestampUs, 0);
    return { timestampUs: timestampUs === 0 ? undefined : timestampUs, value: textOf(annotation.value) };
  });
}

function tagsOf(value: unknown): string[] {
  if (value === undefined || value === null) return [];
  const tags: string[] = [];
  for (const [key, item] of Object.entries(objectOf(value, 'tags'))) {
    if (item !== null) tags.push(key, textOf(item));
  }
  return tags;
}

/** A number is refused: the digits of an id are not decimal, and JSON has rounded them. */
function idOf(value: unknown, name: string): string {
  if (value === undefined || value === null) return '';
  if (typeof value !== 'string') throw expected('text of hex digits', value, name);
  return value;
}

/** Microseconds as a double, which is exact for all times that {@link checkTimes} takes. */
function timeOf(value: unknown, name: string): number | undefined {
  const microseconds = microsecondsOf(value, name);
  return microseconds === undefined ? undefined : Number(microseconds);
}

import { wordOfId } from '../ids.ts';
import { readOtelTags } from '../otlp/otel-tags.ts';
import type { SpanOrigin } from '../otlp/trace-request-builder.ts';
import type { AttributeValue } from '../otlp/write-attributes.ts';
import type { SpanSource } from '../otlp/write-span.ts';
import { readAnnotation } from './annotation.ts';
import type { ZipkinEndpoint, ZipkinSpan } from './zipkin-span.ts';

/**
 * A span of Zipkin as OTLP has it, after OpenTelemetry's specification of the Zipkin exporter and the collector's
 * translation: see {@link readOtelTags} for the tags that become fields, and
 *
 * | Zipkin | OTLP |
 * |---|---|
 * | localEndpoint | `service.name` of the resource, `network.local.address`, `network.local.port` |
 * | remoteEndpoint | `peer.service`, `network.peer.address`, `network.peer.port` |
 * | no kind | the tag `span.kind`, else internal |
 * | tags | attributes of type string |
 * | annotations | events |
 * | debug, shared, no timestamp | `zipkin.debug`, `zipkin.shared`, `otel.zipkin.absentField.startTime`, each true |
 *
 * @param ids what the span and its parent have in OTLP
 * @param startUs when the span began, which is its timestamp if it has one
 */
export function convertZipkinSpan(
  span: ZipkinSpan,
  ids: { readonly id: string; readonly parentId: string },
  startUs: number,
): { origin: SpanOrigin & { readonly resource: readonly string[] }; span: SpanSource } {
  const { id, parentId } = ids;
  const fields = readOtelTags(span.tags);
  const kind = span.kind ?? fields.kind;
  const { resource, attributes } = splitResource(span, fields.attributes);
  addEndpoint(attributes, 'network.local', span.localEndpoint);
  addAttribute(attributes, 'peer.service', span.remoteEndpoint.serviceName || undefined);
  addEndpoint(attributes, 'network.peer', span.remoteEndpoint);
  if (span.timestampUs === undefined) addAttribute(attributes, 'otel.zipkin.absentField.startTime', true);
  if (span.isDebug) addAttribute(attributes, 'zipkin.debug', true);
  if (id !== span.id) {
    addAttribute(attributes, 'zipkin.shared', true);
    // Where it belongs should the client's half never come.
    if (span.parentId !== '' && span.parentId !== span.id) addAttribute(attributes, 'zipkin.parent_id', span.parentId);
  }
  const endUs = startUs + span.durationUs;
  return {
    origin: { resource, scopeName: fields.scopeName, scopeVersion: fields.scopeVersion },
    span: {
      traceId0: wordOfId(span.traceId, 0),
      traceId1: wordOfId(span.traceId, 1),
      traceId2: wordOfId(span.traceId, 2),
      traceId3: wordOfId(span.traceId, 3),
      spanId0: wordOfId(id, 0),
      spanId1: wordOfId(id, 1),
      parentSpanId0: parentId === '' ? 0 : wordOfId(parentId, 0),
      parentSpanId1: parentId === '' ? 0 : wordOfId(parentId, 1),
      traceState: fields.traceState,
      // What is reported was sampled.
      traceFlags: 1,
      hasRemoteParent: parentId !== '' && (kind === server || kind === consumer),
      name: span.name,
      kind,
      startSeconds: Math.floor(startUs / 1e6),
      startNanos: (startUs % 1e6) * 1_000,
      endSeconds: Math.floor(endUs / 1e6),
      endNanos: (endUs % 1e6) * 1_000,
      attributes,
      droppedAttributes: fields.droppedAttributes,
      events: span.annotations.map((annotation) => readAnnotation(annotation, startUs)),
      droppedEvents: fields.droppedEvents,
      links: undefined,
      droppedLinks: fields.droppedLinks,
      statusCode: fields.statusCode,
      statusMessage: fields.statusMessage,
    },
  };
}

const server = 2;
const consumer = 5;

/**
 * OpenTelemetry's Zipkin exporters write the resource into the tags of every span. Where those tags are an SDK's, which
 * `telemetry.sdk.name` says, what belongs to a resource goes back there.
 */
function splitResource(
  { localEndpoint }: ZipkinSpan,
  tags: AttributeValue[],
): { readonly resource: readonly string[]; readonly attributes: AttributeValue[] } {
  const service = localEndpoint.serviceName || (valueAt(tags, 'service.name') as string) || 'unknown_service';
  const resource = ['service.name', service];
  if (valueAt(tags, 'telemetry.sdk.name') === undefined) return { resource, attributes: tags };
  const attributes: AttributeValue[] = [];
  for (let i = 0; i < tags.length; i += 2) {
    const key = tags[i] as string;
    if (key === 'service.name' && tags[i + 1] === service) continue;
    if (key !== 'service.name' && resourceKey.test(key)) resource.push(key, String(tags[i + 1]));
    else attributes.push(key, tags[i + 1]);
  }
  return { resource, attributes };
}

const resourceKey = /^(service|telemetry|host|os|process|container|k8s|cloud|deployment|device|webengine)\./;

/** A tag of the same name wins: it is what the application said. */
function addAttribute(attributes: AttributeValue[], key: string, value: AttributeValue): void {
  if (value !== undefined && valueAt(attributes, key) === undefined) attributes.push(key, value);
}

function addEndpoint(attributes: AttributeValue[], prefix: string, { address, port }: ZipkinEndpoint): void {
  addAttribute(attributes, `${prefix}.address`, address || undefined);
  addAttribute(attributes, `${prefix}.port`, port || undefined);
}

function valueAt(attributes: readonly AttributeValue[], key: string): AttributeValue {
  for (let i = 0; i < attributes.length; i += 2) if (attributes[i] === key) return attributes[i + 1];
  return undefined;
}

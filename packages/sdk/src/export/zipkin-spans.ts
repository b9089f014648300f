import { isIP } from 'node:net';
import {
  type KeyValue,
  type ReadEvent,
  type ReadResourceSpans,
  type ReadScopeSpans,
  type ReadSpan,
  readTraceRequest,
} from '@clew/wire';
import { jsonOf, textOf } from './attribute-text.ts';
import type { BodyFormat } from './http-transport.ts';
import { noPartialSuccess } from './partial-success.ts';

/** A span of Zipkin's API v2; times are whole microseconds. */
interface ZipkinSpan {
  readonly traceId: string;
  readonly id: string;
  readonly parentId?: string;
  readonly name: string;
  readonly kind?: 'CLIENT' | 'SERVER' | 'PRODUCER' | 'CONSUMER';
  readonly timestamp: number;
  readonly duration: number;
  readonly localEndpoint: ZipkinEndpoint;
  readonly remoteEndpoint?: ZipkinEndpoint;
  readonly annotations?: readonly { readonly timestamp: number; readonly value: string }[];
  readonly tags: Readonly<Record<string, string>>;
}

interface ZipkinEndpoint {
  readonly serviceName?: string;
  readonly ipv4?: string;
  readonly ipv6?: string;
  readonly port?: number;
}

/**
 * Zipkin's JSON v2, mapped as the specification "OpenTelemetry to Zipkin Transformation" says. Links and trace state have
 * no place in it. Resource attributes become tags; those of the span win.
 */
export const zipkinBody: BodyFormat = {
  contentType: 'application/json',
  encode: (request) => encoder.encode(JSON.stringify(readTraceRequest(request).flatMap(toZipkinSpans))),
  // 202 Accepted means all of them.
  readAnswer: () => noPartialSuccess,
};

const encoder = new TextEncoder();

function toZipkinSpans(resource: ReadResourceSpans): ZipkinSpan[] {
  const serviceName = textAt(resource.attributes, 'service.name') ?? 'unknown_service';
  return resource.scopes.flatMap((scope) =>
    scope.spans.map((span) => toZipkinSpan(span, scope, resource, serviceName)),
  );
}

function toZipkinSpan(
  span: ReadSpan,
  scope: ReadScopeSpans,
  resource: ReadResourceSpans,
  serviceName: string,
): ZipkinSpan {
  const kind = zipkinKinds[span.kind];
  const remoteEndpoint = kind === 'CLIENT' || kind === 'PRODUCER' ? remoteEndpointOf(span.attributes) : undefined;
  return {
    traceId: span.traceId,
    id: span.spanId,
    ...(span.parentSpanId !== '' && { parentId: span.parentSpanId }),
    name: span.name,
    ...(kind !== undefined && { kind }),
    timestamp: Number(span.startNs / 1_000n),
    // Zipkin reads 0 as "unknown": its API asks for 1 at least.
    duration: Math.max(1, Number((span.endNs - span.startNs) / 1_000n)),
    localEndpoint: { serviceName },
    ...(remoteEndpoint !== undefined && { remoteEndpoint }),
    ...(span.events.length > 0 && { annotations: span.events.map(toAnnotation) }),
    tags: tagsOf(span, scope, resource),
  };
}

/** By OTLP's SpanKind; internal and unspecified spans have none. */
const zipkinKinds: readonly (ZipkinSpan['kind'] | undefined)[] = [
  undefined,
  undefined,
  'SERVER',
  'CLIENT',
  'PRODUCER',
  'CONSUMER',
];

const statusNames = ['UNSET', 'OK', 'ERROR'] as const;
const errorCode = 2;

function tagsOf(span: ReadSpan, scope: ReadScopeSpans, resource: ReadResourceSpans): Record<string, string> {
  const tags: Record<string, string> = {};
  for (const { key, value } of resource.attributes) if (key !== 'service.name') tags[key] = textOf(value);
  if (scope.name !== '') tags['otel.scope.name'] = scope.name;
  if (scope.version !== '') tags['otel.scope.version'] = scope.version;
  for (const { key, value } of span.attributes) tags[key] = textOf(value);
  // Zipkin takes any tag of that name for a failure, even "false".
  if (tags.error === 'false') delete tags.error;
  if (span.droppedAttributes > 0) tags['otel.dropped_attributes_count'] = String(span.droppedAttributes);
  if (span.droppedEvents > 0) tags['otel.dropped_events_count'] = String(span.droppedEvents);
  if (span.droppedLinks > 0) tags['otel.dropped_links_count'] = String(span.droppedLinks);
  if (span.statusCode !== 0) tags['otel.status_code'] = statusNames[span.statusCode] ?? 'UNSET';
  if (span.statusCode === errorCode) tags.error = span.statusMessage;
  return tags;
}

function toAnnotation(event: ReadEvent): { timestamp: number; value: string } {
  const value =
    event.attributes.length === 0 ? event.name : `${JSON.stringify(event.name)}: ${jsonOf(event.attributes)}`;
  return { timestamp: Number(event.timeNs / 1_000n), value };
}

/** Where the other side's address may stand, best first, with the attribute of its port. */
const remoteAttributes: readonly (readonly [address: string, port?: string])[] = [
  ['peer.service'],
  ['server.address', 'server.port'],
  ['net.peer.name', 'net.peer.port'],
  ['network.peer.address', 'network.peer.port'],
  ['server.socket.domain'],
  ['server.socket.address', 'server.socket.port'],
  ['net.sock.peer.name'],
  ['net.sock.peer.addr', 'net.sock.peer.port'],
  ['peer.hostname'],
  ['peer.address'],
  ['db.name'],
];

function remoteEndpointOf(attributes: readonly KeyValue[]): ZipkinEndpoint | undefined {
  for (const [addressKey, portKey] of remoteAttributes) {
    const address = textAt(attributes, addressKey);
    if (address === undefined) continue;
    const port = Number(portKey === undefined ? undefined : textAt(attributes, portKey));
    const family = isIP(address);
    return {
      ...(family === 0 ? { serviceName: address } : family === 4 ? { ipv4: address } : { ipv6: address }),
      ...(port > 0 && port <= 65_535 && { port }),
    };
  }
  return undefined;
}

function textAt(attributes: readonly KeyValue[], wanted: string): string | undefined {
  const value = attributes.find(({ key }) => key === wanted)?.value;
  const text = value === undefined ? '' : textOf(value);
  return text === '' ? undefined : text;
}

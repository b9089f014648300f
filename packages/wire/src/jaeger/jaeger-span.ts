import { wordOfId } from '../ids.ts';
import { countOf, readOtelTags } from '../otlp/otel-tags.ts';
import { InvalidSpanError, type SpanOrigin } from '../otlp/trace-request-builder.ts';
import type { AttributeValue, FlatAttributes } from '../otlp/write-attributes.ts';
import type { EventSource, LinkSource, SpanSource } from '../otlp/write-span.ts';

/** A span of Jaeger's model as plain values, whatever it was encoded in. */
export interface JaegerSpan {
  /** 32 lower-case hex digits. */
  readonly traceId: string;
  /** 16 lower-case hex digits. */
  readonly spanId: string;
  /** All zeros: none, or to be found among the references. */
  readonly parentSpanId: string;
  readonly operationName: string;
  readonly references: readonly JaegerReference[];
  /** Bit 0 sampled, bit 1 debug. */
  readonly flags: number;
  /** Nanoseconds since the epoch. */
  readonly startNs: bigint;
  readonly durationNs: bigint;
  readonly tags: FlatAttributes;
  readonly logs: readonly JaegerLog[];
}

export interface JaegerReference {
  readonly type: 'child_of' | 'follows_from';
  /** 32 lower-case hex digits. */
  readonly traceId: string;
  /** 16 lower-case hex digits. */
  readonly spanId: string;
}

export interface JaegerLog {
  readonly timeNs: bigint;
  readonly fields: FlatAttributes;
}

/** The process that spans were recorded in. */
export interface JaegerProcess {
  readonly serviceName: string;
  readonly tags: FlatAttributes;
}

/** The resource of a process. A tag `service.name` yields to the name of the process, which Jaeger goes by. */
export function resourceOfProcess({ serviceName, tags }: JaegerProcess): FlatAttributes {
  const left = new Map<string, AttributeValue>([['service.name', serviceName]]);
  for (let i = 0; i < tags.length; i += 2) {
    const key = tags[i] as string;
    if (key !== 'service.name' || serviceName === '') left.set(key, tags[i + 1]);
  }
  if (left.get('service.name') === '') left.set('service.name', 'unknown_service');
  return Array.from(left).flat(1) as AttributeValue[];
}

/**
 * A span of Jaeger as OTLP has it, as OpenTelemetry's specification of the Jaeger exporter and the collector's
 * translation have it: see {@link readOtelTags} for the tags, and
 *
 * | Jaeger | OTLP |
 * |---|---|
 * | parentSpanId, else the first CHILD_OF in the same trace | parent |
 * | other references | links with the attribute `opentracing.ref_type` |
 * | logs | events; the field `event` is the name |
 * | flags: sampled; debug | trace flags; the attribute `jaeger.debug` |
 *
 * @param resource from {@link resourceOfProcess}, the same array for all spans of a process
 * @throws InvalidSpanError
 */
export function convertJaegerSpan(
  span: JaegerSpan,
  resource: FlatAttributes,
): { origin: SpanOrigin; span: SpanSource } {
  const { traceId, spanId } = span;
  if (isZero(traceId)) throw new InvalidSpanError('the trace id is all zeros');
  if (isZero(spanId)) throw new InvalidSpanError('the span id is all zeros');
  const endNs = span.startNs + span.durationNs;
  checkTime(span.startNs, 'startTime');
  checkTime(endNs, 'startTime + duration');
  const fields = readOtelTags(span.tags);
  const parent = findParent(span);
  if ((span.flags & debugFlag) !== 0) fields.attributes.push('jaeger.debug', true);
  const links = span.references.filter((reference) => reference !== parent.reference && isIdPair(reference));
  return {
    origin: { resource, scopeName: fields.scopeName, scopeVersion: fields.scopeVersion },
    span: {
      traceId0: wordOfId(traceId, 0),
      traceId1: wordOfId(traceId, 1),
      traceId2: wordOfId(traceId, 2),
      traceId3: wordOfId(traceId, 3),
      spanId0: wordOfId(spanId, 0),
      spanId1: wordOfId(spanId, 1),
      parentSpanId0: wordOfId(parent.id, 0),
      parentSpanId1: wordOfId(parent.id, 1),
      traceState: fields.traceState,
      traceFlags: span.flags & sampledFlag,
      hasRemoteParent: !isZero(parent.id) && (fields.kind === server || fields.kind === consumer),
      name: span.operationName,
      kind: fields.kind,
      startSeconds: Number(span.startNs / nsPerSecond),
      startNanos: Number(span.startNs % nsPerSecond),
      endSeconds: Number(endNs / nsPerSecond),
      endNanos: Number(endNs % nsPerSecond),
      attributes: fields.attributes,
      droppedAttributes: fields.droppedAttributes,
      events: span.logs.map(toEvent),
      droppedEvents: fields.droppedEvents,
      links: links.map(toLink),
      droppedLinks: fields.droppedLinks + span.references.length - links.length - (parent.reference ? 1 : 0),
      statusCode: fields.statusCode,
      statusMessage: fields.statusMessage,
    },
  };
}

const sampledFlag = 1;
const debugFlag = 2;
const server = 2;
const consumer = 5;
const nsPerSecond = 1_000_000_000n;

/** OTLP counts in uint64, ClickHouse in int64: until the year 2262. */
const maxTimeNs = 2n ** 63n - 1n;

function checkTime(timeNs: bigint, name: string): void {
  if (timeNs >= 0n && timeNs <= maxTimeNs) return;
  throw new InvalidSpanError(`${name} must be from 1970-01-01 to 2262-04-11; got ${timeNs} nanoseconds`);
}

/** The parent, and the reference that says so, which is then no link. */
function findParent(span: JaegerSpan): { readonly id: string; readonly reference: JaegerReference | undefined } {
  const isParent = ({ type, traceId, spanId }: JaegerReference): boolean =>
    type === 'child_of' && traceId === span.traceId && (isZero(span.parentSpanId) || spanId === span.parentSpanId);
  const reference = span.references.find(isParent);
  return { id: isZero(span.parentSpanId) ? (reference?.spanId ?? span.parentSpanId) : span.parentSpanId, reference };
}

function toEvent({ timeNs, fields }: JaegerLog): EventSource {
  checkTime(timeNs, 'the timestamp of a log');
  const attributes: AttributeValue[] = [];
  let name = '';
  let droppedAttributes = 0;
  for (let i = 0; i < fields.length; i += 2) {
    const key = fields[i];
    const value = fields[i + 1];
    if (key === 'event' && typeof value === 'string') name = value;
    else if (key === 'otel.event.dropped_attributes_count') droppedAttributes = countOf(value) ?? 0;
    else attributes.push(key, value);
  }
  return {
    seconds: Number(timeNs / nsPerSecond),
    nanos: Number(timeNs % nsPerSecond),
    name,
    attributes,
    droppedAttributes,
  };
}

function toLink({ type, traceId, spanId }: JaegerReference): LinkSource {
  return {
    traceId,
    spanId,
    traceState: undefined,
    traceFlags: 0,
    isRemote: false,
    attributes: ['opentracing.ref_type', type],
    droppedAttributes: 0,
  };
}

function isIdPair({ traceId, spanId }: JaegerReference): boolean {
  return !isZero(traceId) && !isZero(spanId);
}

function isZero(id: string): boolean {
  return /^0*$/.test(id);
}

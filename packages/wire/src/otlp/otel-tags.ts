import { type AttributeValue, Double, type FlatAttributes } from './write-attributes.ts';

/**
 * What OpenTelemetry puts into the tags of formats that have no field for it, taken out of them again.
 *
 * | tag | field |
 * |---|---|
 * | `otel.status_code`, `otel.status_description`, `error` | status |
 * | `otel.scope.name`, `otel.scope.version`, formerly `otel.library.*` | scope |
 * | `otel.dropped_attributes_count`, `…_events_count`, `…_links_count` | the counts |
 * | `span.kind` | kind |
 * | `w3c.tracestate` | trace state |
 *
 * Specifications: "Mapping OpenTelemetry to non-OTLP formats", and those of the Zipkin and of the Jaeger exporter.
 */
export interface OtelTags {
  /** The tags that are left; of several with the same key, the last one. */
  readonly attributes: AttributeValue[];
  /** 0 unset, 1 ok, 2 error. */
  readonly statusCode: number;
  readonly statusMessage: string;
  readonly scopeName: string;
  readonly scopeVersion: string;
  readonly droppedAttributes: number;
  readonly droppedEvents: number;
  readonly droppedLinks: number;
  /** OTLP's SpanKind; internal when there is no such tag, since its exporters write none for internal spans. */
  readonly kind: number;
  readonly traceState: { serialize(): string } | undefined;
}

export function readOtelTags(tags: FlatAttributes): OtelTags {
  const left = new Map<string, AttributeValue>();
  for (let i = 0; i < tags.length; i += 2) left.set(tags[i] as string, tags[i + 1]);
  const takeText = (key: string): string | undefined => {
    const value = left.get(key);
    if (typeof value !== 'string') return undefined;
    left.delete(key);
    return value;
  };
  const takeCount = (key: string): number => {
    const count = countOf(left.get(key));
    if (count !== undefined) left.delete(key);
    return count ?? 0;
  };

  const kind = kindOf(left.get('span.kind'));
  if (kind !== undefined) left.delete('span.kind');
  const traceState = takeText('w3c.tracestate');
  const libraryName = takeText('otel.library.name');
  const libraryVersion = takeText('otel.library.version');
  const attributes: AttributeValue[] = [];
  const fields = {
    attributes,
    ...takeStatus(left, takeText),
    scopeName: takeText('otel.scope.name') ?? libraryName ?? '',
    scopeVersion: takeText('otel.scope.version') ?? libraryVersion ?? '',
    droppedAttributes: takeCount('otel.dropped_attributes_count'),
    droppedEvents: takeCount('otel.dropped_events_count'),
    droppedLinks: takeCount('otel.dropped_links_count'),
    kind: kind ?? internal,
    traceState: traceState === undefined ? undefined : { serialize: () => traceState },
  };
  for (const [key, value] of left) attributes.push(key, value);
  return fields;
}

/**
 * An explicit code wins. Without one, a tag `error` means failure, whatever its text but "false": Zipkin's clients write
 * the message there, OpenTracing's `true`. The tag stays when it says something that the status does not.
 */
function takeStatus(
  left: Map<string, AttributeValue>,
  takeText: (key: string) => string | undefined,
): { readonly statusCode: number; readonly statusMessage: string } {
  const error = left.get('error');
  const isFailure = error === true || (typeof error === 'string' && error.toLowerCase() !== 'false');
  const code = statusCodeOf(left.get('otel.status_code'));
  if (code !== undefined) left.delete('otel.status_code');
  const statusCode = code ?? (isFailure ? errorCode : 0);
  if (statusCode !== errorCode) return { statusCode, statusMessage: '' };
  if (isFailure) left.delete('error');
  const text = typeof error === 'string' && error.toLowerCase() !== 'true' ? error : '';
  const description = takeText('otel.status_description');
  if (description !== undefined && text !== '' && text !== description) left.set('error', error);
  return { statusCode, statusMessage: description ?? text };
}

const errorCode = 2;
const internal = 1;

const statusCodes: ReadonlyMap<string, number> = new Map([
  ['UNSET', 0],
  ['OK', 1],
  ['ERROR', errorCode],
]);

function statusCodeOf(value: AttributeValue): number | undefined {
  return typeof value === 'string' ? statusCodes.get(value.toUpperCase().replace(/^STATUS_CODE_/, '')) : undefined;
}

const kinds: ReadonlyMap<string, number> = new Map([
  ['unspecified', 0],
  ['internal', internal],
  ['server', 2],
  ['client', 3],
  ['producer', 4],
  ['consumer', 5],
]);

/** OTLP's SpanKind of a word such as `server`, in any case. */
export function kindOf(value: AttributeValue): number | undefined {
  return typeof value === 'string' ? kinds.get(value.toLowerCase()) : undefined;
}

/** A number that fits OTLP's uint32, as text or as any kind of number. */
export function countOf(value: AttributeValue): number | undefined {
  const number = value instanceof Double ? value.value : typeof value === 'bigint' ? Number(value) : value;
  const count = typeof number === 'string' && /^\d{1,10}$/.test(number) ? Number(number) : number;
  const isCount = typeof count === 'number' && Number.isInteger(count) && count >= 0 && count <= 0xffff_ffff;
  return isCount ? count : undefined;
}

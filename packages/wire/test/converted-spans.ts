import type { ConvertedSpans } from '@clew/wire';
import { decodeTraceRequest } from './write-decoding.js';

/** A span as the decoder of the tests reads it, with what stands around it. */
export interface DecodedSpan {
  readonly resource: Readonly<Record<string, unknown>>;
  readonly scope: { readonly name?: string; readonly version?: string };
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly traceState?: string;
  readonly name?: string;
  readonly kind?: bigint;
  readonly start?: bigint;
  readonly end?: bigint;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly droppedAttributes?: bigint;
  readonly events: readonly DecodedEvent[];
  readonly droppedEvents?: bigint;
  readonly links: readonly { traceId: string; spanId: string; attributes: Readonly<Record<string, unknown>> }[];
  readonly droppedLinks?: bigint;
  readonly status?: { readonly code?: bigint; readonly message?: string };
  readonly flags?: bigint;
}

export interface DecodedEvent {
  readonly time?: bigint;
  readonly name?: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly dropped?: bigint;
}

type Attributes = readonly { readonly key?: string; readonly value: unknown }[];

/** Attributes by key; a key that comes twice fails. */
function byKey(attributes: Attributes = []): Record<string, unknown> {
  const entries = attributes.map(({ key = '', value }) => [key, value] as const);
  if (new Set(entries.map(([key]) => key)).size !== entries.length) throw new Error('a key that comes twice');
  return Object.fromEntries(entries);
}

interface Raw {
  readonly attributes?: Attributes;
}

/** All spans of a converted request, in the order in which they stand there. */
export function decodeSpans({ request }: Pick<ConvertedSpans, 'request'>): DecodedSpan[] {
  const { resourceSpans = [] } = decodeTraceRequest(request) as {
    resourceSpans?: { resource: Raw; scopeSpans?: { scope: object; spans?: (Raw & Record<string, unknown>)[] }[] }[];
  };
  return resourceSpans.flatMap(({ resource, scopeSpans = [] }) =>
    scopeSpans.flatMap(({ scope, spans = [] }) =>
      spans.map(
        (span) =>
          ({
            ...span,
            resource: byKey(resource.attributes),
            scope,
            attributes: byKey(span.attributes),
            events: ((span.events ?? []) as Raw[]).map((event) => ({ ...event, attributes: byKey(event.attributes) })),
            links: ((span.links ?? []) as Raw[]).map((link) => ({ ...link, attributes: byKey(link.attributes) })),
          }) as unknown as DecodedSpan,
      ),
    ),
  );
}

import { formatTraceparent, parseTraceparent, Tracestate } from '@clew/wire';
import {
  type Context,
  isSpanContextValid,
  type TextMapGetter,
  type TextMapPropagator,
  type TextMapSetter,
} from '@opentelemetry/api';
import { PassiveSpan } from '../api/passive-span.ts';
import { SpanIdentity } from '../api/span-identity.ts';
import { contextWithSpan, spanOf } from '../context/clew-context.ts';
import { isTracingSuppressed } from '../context/context-manager.ts';

/** W3C Trace Context, level 2: the headers `traceparent` and `tracestate`. */
export class W3CTraceContextPropagator implements TextMapPropagator {
  inject(context: Context, carrier: unknown, setter: TextMapSetter): void {
    const span = spanOf(context);
    if (span === undefined || isTracingSuppressed(context)) return;
    // Ours are valid from the start.
    const known = span instanceof SpanIdentity ? span : span.spanContext();
    if (!(known instanceof SpanIdentity) && !isSpanContextValid(known)) return;
    setter.set(carrier, 'traceparent', traceparentOf(span));
    const state = known.traceState?.serialize();
    if (state !== undefined && state !== '') setter.set(carrier, 'tracestate', state);
  }

  extract(context: Context, carrier: unknown, getter: TextMapGetter): Context {
    const traceparent = getter.get(carrier, 'traceparent');
    // More than one traceparent: which of them to continue is unknown, so the trace restarts.
    const header = Array.isArray(traceparent) && traceparent.length === 1 ? traceparent[0] : traceparent;
    if (typeof header !== 'string') return context;
    const tracestate = getter.get(carrier, 'tracestate');
    const span = readRemoteParent(header, Array.isArray(tracestate) ? tracestate.join(',') : tracestate);
    return span === undefined ? context : contextWithSpan(context, span);
  }

  fields(): string[] {
    return ['traceparent', 'tracestate'];
  }
}

/** The caller's span, from its headers; undefined when a new trace must start. */
export function readRemoteParent(traceparent: string, tracestate: string | undefined): PassiveSpan | undefined {
  const parent = parseTraceparent(traceparent);
  if (parent === undefined) return undefined;
  const span = new PassiveSpan();
  const state = tracestate === undefined || tracestate === '' ? undefined : new Tracestate(tracestate);
  span.adopt(parent.traceId, parent.spanId, parent.flags, state);
  span.isRemote = true;
  return span;
}

/** The `traceparent` that names a span as the parent. */
export function traceparentOf(
  span: SpanIdentity | { spanContext(): { traceId: string; spanId: string; traceFlags: number } },
): string {
  if (span instanceof SpanIdentity) return formatTraceparent(span.traceIdHex(), span.spanIdHex(), span.traceFlags);
  const { traceId, spanId, traceFlags } = span.spanContext();
  return formatTraceparent(traceId, spanId, traceFlags);
}

import { type Context, propagation } from '@opentelemetry/api';
import type { SpanIdentity } from '../api/span-identity.ts';
import { baggageOf } from '../context/clew-context.ts';
import { writeBaggageHeader } from '../propagate/baggage-propagator.ts';
import { traceparentOf } from '../propagate/trace-context-propagator.ts';

/** `traceparent`, `tracestate` and `baggage` for a request of this span. */
export function outgoingHeaders(span: SpanIdentity, context: Context): [name: string, value: string][] {
  const headers: [string, string][] = [['traceparent', traceparentOf(span)]];
  const state = span.traceState?.serialize();
  if (state !== undefined && state !== '') headers.push(['tracestate', state]);
  const baggage = baggageOf(context);
  const baggageHeader = baggage === undefined ? '' : writeBaggageHeader(baggage);
  if (baggageHeader !== '') headers.push(['baggage', baggageHeader]);
  return headers;
}

/** The context for a host that must not see the baggage. */
export function withoutBaggage(context: Context): Context {
  return baggageOf(context) === undefined ? context : propagation.deleteBaggage(context);
}

import { maxBaggageBytes, maxBaggageMembers } from '@clew/wire';
import { type Context, propagation } from '@opentelemetry/api';
import type { SpanIdentity } from '../api/span-identity.ts';
import { baggageOf } from '../context/clew-context.ts';
import { writeBaggageHeader } from '../propagate/baggage-propagator.ts';
import { reportDroppedBaggage } from '../propagate/dropped-baggage.ts';
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

/**
 * A header's value when the app has set one of that name itself. Trace context is ours, since two would break the trace.
 * Baggage is a list: the app's members stay, and those of ours follow whose keys the app has not used, within the limits
 * of W3C Baggage.
 *
 * @param own values that the app has set; none: ours alone.
 */
export function addToHeader(name: string, own: readonly string[], ours: string): string {
  if (name !== 'baggage') return ours;
  const members = own.flatMap((header) => header.split(',')).filter((member) => member.trim() !== '');
  if (members.length === 0) return ours;
  const keys = new Set(members.map(keyOf));
  let header = members.join(',');
  let count = members.length;
  for (const member of ours.split(',')) {
    const key = keyOf(member);
    if (keys.has(key)) continue;
    if (count >= maxBaggageMembers || header.length + 1 + member.length > maxBaggageBytes) {
      reportDroppedBaggage(key);
      continue;
    }
    header += `,${member}`;
    count++;
  }
  return header;
}

function keyOf(member: string): string {
  const equals = member.indexOf('=');
  return member.slice(0, equals < 0 ? undefined : equals).trim();
}

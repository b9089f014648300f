import { formatBaggage, parseBaggage } from '@clew/wire';
import {
  type Baggage,
  type BaggageEntry,
  baggageEntryMetadataFromString,
  type Context,
  propagation,
  type TextMapGetter,
  type TextMapPropagator,
  type TextMapSetter,
} from '@opentelemetry/api';
import { baggageOf } from '../context/clew-context.ts';
import { isTracingSuppressed } from '../context/context-manager.ts';
import { reportDroppedBaggage } from './dropped-baggage.ts';

/** W3C Baggage: the header `baggage`. A member's properties are its entry's metadata. */
export class W3CBaggagePropagator implements TextMapPropagator {
  inject(context: Context, carrier: unknown, setter: TextMapSetter): void {
    const baggage = baggageOf(context);
    if (baggage === undefined || isTracingSuppressed(context)) return;
    const header = writeBaggageHeader(baggage);
    if (header !== '') setter.set(carrier, 'baggage', header);
  }

  extract(context: Context, carrier: unknown, getter: TextMapGetter): Context {
    const header = getter.get(carrier, 'baggage');
    if (header === undefined) return context;
    const baggage = readBaggageHeader(Array.isArray(header) ? header.join(',') : String(header));
    return baggage === undefined ? context : propagation.setBaggage(context, baggage);
  }

  fields(): string[] {
    return ['baggage'];
  }
}

/** The baggage in a header; undefined when there is none. */
export function readBaggageHeader(header: string): Baggage | undefined {
  const members = parseBaggage(header);
  if (members.length === 0) return undefined;
  // No prototype: a member may be called __proto__.
  const entries: Record<string, BaggageEntry> = Object.create(null) as Record<string, BaggageEntry>;
  for (const { key, value, properties } of members) {
    entries[key] = properties === '' ? { value } : { value, metadata: baggageEntryMetadataFromString(properties) };
  }
  return propagation.createBaggage(entries);
}

/** The header for a baggage; empty when nothing in it can be sent. */
export function writeBaggageHeader(baggage: Baggage): string {
  return formatBaggage(
    baggage.getAllEntries().map(([key, { value, metadata }]) => ({
      key,
      value: String(value),
      properties: metadata?.toString() ?? '',
    })),
    reportDroppedBaggage,
  );
}

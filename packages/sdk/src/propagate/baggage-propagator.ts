import { formatBaggage } from '@clew/wire';
import {
  type Baggage,
  type Context,
  propagation,
  type TextMapGetter,
  type TextMapPropagator,
  type TextMapSetter,
} from '@opentelemetry/api';
import { baggageOf } from '../context/clew-context.ts';
import { isTracingSuppressed } from '../context/context-manager.ts';
import { reportDroppedBaggage } from './dropped-baggage.ts';
import { HeaderBaggage } from './header-baggage.ts';

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
    if (header === undefined || header.length === 0) return context;
    return propagation.setBaggage(
      context,
      new HeaderBaggage(Array.isArray(header) ? header.join(',') : String(header)),
    );
  }

  fields(): string[] {
    return ['baggage'];
  }
}

/** The header for a baggage; empty when nothing in it can be sent. */
export function writeBaggageHeader(baggage: Baggage): string {
  if (baggage instanceof HeaderBaggage) return baggage.serialize();
  return formatBaggage(
    baggage.getAllEntries().map(([key, { value, metadata }]) => ({
      key,
      value: String(value),
      properties: metadata?.toString() ?? '',
    })),
    reportDroppedBaggage,
  );
}

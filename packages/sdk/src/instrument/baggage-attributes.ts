import type { AttributeValue } from '@clew/wire';
import type { Context } from '@opentelemetry/api';
import { baggageOf } from '../context/clew-context.ts';

/** Adds those baggage entries to a span's attributes that were asked for by key. */
export function pushBaggageAttributes(attributes: AttributeValue[], context: Context, keys: readonly string[]): void {
  const baggage = keys.length === 0 ? undefined : baggageOf(context);
  if (baggage === undefined) return;
  for (const key of keys) {
    const entry = baggage.getEntry(key);
    if (entry !== undefined) attributes.push(key, entry.value);
  }
}

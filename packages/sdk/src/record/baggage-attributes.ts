import type { AttributeValue, FlatAttributes } from '@clew/wire';
import type { Context } from '@opentelemetry/api';
import { baggageOf } from '../context/clew-context.ts';

/** The entries of the context's baggage that `keys` name, in front of `attributes`, which so win over them. */
export function withBaggage(
  attributes: FlatAttributes | undefined,
  context: Context,
  keys: readonly string[],
): FlatAttributes | undefined {
  const baggage = baggageOf(context);
  if (baggage === undefined) return attributes;
  const all: AttributeValue[] = [];
  for (const key of keys) {
    const entry = baggage.getEntry(key);
    if (entry !== undefined) all.push(key, entry.value);
  }
  if (attributes !== undefined) for (const item of attributes) all.push(item);
  return all;
}

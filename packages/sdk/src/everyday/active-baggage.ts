import { type BaggageEntry, context, propagation } from '@opentelemetry/api';

/** The baggage that came with the request, or was added by {@link withBaggage}. */
export const baggage: {
  /** The value of an entry, or undefined. */
  get(key: string): string | undefined;
  /** All entries. */
  all(): Record<string, string>;
} = {
  get: (key) => propagation.getActiveBaggage()?.getEntry(key)?.value,
  all: () =>
    Object.fromEntries((propagation.getActiveBaggage()?.getAllEntries() ?? []).map(([key, { value }]) => [key, value])),
};

/**
 * Runs `fn` with these entries added to the baggage, and gives back what it returns. They go out with every request that
 * is sent meanwhile, so they are no place for secrets. An entry that is there already is replaced.
 */
export function withBaggage<Result>(entries: Readonly<Record<string, string>>, fn: () => Result): Result {
  const active = context.active();
  let extended = propagation.getBaggage(active) ?? propagation.createBaggage();
  for (const [key, value] of Object.entries(entries)) {
    const entry: BaggageEntry = { value: String(value) };
    extended = extended.setEntry(key, entry);
  }
  return context.with(propagation.setBaggage(active, extended), fn) as Result;
}

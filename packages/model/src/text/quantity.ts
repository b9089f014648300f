/** Sizes of units in a base unit, by symbol. */
export type Units = Readonly<Record<string, number>>;

/**
 * Reads a number with a unit, such as `1.5s` or `50 GiB`; answers it in the base unit, or undefined when the text is
 * something else. The unit `''` stands for a number alone.
 */
export function parseQuantity(text: string, units: Units): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([a-zµμ]*)$/i.exec(text.trim());
  if (match === null || !Object.hasOwn(units, match[2]!)) return undefined;
  return Number(match[1]) * units[match[2]!]!;
}

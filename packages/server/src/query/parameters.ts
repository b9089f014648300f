import { ClewError } from '../errors.ts';

/** The query parameters of a request as the HTTP server parses them. */
export type RawParameters = Readonly<Record<string, string | readonly string[] | undefined>>;

/** @throws ClewError CLEW_PARAMETER_UNKNOWN: a misspelt condition would silently widen the search. */
export function refuseUnknown(raw: RawParameters, known: readonly string[]): void {
  for (const name of Object.keys(raw)) {
    if (!known.includes(name)) throw new ClewError('CLEW_PARAMETER_UNKNOWN', { name, known: known.join(', ') });
  }
}

/** All values of a parameter that may be repeated. */
export function readAll(raw: RawParameters, name: string): readonly string[] {
  const value = raw[name];
  if (value === undefined) return [];
  return typeof value === 'string' ? [value] : value;
}

/** The value of a parameter that may be given once; empty counts as not given. */
export function readOne(raw: RawParameters, name: string): string | undefined {
  const values = readAll(raw, name);
  if (values.length > 1) refuse(name, values, 'given once');
  return values[0] || undefined;
}

/** A whole number in decimal digits. */
export function readInteger(raw: RawParameters, name: string, min: number, max: number): number | undefined {
  const text = readOne(raw, name);
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < min || value > max) refuse(name, text, `a whole number from ${min} to ${max}`);
  return value;
}

/** @throws ClewError CLEW_PARAMETER_INVALID */
export function refuse(name: string, value: unknown, expected: string): never {
  throw new ClewError('CLEW_PARAMETER_INVALID', { name, value: JSON.stringify(value), expected });
}

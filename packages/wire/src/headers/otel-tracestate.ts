/*
 * OpenTelemetry's own member of a tracestate, `ot`, is a list of sub-keys with values (OpenTelemetry specification,
 * "TraceState Handling"):
 *
 *   ot=th:fd70a4;rv:0123456789abcd
 *
 * Two of them belong to consistent probability sampling. `th` is the rejection threshold, 1 to 14 hex digits of a 56-bit
 * number whose trailing zeros are left out; `rv` is an explicit randomness value of exactly 14 lower-case hex digits.
 */

/** Longest value of a tracestate member. */
const maxValueChars = 256;

/** The value of a sub-key in the value of `ot`; undefined when it is not there. */
export function readOtelSubkey(value: string | undefined, key: string): string | undefined {
  if (value === undefined) return undefined;
  for (const part of value.split(';')) {
    if (part.length > key.length && part[key.length] === ':' && part.startsWith(key)) return part.slice(key.length + 1);
  }
  return undefined;
}

/**
 * The value of `ot` with one sub-key set, or taken out when `setting` is undefined; the others keep their order.
 * Undefined when nothing is left. A value that would exceed 256 characters is not set, and an old one is taken out: it
 * would be wrong.
 */
export function writeOtelSubkey(
  value: string | undefined,
  key: string,
  setting: string | undefined,
): string | undefined {
  const others = (value ?? '').split(';').filter((part) => part !== '' && !part.startsWith(`${key}:`));
  if (setting !== undefined) {
    const changed = [`${key}:${setting}`, ...others].join(';');
    if (changed.length <= maxValueChars) return changed;
  }
  return others.length === 0 ? undefined : others.join(';');
}

/** The 56 bits of an `rv` as 24 high and 32 low ones; undefined when it is none. */
export function parseRandomness(rv: string | undefined): { readonly high: number; readonly low: number } | undefined {
  if (rv === undefined || !/^[0-9a-f]{14}$/.test(rv)) return undefined;
  return { high: Number.parseInt(rv.slice(0, 6), 16), low: Number.parseInt(rv.slice(6), 16) };
}

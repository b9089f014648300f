import { writeNotice } from './notice.ts';

/*
 * The OTEL_* variables, read as OpenTelemetry's "Environment Variable Specification" says: empty means unset, only
 * "true" in any case is true, and a value that cannot be understood is ignored with a warning.
 */

export function readText(name: string): string | undefined {
  const text = process.env[name]?.trim();
  return text === '' ? undefined : text;
}

/** @param whenUnset also the value of a text that is neither true nor false. */
export function readBoolean(name: string, whenUnset = false): boolean {
  const text = readText(name)?.toLowerCase();
  if (text === undefined) return whenUnset;
  if (text === 'true' || text === 'false') return text === 'true';
  writeNotice('warn', `${name}=${text} is taken as ${whenUnset}: only ${!whenUnset} is ${!whenUnset}, in any case`);
  return whenUnset;
}

/** A number of `[min, …)`, or undefined. */
export function readNumber(name: string, min = 0): number | undefined {
  const text = readText(name);
  if (text === undefined) return undefined;
  const value = Number(text);
  if (Number.isFinite(value) && value >= min) return value;
  writeNotice('warn', `${name}=${text} is ignored and the default used: a number from ${min} is needed`);
  return undefined;
}

/** Names separated by commas. */
export function readList(name: string): string[] | undefined {
  const text = readText(name);
  return text
    ?.split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

/**
 * `key=value,key=value` with percent-encoded values, as in W3C Baggage. One entry that cannot be decoded discards the
 * whole variable, with a warning.
 */
export function readPairs(name: string): [key: string, value: string][] {
  const pairs: [string, string][] = [];
  for (const entry of readList(name) ?? []) {
    const equals = entry.indexOf('=');
    const key = entry.slice(0, Math.max(0, equals)).trim();
    const value = decode(entry.slice(equals + 1).trim());
    if (key === '' || value === undefined) {
      writeNotice('warn', `${name} is ignored as a whole: "${entry}" is not key=value with percent-encoding`);
      return [];
    }
    pairs.push([key, value]);
  }
  return pairs;
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

import type { SearchRequest } from '@clew/model';

/** The search as it stands in the address of the page. Names and forms are Jaeger's, so that its links work here. */
export interface SearchAddress {
  readonly service?: string;
  readonly operation?: string;
  /** Attribute conditions, a JSON object of strings. */
  readonly tags?: string;
  /** Unix microseconds, as Jaeger has them. */
  readonly start?: string;
  readonly end?: string;
  /** `15m`, `1h`, `2d`, or `custom`. */
  readonly lookback?: string;
  readonly limit?: string;
  readonly minDuration?: string;
  readonly maxDuration?: string;
}

const fields = [
  'service',
  'operation',
  'tags',
  'start',
  'end',
  'lookback',
  'limit',
  'minDuration',
  'maxDuration',
] as const;

/** Keeps what is known and not empty. */
export function addressOf(query: Readonly<Record<string, unknown>>): SearchAddress {
  const address: { -readonly [Field in keyof SearchAddress]: SearchAddress[Field] } = {};
  for (const field of fields) {
    const value = query[field];
    if (typeof value === 'string' && value !== '') address[field] = value;
  }
  return address;
}

/** What to ask the server for. A `start` and `end` in the address win over its look-back. */
export function requestOf(address: SearchAddress, nowMs: number): SearchRequest {
  const lookbackMs = parseLookback(address.lookback ?? '');
  const startMs =
    microseconds(address.start, Math.floor) ?? (lookbackMs === undefined ? undefined : nowMs - lookbackMs);
  return {
    service: address.service,
    operation: address.operation,
    attribute: Object.entries(conditionsOf(address.tags)).map(([key, value]) => `${key}=${value}`),
    minDuration: address.minDuration,
    maxDuration: address.maxDuration,
    start: startMs,
    end: microseconds(address.end, Math.ceil) ?? (lookbackMs === undefined ? undefined : nowMs),
    limit: address.limit === undefined ? undefined : Number(address.limit),
  };
}

function microseconds(text: string | undefined, round: (value: number) => number): number | undefined {
  const value = Number(text);
  return text === undefined || !Number.isFinite(value) ? undefined : round(value / 1000);
}

/** Milliseconds of `15m`, `1h`, `2d`; undefined for anything else. */
export function parseLookback(text: string): number | undefined {
  const match = /^(\d+)([smhd])$/.exec(text);
  if (match === null) return undefined;
  const unitMs = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }[match[2] as 's' | 'm' | 'h' | 'd'];
  return Number(match[1]) * unitMs;
}

/** The conditions in `tags`; none when it is not a JSON object. */
export function conditionsOf(tags: string | undefined): Record<string, string> {
  try {
    const parsed: unknown = JSON.parse(tags ?? '{}');
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return {};
    return Object.fromEntries(Object.entries(parsed).map(([key, value]) => [key, String(value)]));
  } catch {
    return {};
  }
}

/** `key=value other="two words"` as typed into the form. Undefined when it is something else. */
export function parseConditions(text: string): Record<string, string> | undefined {
  const conditions: Record<string, string> = {};
  const pattern = /\s*([^\s="]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s"]*))(?=\s|$)/y;
  let at = 0;
  const end = text.trimEnd().length;
  while (at < end) {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match === null) return undefined;
    conditions[match[1]!] = match[2]?.replace(/\\(.)/g, '$1') ?? match[3]!;
    at = pattern.lastIndex;
  }
  return conditions;
}

/** The inverse of {@link parseConditions}. */
export function formatConditions(conditions: Readonly<Record<string, string>>): string {
  return Object.entries(conditions)
    .map(([key, value]) => `${key}=${/^[^\s"]+$/.test(value) ? value : `"${value.replace(/["\\]/g, '\\$&')}"`}`)
    .join(' ');
}

/** A duration as the server takes it (`1.5s`, `200ms`, `300us`, `7ns`), or undefined when it is none. */
export function parseDuration(text: string): string | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*(ns|us|µs|μs|ms|s)$/i.exec(text.trim());
  if (match === null) return undefined;
  return `${match[1]}${match[2]!.toLowerCase().replace(/[µμ]/, 'u')}`;
}

import {
  type AttributeCondition,
  formatCondition,
  formatTags,
  parseDurationNs,
  parseLookbackMs,
  parseTags,
  type SearchRequest,
} from '@clew/model';
import type { MessageId } from '../messages/en.ts';

/** The search as it stands in the address of the page. Names and forms are Jaeger's, so that its links work here. */
export interface SearchAddress {
  readonly service?: string;
  readonly operation?: string;
  /** Attribute conditions, a JSON object, see `parseTags`. */
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

export type SearchField = keyof SearchAddress;

/** Query parameters of a page; one that is given several times has all of its values. */
export type PageQuery = Readonly<Record<string, string | readonly string[]>>;

const fields: readonly string[] = [
  'service',
  'operation',
  'tags',
  'start',
  'end',
  'lookback',
  'limit',
  'minDuration',
  'maxDuration',
] satisfies readonly SearchField[];

/** Parameters of Jaeger's search page that change how it looks, not what it finds. */
const withoutEffect = /^(view|sortBy|uiEmbed|ui(Search|Timeline)[A-Z]\w*)$/;

/** Traces that one search shows at most, see `SearchRequest`. */
const maxLimit = 1000;

export type FieldErrors = Readonly<Partial<Record<SearchField, MessageId>>>;

export interface SearchReading {
  readonly address: SearchAddress;
  /** Parameters that are not understood, as `name=value`. A search without them would find too much. */
  readonly unknown: readonly string[];
  readonly errors: FieldErrors;
}

/** Reads the address of a search page. With anything in `unknown` or `errors` it must not be searched for. */
export function readSearchAddress(query: PageQuery): SearchReading {
  const address: Partial<Record<SearchField, string>> = {};
  const unknown: string[] = [];
  for (const [name, given] of Object.entries(query)) {
    const values = new Set((typeof given === 'string' ? [given] : given).filter((one) => one !== ''));
    if (withoutEffect.test(name)) continue;
    const [first = ''] = values;
    if (fields.includes(name) && values.size === 1) address[name as SearchField] = first;
    else if (name !== 'tag') for (const value of values) unknown.push(`${name}=${value}`);
  }
  const oldTags = [query.tag ?? []].flat();
  const tags = mergeTags(address.tags, oldTags);
  if (tags === undefined) unknown.push(...oldTags.map((one) => `tag=${one}`));
  else if (tags !== '') address.tags = tags;
  return { address, unknown, errors: findErrors(address) };
}

/** Adds Jaeger's older form of conditions, `tag=key:value` a condition. Undefined when one of them has no key. */
function mergeTags(tags: string | undefined, oldTags: readonly string[]): string | undefined {
  if (oldTags.length === 0) return tags ?? '';
  const added: AttributeCondition[] = [];
  for (const text of oldTags) {
    const colon = text.indexOf(':');
    if (colon < 1) return undefined;
    added.push({ key: text.slice(0, colon), value: text.slice(colon + 1) });
  }
  const conditions = readTags(tags);
  return conditions === undefined ? undefined : formatTags([...conditions, ...added]);
}

function findErrors(address: SearchAddress): FieldErrors {
  const { start, end, lookback, limit } = address;
  const errors: Partial<Record<SearchField, MessageId>> = {
    ...checkDurations(address.minDuration, address.maxDuration),
  };
  if (readTags(address.tags) === undefined) errors.tags = 'search.tagsWrong';
  for (const field of ['start', 'end'] as const) {
    if (address[field] !== undefined && !/^\d{1,19}$/.test(address[field])) errors[field] = 'search.timeWrong';
  }
  if (start !== undefined && end !== undefined && errors.start === undefined && errors.end === undefined) {
    if (BigInt(start) > BigInt(end)) errors.end = 'search.endWrong';
  }
  if (lookback === 'custom' ? start === undefined : lookback !== undefined && parseLookbackMs(lookback) === undefined) {
    errors.lookback = 'search.lookbackWrong';
  }
  if (limit !== undefined && !isLimit(limit)) errors.limit = 'search.limitWrong';
  return errors;
}

function isLimit(text: string): boolean {
  return /^\d{1,4}$/.test(text) && Number(text) >= 1 && Number(text) <= maxLimit;
}

/** What is wrong with the bounds of the duration, as typed; empty ones are none. */
export function checkDurations(min = '', max = ''): FieldErrors {
  const minNs = parseDurationNs(min);
  const maxNs = parseDurationNs(max);
  return {
    ...(min !== '' && minNs === undefined ? { minDuration: 'search.durationWrong' } : {}),
    ...(max !== '' && maxNs === undefined ? { maxDuration: 'search.durationWrong' } : {}),
    ...(minNs !== undefined && maxNs !== undefined && minNs > maxNs ? { minDuration: 'search.durationOrder' } : {}),
  };
}

/** What to ask the server for. The address has no errors. Its `start` and `end` win over its look-back. */
export function requestOf(address: SearchAddress, nowMs: number): SearchRequest {
  const lookbackMs = parseLookbackMs(address.lookback ?? '');
  const window =
    address.start === undefined && lookbackMs !== undefined ? { start: nowMs - lookbackMs, end: nowMs } : {};
  return {
    service: address.service,
    operation: address.operation,
    attribute: conditionsOf(address.tags).map(formatCondition),
    minDuration: withoutSpaces(address.minDuration),
    maxDuration: withoutSpaces(address.maxDuration),
    ...window,
    ...(address.start !== undefined && { start: Number(BigInt(address.start) / 1000n) }),
    ...(address.end !== undefined && { end: Number((BigInt(address.end) + 999n) / 1000n) }),
    limit: address.limit === undefined ? undefined : Number(address.limit),
  };
}

function withoutSpaces(duration: string | undefined): string | undefined {
  return duration?.replaceAll(' ', '');
}

/** The conditions in `tags`; undefined when it is something else. */
function readTags(tags: string | undefined): readonly AttributeCondition[] | undefined {
  try {
    return parseTags(tags ?? '{}');
  } catch {
    return undefined;
  }
}

/** The conditions in `tags` of an address; none when it has an error. */
export function conditionsOf(tags: string | undefined): readonly AttributeCondition[] {
  return readTags(tags) ?? [];
}

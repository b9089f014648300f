import type { RedactionRequest } from '@clew/model';
import { refuse, refuseUnknown } from '../query/parameters.ts';
import { maxTimeMs } from '../query/window.ts';

/** A `RedactionRequest` of the API, checked. */
export interface RedactionTarget {
  readonly key: string;
  /** Only where the attribute has this text. */
  readonly value: string | undefined;
  /** Unix milliseconds, both included. */
  readonly startMs: number | undefined;
  readonly endMs: number | undefined;
}

const maxKeyLength = 1_000;
/** They are part of a statement, and of every row that is looked at. */
const maxValueLength = 10_000;

/**
 * Checks the body of `POST /clew/v1/redactions`.
 * @throws ClewError CLEW_PARAMETER_INVALID, CLEW_PARAMETER_UNKNOWN
 */
export function parseRedaction(body: unknown): RedactionTarget {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    refuse('body', body, 'a JSON object such as {"key":"user.email"}');
  }
  refuseUnknown(body as Record<string, undefined>, ['key', 'value', 'start', 'end']);
  const { key, value, start, end } = body as RedactionRequest;
  if (typeof key !== 'string' || key === '' || key.length > maxKeyLength) {
    refuse('key', key, `the key of an attribute, of 1 to ${maxKeyLength} characters`);
  }
  if (value !== undefined && (typeof value !== 'string' || value.length > maxValueLength)) {
    refuse('value', value, `a text of at most ${maxValueLength} characters`);
  }
  const startMs = readTime('start', start);
  const endMs = readTime('end', end);
  if (startMs !== undefined && endMs !== undefined && startMs > endMs)
    refuse('start', startMs, `at most the end, ${endMs}`);
  return { key, value, startMs, endMs };
}

function readTime(name: string, value: unknown): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= maxTimeMs) return value;
  return refuse(name, value, `Unix time in milliseconds, up to ${maxTimeMs}`);
}

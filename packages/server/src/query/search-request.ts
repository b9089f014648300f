import {
  type AttributeCondition,
  ConditionError,
  durationSyntax,
  parseCondition,
  parseDurationNs,
  type SpanKindName,
  type SpanStatusName,
  spanKindNames,
  spanStatusNames,
} from '@clew/model';
import { type RawParameters, readAll, readInteger, readOne, refuse, refuseUnknown } from './parameters.ts';
import { type Cursor, parseCursor } from './search-cursor.ts';
import { readWindow, type Window } from './window.ts';

const defaultLimit = 20;
const maxLimit = 1000;
const maxAttributes = 20;

const known = [
  'service',
  'operation',
  'kind',
  'status',
  'attribute',
  'minDuration',
  'maxDuration',
  'start',
  'end',
  'limit',
  'cursor',
  'allowRepeats',
] as const;

/** A `SearchRequest` of the API, checked and complete. Conditions are on one span and joined by AND. */
export interface Search extends Window {
  readonly service: string | undefined;
  readonly operation: string | undefined;
  readonly kind: SpanKindName | undefined;
  readonly status: SpanStatusName | undefined;
  readonly attributes: readonly AttributeCondition[];
  readonly minDurationNs: number | undefined;
  readonly maxDurationNs: number | undefined;
  readonly limit: number;
  readonly cursor: Cursor | undefined;
  readonly allowRepeats: boolean;
}

/**
 * Checks the query parameters of `GET /clew/v1/search`.
 * @throws ClewError CLEW_PARAMETER_INVALID, CLEW_PARAMETER_UNKNOWN
 */
export function parseSearch(raw: RawParameters, nowMs: number): Search {
  refuseUnknown(raw, known);
  const cursor = readCursor(raw);
  const { startMs, endMs } = readWindow(raw, nowMs, cursor?.window);
  const minDurationNs = readDuration(raw, 'minDuration');
  const maxDurationNs = readDuration(raw, 'maxDuration');
  if (minDurationNs !== undefined && maxDurationNs !== undefined && minDurationNs > maxDurationNs) {
    refuse('minDuration', readOne(raw, 'minDuration'), `at most maxDuration, ${readOne(raw, 'maxDuration')}`);
  }
  return {
    service: readOne(raw, 'service'),
    operation: readOne(raw, 'operation'),
    kind: readName(raw, 'kind', spanKindNames),
    status: readName(raw, 'status', spanStatusNames),
    attributes: readAttributes(raw),
    minDurationNs,
    maxDurationNs,
    startMs,
    endMs,
    limit: readInteger(raw, 'limit', 1, maxLimit) ?? defaultLimit,
    cursor,
    allowRepeats: readName(raw, 'allowRepeats', ['false', 'true']) === 'true',
  };
}

function readCursor(raw: RawParameters): Cursor | undefined {
  const text = readOne(raw, 'cursor');
  if (text === undefined) return undefined;
  return parseCursor(text) ?? refuse('cursor', text, 'what `next` of an answer is');
}

function readName<Name extends string>(raw: RawParameters, name: string, names: readonly Name[]): Name | undefined {
  const text = readOne(raw, name);
  if (text === undefined) return undefined;
  return names.find((each) => each === text.toLowerCase()) ?? refuse(name, text, `one of ${names.join(', ')}`);
}

function readDuration(raw: RawParameters, name: string): number | undefined {
  const text = readOne(raw, name);
  if (text === undefined) return undefined;
  return parseDurationNs(text) ?? refuse(name, text, durationSyntax);
}

function readAttributes(raw: RawParameters): readonly AttributeCondition[] {
  const conditions = readAll(raw, 'attribute').filter((text) => text !== '');
  if (conditions.length > maxAttributes) {
    refuse('attribute', `${conditions.length} conditions`, `given at most ${maxAttributes} times`);
  }
  return conditions.map((text) => {
    try {
      return parseCondition(text);
    } catch (error) {
      if (error instanceof ConditionError) refuse('attribute', text, error.message);
      throw error;
    }
  });
}

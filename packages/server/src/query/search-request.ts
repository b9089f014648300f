import { durationSyntax, parseDurationNs } from '@clew/model';
import { type RawParameters, readAll, readInteger, readOne, refuse, refuseUnknown } from './parameters.ts';
import { readWindow, type Window } from './window.ts';

const defaultLimit = 20;
const maxLimit = 1000;
const maxAttributes = 20;

const known = ['service', 'operation', 'attribute', 'minDuration', 'maxDuration', 'start', 'end', 'limit'] as const;

export interface AttributeCondition {
  readonly key: string;
  /** Compared with the text of the attribute, of whatever type it is. */
  readonly value: string;
}

/** A `SearchRequest` of the API, checked and complete. Conditions are on one span and joined by AND. */
export interface Search extends Window {
  readonly service: string | undefined;
  readonly operation: string | undefined;
  readonly attributes: readonly AttributeCondition[];
  readonly minDurationNs: number | undefined;
  readonly maxDurationNs: number | undefined;
  readonly limit: number;
}

/**
 * Checks the query parameters of `GET /clew/v1/search`.
 * @throws ClewError CLEW_PARAMETER_INVALID, CLEW_PARAMETER_UNKNOWN
 */
export function parseSearch(raw: RawParameters, nowMs: number): Search {
  refuseUnknown(raw, known);
  const { startMs, endMs } = readWindow(raw, nowMs);
  const minDurationNs = readDuration(raw, 'minDuration');
  const maxDurationNs = readDuration(raw, 'maxDuration');
  if (minDurationNs !== undefined && maxDurationNs !== undefined && minDurationNs > maxDurationNs) {
    refuse('minDuration', readOne(raw, 'minDuration'), `at most maxDuration, ${readOne(raw, 'maxDuration')}`);
  }
  return {
    service: readOne(raw, 'service'),
    operation: readOne(raw, 'operation'),
    attributes: readAttributes(raw),
    minDurationNs,
    maxDurationNs,
    startMs,
    endMs,
    limit: readInteger(raw, 'limit', 1, maxLimit) ?? defaultLimit,
  };
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
    // Keys of the semantic conventions have no equals sign; values may.
    const split = text.indexOf('=');
    if (split < 1) refuse('attribute', text, 'key=value');
    return { key: text.slice(0, split), value: text.slice(split + 1) };
  });
}

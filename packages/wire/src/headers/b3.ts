import { type Caller, type CallerDecision, callerOf } from './caller.ts';

/** The headers of B3's form with several; the names are in lower case, as HTTP's case does not matter. */
export interface B3Headers {
  readonly traceId: string | undefined;
  readonly spanId: string | undefined;
  /** `1` or `0`; before B3 was written down, `true` or `false`. */
  readonly sampled: string | undefined;
  /** `1` means debug, which comes without `sampled`. */
  readonly flags: string | undefined;
}

/*
 *   b3: 80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1-05e3ac9a4f6e3b90
 *       trace id, 16 or 32 digits        span id          |  parent's span id
 *                                                         1, 0, d, or left out
 */
const singlePattern = /^([0-9a-f]{16}|[0-9a-f]{32})-([0-9a-f]{16})(?:-([01d])(?:-[0-9a-f]{16})?)?$/i;

/**
 * Reads a `b3` header (openzipkin/b3-propagation, "Single Header"); undefined when it names no span. Trace ids of 64
 * bits are padded with zeros. The parent's id is not used.
 */
export function parseB3(header: string): Caller | undefined {
  const match = singlePattern.exec(header.trim());
  if (match === null) return undefined;
  return callerOf(match[1]!, match[2]!, decisionOfState[(match[3] ?? '').toLowerCase()]!);
}

const decisionOfState: Readonly<Record<string, CallerDecision>> = { '': 'defer', 0: 'drop', 1: 'keep', d: 'debug' };

/** Reads B3's several headers; undefined when they name no span, or the decision is none. */
export function parseB3Headers({ traceId, spanId, sampled, flags }: B3Headers): Caller | undefined {
  if (traceId === undefined || spanId?.length !== 16) return undefined;
  if (traceId.length !== 16 && traceId.length !== 32) return undefined;
  const decision = flags === '1' ? 'debug' : decisionOfSampled[(sampled ?? '').toLowerCase()];
  return decision === undefined ? undefined : callerOf(traceId, spanId, decision);
}

const decisionOfSampled: Readonly<Record<string, CallerDecision>> = Object.assign(Object.create(null), {
  '': 'defer',
  0: 'drop',
  false: 'drop',
  1: 'keep',
  true: 'keep',
});

/** Writes a `b3` header. */
export function formatB3(traceId: string, spanId: string, decision: CallerDecision): string {
  const state = stateOfDecision[decision];
  return state === '' ? `${traceId}-${spanId}` : `${traceId}-${spanId}-${state}`;
}

const stateOfDecision: Readonly<Record<CallerDecision, string>> = { defer: '', drop: '0', keep: '1', debug: 'd' };

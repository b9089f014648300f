import { type Caller, callerOf } from './caller.ts';

const sampledBit = 1;
const debugBit = 2;

/*
 *   uber-trace-id: 80f198ee56343ba864fe8b2a57d3eff7:e457b5a2e4d86bd1:0:1
 *                  trace id, up to 32 digits        up to 16 digits  |  flags, up to 2 digits
 *                                                                    the parent's id, no longer used
 */
const pattern = /^([0-9a-f]{1,32}):([0-9a-f]{1,16}):[0-9a-f]{0,16}:([0-9a-f]{1,2})$/i;

/**
 * Reads a `uber-trace-id` header (Jaeger client libraries, "Propagation Format"), percent-encoded or not; undefined when
 * it names no span. Ids may lack their leading zeros.
 */
export function parseJaeger(header: string): Caller | undefined {
  const match = pattern.exec(header.trim().replaceAll(/%3a/gi, ':'));
  if (match === null) return undefined;
  const flags = Number.parseInt(match[3]!, 16);
  const isDebug = (flags & debugBit) !== 0;
  return callerOf(match[1]!, match[2]!, (flags & sampledBit) === 0 ? 'drop' : isDebug ? 'debug' : 'keep');
}

/** Writes a `uber-trace-id` header. */
export function formatJaeger(traceId: string, spanId: string, isSampled: boolean, isDebug: boolean): string {
  return `${traceId}:${spanId}:0:0${(isSampled ? sampledBit : 0) | (isDebug ? debugBit : 0)}`;
}

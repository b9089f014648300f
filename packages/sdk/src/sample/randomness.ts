import { parseRandomness, readOtelSubkey } from '@clew/wire';

/**
 * The 56 bits that decide on a trace: `rv` in the tracestate's `ot`, else the last ones of the trace id.
 *
 * @param member the value of `ot`. @param traceId2 the third of the trace id's four words. @param traceId3 the last one.
 */
export function randomnessOf(member: string | undefined, traceId2: number, traceId3: number): bigint {
  const { high, low } = parseRandomness(readOtelSubkey(member, 'rv')) ?? {
    high: traceId2 & 0xff_ffff,
    low: traceId3 >>> 0,
  };
  return (BigInt(high) << 32n) | BigInt(low);
}

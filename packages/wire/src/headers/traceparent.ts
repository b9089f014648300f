import type { SpanId, TraceId } from '../ids.ts';

/** What a `traceparent` header says. */
export interface TraceParent {
  readonly traceId: TraceId;
  readonly spanId: SpanId;
  /** Only the bits that level 2 of the specification defines: {@link sampledFlag} and {@link randomFlag}. */
  readonly flags: number;
}

/** The caller may have recorded trace data. */
export const sampledFlag = 0x01;

/** The low 56 bits of the trace id are random; copied unchanged when a trace is continued. */
export const randomFlag = 0x02;

/**
 * Reads a `traceparent` header (W3C Trace Context, level 2, section 3.2); undefined when it must be ignored and the
 * trace restarted.
 *
 * ```
 * 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03
 * 0  3                                36               53   55 characters
 * ```
 *
 * Version `ff` is invalid. A version above 00 is read as the first 55 characters, provided that the header ends there
 * or goes on with a dash. Several headers joined by commas are invalid, as several headers are.
 */
export function parseTraceparent(header: string): TraceParent | undefined {
  if (header.length < 55) return undefined;
  if (header[2] !== '-' || header[35] !== '-' || header[52] !== '-') return undefined;
  const version = readHexByte(header, 0);
  if (version === 0xff || version < 0) return undefined;
  if (header.length > 55 && (version === 0 || header[55] !== '-')) return undefined;
  const flags = readHexByte(header, 53);
  if (flags < 0 || !isId(header, 3, 35) || !isId(header, 36, 52)) return undefined;
  return {
    traceId: header.slice(3, 35) as TraceId,
    spanId: header.slice(36, 52) as SpanId,
    flags: flags & (sampledFlag | randomFlag),
  };
}

/** Writes a `traceparent` of version 00. Flag bits that level 2 does not define are sent as zero. */
export function formatTraceparent(traceId: string, spanId: string, flags: number): string {
  return `00-${traceId}-${spanId}-0${flags & (sampledFlag | randomFlag)}`;
}

/** Lower-case hex digits, not all zero. */
function isId(header: string, start: number, end: number): boolean {
  let bits = 0;
  for (let index = start; index < end; index++) {
    const digit = hexDigit(header.charCodeAt(index));
    if (digit < 0) return false;
    bits |= digit;
  }
  return bits !== 0;
}

/** Two lower-case hex digits; negative when they are not. */
function readHexByte(header: string, start: number): number {
  return hexDigit(header.charCodeAt(start)) * 16 + hexDigit(header.charCodeAt(start + 1));
}

/** Negative enough that a byte with one bad digit is negative too. */
function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  if (code >= 0x61 && code <= 0x66) return code - 0x57;
  return -1_000;
}

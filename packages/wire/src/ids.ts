declare const brand: unique symbol;

/** 32 lower-case hex digits, not all zero. */
export type TraceId = string & { readonly [brand]: 'TraceId' };

/** 16 lower-case hex digits, not all zero. */
export type SpanId = string & { readonly [brand]: 'SpanId' };

const traceIdPattern = /^[0-9a-f]{32}$/;
const spanIdPattern = /^[0-9a-f]{16}$/;

export function isTraceId(text: string): text is TraceId {
  return traceIdPattern.test(text) && text !== '00000000000000000000000000000000';
}

export function isSpanId(text: string): text is SpanId {
  return spanIdPattern.test(text) && text !== '0000000000000000';
}

/**
 * A 32-bit word of an id in hex, as a span's source has them: 0 is the most significant one. Eight digits are a word.
 */
export function wordOfId(hex: string, index: number): number {
  return Number.parseInt(hex.slice(8 * index, 8 * index + 8), 16);
}

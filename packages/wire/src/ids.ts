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

/**
 * A request that is answered with a `google.rpc.Status`.
 *
 * ```
 * HTTP  google.rpc.Code        meaning for the sender (OTLP/HTTP)
 * 400   3  INVALID_ARGUMENT    drop the data
 * 401   16 UNAUTHENTICATED     drop
 * 403   7  PERMISSION_DENIED   drop
 * 404   5  NOT_FOUND           drop
 * 405   12 UNIMPLEMENTED       drop
 * 413   8  RESOURCE_EXHAUSTED  drop, send smaller batches
 * 415   3  INVALID_ARGUMENT    drop
 * 500   13 INTERNAL            drop
 * 503   14 UNAVAILABLE         send again, not before Retry-After
 * ```
 */
export class OtlpError extends Error {
  override readonly name = 'OtlpError';
  readonly httpStatus: keyof typeof rpcCodes;
  /** A word of few, by which metrics count refusals. */
  readonly reason: string;

  constructor(httpStatus: keyof typeof rpcCodes, message: string, reason: string = usualReasons[httpStatus]) {
    super(message);
    this.httpStatus = httpStatus;
    this.reason = reason;
  }

  get rpcCode(): number {
    return rpcCodes[this.httpStatus];
  }
}

const usualReasons = {
  400: 'malformed',
  401: 'unauthenticated',
  403: 'host',
  404: 'address',
  405: 'method',
  413: 'too_large',
  415: 'unsupported',
  500: 'internal',
  503: 'unavailable',
} as const;

const rpcCodes = { 400: 3, 401: 16, 403: 7, 404: 5, 405: 12, 413: 8, 415: 3, 500: 13, 503: 14 } as const;

/** When to come back after a 503: the spool's next segment is in the engine by then, as a rule. */
export const retryAfterSeconds = 1;

export function tooLarge(what: string, maxBytes: number): OtlpError {
  return new OtlpError(
    413,
    `The body has ${what}; the limit is ${maxBytes} (CLEW_MAX_REQUEST_BYTES). Send smaller batches.`,
  );
}

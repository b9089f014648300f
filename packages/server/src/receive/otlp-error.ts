/**
 * A request that is answered with a `google.rpc.Status`.
 *
 * ```
 * HTTP  google.rpc.Code        meaning for the sender (OTLP/HTTP)
 * 400   3  INVALID_ARGUMENT    drop the data
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

  constructor(httpStatus: keyof typeof rpcCodes, message: string) {
    super(message);
    this.httpStatus = httpStatus;
  }

  get rpcCode(): number {
    return rpcCodes[this.httpStatus];
  }
}

const rpcCodes = { 400: 3, 404: 5, 405: 12, 413: 8, 415: 3, 500: 13, 503: 14 } as const;

import type { OutgoingHttpHeaders } from 'node:http2';
import { ByteWriter } from '@clew/wire';
import { OtlpError, retryAfterSeconds } from './otlp-error.ts';

/** Codes of gRPC that nothing in OTLP over HTTP corresponds to. */
export const grpcCodes = { deadlineExceeded: 4, notFound: 5, unimplemented: 12, internal: 13 } as const;

type GrpcCode = (typeof grpcCodes)[keyof typeof grpcCodes];

/** A call that fails for a reason that only gRPC has. */
export class GrpcError extends Error {
  override readonly name = 'GrpcError';
  readonly code: GrpcCode;

  constructor(code: GrpcCode, message: string) {
    super(message);
    this.code = code;
  }

  /** As {@link OtlpError} has it, for metrics. */
  get reason(): string {
    return usualReasons[this.code];
  }
}

const usualReasons: Readonly<Record<GrpcCode, string>> = {
  4: 'too_slow',
  5: 'address',
  12: 'address',
  13: 'malformed',
};

/** The headers that end a call with success. */
export const okHeaders: OutgoingHttpHeaders = { 'grpc-status': '0' };

/** The headers that end a call with an error; one that is neither an OtlpError nor a GrpcError says nothing of itself. */
export function errorHeaders(error: unknown): OutgoingHttpHeaders {
  if (error instanceof GrpcError) return statusHeaders(error.code, error.message);
  if (!(error instanceof OtlpError)) return statusHeaders(grpcCodes.internal, 'The server failed; see its log.');
  const headers = statusHeaders(error.rpcCode, error.message);
  if (error.httpStatus !== 503) return headers;
  return { ...headers, 'grpc-status-details-bin': encodeRetry(error.rpcCode, error.message).toString('base64') };
}

function statusHeaders(code: number, message: string): OutgoingHttpHeaders {
  return { 'grpc-status': String(code), 'grpc-message': percentEncode(message) };
}

/**
 * When to come back, as the OTLP specification has it said over gRPC.
 *
 * ```
 * google.rpc.Status     1 code int32 · 2 message string · 3 details Any*
 * Any                   1 type_url string · 2 value bytes
 * google.rpc.RetryInfo  1 retry_delay Duration { 1 seconds int64 · 2 nanos int32 }
 * ```
 */
function encodeRetry(code: number, message: string): Buffer {
  const writer = new ByteWriter(256, maxStatusBytes);
  writer.writeByte(0x08);
  writer.writeVarint(code);
  writer.writeByte(0x12);
  writer.writeString(message);
  writer.writeByte(0x1a);
  const any = writer.beginMessage();
  writer.writeByte(0x0a);
  writer.writeString('type.googleapis.com/google.rpc.RetryInfo');
  writer.writeByte(0x12);
  const retryInfo = writer.beginMessage();
  writer.writeByte(0x0a);
  const duration = writer.beginMessage();
  writer.writeByte(0x08);
  writer.writeVarint(retryAfterSeconds);
  writer.endMessage(duration);
  writer.endMessage(retryInfo);
  writer.endMessage(any);
  return Buffer.from(writer.copyWritten());
}

/** As gRPC encodes Status-Message: the bytes of printable ASCII stand for themselves, but for the percent sign. */
function percentEncode(message: string): string {
  let encoded = '';
  for (const byte of Buffer.from(message)) {
    const isPlain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
    encoded += isPlain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return encoded;
}

// Our messages are a few hundred bytes; headers of more than some kilobytes break clients.
const maxStatusBytes = 64 * 1024;

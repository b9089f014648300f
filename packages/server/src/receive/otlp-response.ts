import { ByteWriter } from '@clew/wire';
import type { OtlpError } from './otlp-error.ts';

/** The two encodings of OTLP/HTTP; a response has the one of its request. */
export type OtlpEncoding = 'protobuf' | 'json';

export const contentTypes: Readonly<Record<OtlpEncoding, string>> = {
  protobuf: 'application/x-protobuf',
  json: 'application/json',
};

/**
 * An `ExportTraceServiceResponse`; `partial_success` is unset when everything was accepted.
 *
 * ```
 * ExportTraceServiceResponse   1 partial_success
 * ExportTracePartialSuccess    1 rejected_spans int64 · 2 error_message string
 * ```
 */
export function encodeExportResponse(encoding: OtlpEncoding, rejectedSpans: number, reason: string): Uint8Array {
  if (encoding === 'json') {
    // An int64 of protobuf is a string in JSON.
    const partialSuccess = { rejectedSpans: String(rejectedSpans), errorMessage: reason };
    const response = rejectedSpans > 0 ? { partialSuccess } : {};
    return Buffer.from(JSON.stringify(response));
  }
  const writer = new ByteWriter(256, maxResponseBytes);
  if (rejectedSpans > 0) {
    writer.writeByte(0x0a);
    const start = writer.beginMessage();
    writer.writeByte(0x08);
    writer.writeVarint(rejectedSpans);
    writer.writeByte(0x12);
    writer.writeString(reason);
    writer.endMessage(start);
  }
  return writer.copyWritten();
}

/** A `google.rpc.Status`: `1 code int32 · 2 message string`. */
export function encodeStatus(encoding: OtlpEncoding, error: OtlpError): Uint8Array {
  if (encoding === 'json') return Buffer.from(JSON.stringify({ code: error.rpcCode, message: error.message }));
  const writer = new ByteWriter(256, maxResponseBytes);
  writer.writeByte(0x08);
  writer.writeVarint(error.rpcCode);
  writer.writeByte(0x12);
  writer.writeString(error.message);
  return writer.copyWritten();
}

// OTLP clients need not read more than 4 MiB of a response; our messages are a few hundred bytes.
const maxResponseBytes = 4 * 1024 * 1024;

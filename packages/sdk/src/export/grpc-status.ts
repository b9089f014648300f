import { ProtobufReader } from '@clew/wire';
import type { SendResult } from './transport.ts';

const ok = 0;
const resourceExhausted = 8;

/*
 * CANCELLED, DEADLINE_EXCEEDED, ABORTED, OUT_OF_RANGE, UNAVAILABLE and DATA_LOSS may be tried again, says OTLP;
 * RESOURCE_EXHAUSTED only with a RetryInfo, which says that the server can recover.
 */
const retryableCodes: ReadonlySet<number> = new Set([1, 4, 10, 11, 14, 15]);

/** The end of a gRPC call: its trailers, or its headers when the server had nothing else to send. */
export interface GrpcEnd {
  readonly code: number;
  readonly message: string;
  /** Of `grpc-status-details-bin`: base64 of a google.rpc.Status; empty when there is none. */
  readonly details: string;
}

/** What a status other than OK means for the batch. */
export function judgeGrpcFailure({ code, message, details }: GrpcEnd): SendResult {
  const reason = message === '' ? `gRPC status ${code}` : `gRPC status ${code}, ${message}`;
  const retryDelayMs = readRetryInfo(Buffer.from(details, 'base64'));
  if (retryableCodes.has(code) || (code === resourceExhausted && retryDelayMs !== undefined)) {
    return { outcome: 'later', reason, isUnreachable: false, waitMs: retryDelayMs ?? 0 };
  }
  return { outcome: 'refused', reason };
}

/** Reads the end of a call; an HTTP status stands in for a gRPC status that is missing, as gRPC's mapping says. */
export function readGrpcEnd(headers: Readonly<Record<string, unknown>>, httpStatus: number): GrpcEnd {
  const status = headers['grpc-status'];
  const details = String(headers['grpc-status-details-bin'] ?? '');
  if (status !== undefined) return { code: Number(status), message: decodeMessage(headers['grpc-message']), details };
  const unavailable = httpStatus === 429 || (httpStatus >= 502 && httpStatus <= 504);
  return { code: unavailable ? 14 : 2, message: `HTTP ${httpStatus} without a gRPC status`, details };
}

export function isGrpcOk({ code }: GrpcEnd): boolean {
  return code === ok;
}

function decodeMessage(value: unknown): string {
  const text = String(value ?? '');
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/**
 * The delay of a RetryInfo among the details of a status, in milliseconds; undefined when there is none.
 *
 * ```
 * google.rpc.Status     3 details: repeated Any { 1 type_url: string, 2 value: bytes }
 * google.rpc.RetryInfo  1 retry_delay: Duration { 1 seconds: int64, 2 nanos: int32 }
 * ```
 */
function readRetryInfo(status: Uint8Array): number | undefined {
  try {
    for (const any of contentsOf(status, 3)) {
      const typeUrl = Buffer.from(contentsOf(any, 1)[0] ?? []).toString();
      if (!typeUrl.endsWith('/google.rpc.RetryInfo')) continue;
      const duration = contentsOf(contentsOf(any, 2)[0] ?? noBytes, 1)[0] ?? noBytes;
      return numberOf(duration, 1) * 1_000 + numberOf(duration, 2) / 1e6;
    }
  } catch {
    // Details that are no protobuf say nothing.
  }
  return undefined;
}

const noBytes = new Uint8Array();

function contentsOf(message: Uint8Array, field: number): Uint8Array[] {
  const contents: Uint8Array[] = [];
  const reader = new ProtobufReader(message);
  while (reader.position < message.length) {
    const tag = reader.readVarint32(message.length);
    if (tag !== ((field << 3) | 2)) {
      reader.skip(tag, message.length);
      continue;
    }
    const end = reader.readLength(message.length);
    contents.push(message.subarray(reader.position, end));
    reader.position = end;
  }
  return contents;
}

function numberOf(message: Uint8Array, field: number): number {
  let value = 0;
  const reader = new ProtobufReader(message);
  while (reader.position < message.length) {
    const tag = reader.readVarint32(message.length);
    if (tag === field << 3) value = reader.readVarint32(message.length);
    else reader.skip(tag, message.length);
  }
  return value;
}

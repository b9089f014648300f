import { ProtobufReader } from '@clew/wire';

/** What an `ExportTraceServiceResponse` says of spans that were not taken. */
export interface PartialSuccess {
  readonly rejectedSpans: number;
  readonly message: string;
}

/** All spans were taken, without a remark. */
export const noPartialSuccess: PartialSuccess = { rejectedSpans: 0, message: '' };

/**
 * Reads an `ExportTraceServiceResponse { 1 partial_success { 1 rejected_spans: int64, 2 error_message: string } }`.
 * Bytes that are none read as full success: the status was 200.
 */
export function readPartialSuccess(body: Uint8Array): PartialSuccess {
  const reader = new ProtobufReader(body);
  let rejectedSpans = 0;
  let message = '';
  try {
    while (reader.position < body.length) {
      const tag = reader.readVarint32(body.length);
      if (tag !== 0x0a) {
        reader.skip(tag, body.length);
        continue;
      }
      const end = reader.readLength(body.length);
      while (reader.position < end) {
        const inner = reader.readVarint32(end);
        if (inner === 0x08) {
          rejectedSpans = reader.readVarint32(end);
        } else if (inner === 0x12) {
          const textEnd = reader.readLength(end);
          message = decoder.decode(body.subarray(reader.position, textEnd));
          reader.position = textEnd;
        } else {
          reader.skip(inner, end);
        }
      }
    }
  } catch {
    return noPartialSuccess;
  }
  return { rejectedSpans, message };
}

const decoder = new TextDecoder();

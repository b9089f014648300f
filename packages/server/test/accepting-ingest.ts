import type { ExportRequest, ExportResult } from '#src/receive/export-request.js';
import { OtlpError } from '#src/receive/otlp-error.js';
import { decompress, MalformedCompressionError } from '#src/transcode/decompress.js';

/** The plain bytes of a request, for receivers without the threads that read requests. @throws OtlpError as those do */
export function uncompress({ bytes, compression }: ExportRequest, maxBytes: number): Uint8Array {
  if (compression === undefined) return bytes;
  try {
    return decompress(bytes, compression, maxBytes);
  } catch (error) {
    throw error instanceof MalformedCompressionError ? new OtlpError(400, error.message) : error;
  }
}

/** What a receiver is told when one span of so many bytes was accepted. */
export function acceptOne({ length }: Uint8Array): ExportResult {
  return { bytes: length, acceptedSpans: 1, rejectedSpans: 0, rejectionReason: '', rejectedBy: {}, droppedBy: {} };
}

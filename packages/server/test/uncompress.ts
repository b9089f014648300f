import type { ExportRequest } from '#src/receive/export-request.js';
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

import type { SpanEncoding } from './span-encoding.ts';

/** An export request as it came. */
export interface ExportRequest {
  readonly encoding: SpanEncoding;
  /** What the bytes are compressed with, one of `compressions`; undefined when they are not. */
  readonly compression?: string | undefined;
  /** Fills an ArrayBuffer of its own, which the receiver hands over. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** What became of it, once it is on disk. */
export interface ExportResult {
  /** Of the request, uncompressed. */
  readonly bytes: number;
  readonly acceptedSpans: number;
  readonly rejectedSpans: number;
  readonly rejectionReason: string;
  /** Rejected spans by the field that is at fault. */
  readonly rejectedBy: Readonly<Record<string, number>>;
  /** Accepted spans that are not stored, by the rule that drops them. */
  readonly droppedBy: Readonly<Record<string, number>>;
}

/** Resolves when the accepted spans are durable; rejects with an OtlpError for what the sender must know. */
export type Ingest = (request: ExportRequest) => Promise<ExportResult>;

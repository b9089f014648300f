import { BufferFullError, ByteWriter, encodeTraceRequest, type SpanSource, writeSpan } from '@clew/wire';
import { reportFailure } from '../notice.ts';
import { OpenSpans } from './open-spans.ts';
import type { RecordingSpan, SpanSink } from './recording-span.ts';

/** An encoded `ExportTraceServiceRequest`. */
export interface Batch {
  readonly request: Uint8Array;
  readonly spanCount: number;
}

export interface SpanBufferOptions {
  /** From `encodeResource`. */
  readonly resource: Uint8Array;
  /** A batch is due when this much is in the buffer. */
  readonly maxBatchBytes: number;
  /** The same, in spans. */
  readonly maxBatchSpans: number;
  /** The first span has come into an empty buffer: `take` is wanted some time from now. */
  readonly onFirstSpan: () => void;
  /** `take` is wanted now. */
  readonly onFull: () => void;
}

/**
 * All spans that ended and were not exported yet, as bytes: one growing buffer for each scope, since OTLP groups spans
 * by scope.
 *
 * ```
 *   scope "http"   [prefix]  [span][span][span]………
 *   scope "app"    [prefix]  [span]…
 *                        take() -> one request, buffers empty again
 * ```
 */
export class SpanBuffer {
  readonly openSpans: OpenSpans = new OpenSpans();
  private readonly scopes: ScopeBuffer[] = [];
  private readonly options: SpanBufferOptions;
  private resource: Uint8Array;
  private spanCount = 0;
  private byteCount = 0;
  private lostCount = 0;

  constructor(options: SpanBufferOptions) {
    this.options = options;
    this.resource = options.resource;
  }

  /** For all batches from now on, those spans included that are in the buffer. */
  replaceResource(resource: Uint8Array): void {
    this.resource = resource;
  }

  /** The sink for one scope's spans. @param prefix from `encodeScope`. */
  addScope(prefix: Uint8Array): SpanSink {
    const scope = new ScopeBuffer(prefix, this);
    this.scopes.push(scope);
    return scope;
  }

  get isEmpty(): boolean {
    return this.spanCount === 0;
  }

  /** Everything recorded since the last time, as one request; undefined when there is nothing. */
  take(): Batch | undefined {
    if (this.spanCount === 0) return undefined;
    const filled = this.scopes.filter((scope) => scope.writer.position > 0);
    const request = encodeTraceRequest(
      this.resource,
      filled.map(({ prefix, writer }) => ({ scope: prefix, spans: writer.bytes.subarray(0, writer.position) })),
    );
    for (const scope of this.scopes) scope.writer.reset();
    const { spanCount } = this;
    this.spanCount = 0;
    this.byteCount = 0;
    return { request, spanCount };
  }

  /** Spans that were too large to be encoded, since the last time. */
  takeLostCount(): number {
    const { lostCount } = this;
    this.lostCount = 0;
    return lostCount;
  }

  noteSpan(bytes: number): void {
    this.byteCount += bytes;
    this.spanCount++;
    const { maxBatchBytes, maxBatchSpans, onFull, onFirstSpan } = this.options;
    if (this.byteCount >= maxBatchBytes || this.spanCount >= maxBatchSpans) onFull();
    else if (this.spanCount === 1) onFirstSpan();
  }

  noteLostSpan(): void {
    this.lostCount++;
  }
}

class ScopeBuffer implements SpanSink {
  readonly prefix: Uint8Array;
  readonly writer: ByteWriter = new ByteWriter(initialScopeBytes, maxScopeBytes);
  private readonly buffer: SpanBuffer;
  private readonly openSpans: OpenSpans;

  constructor(prefix: Uint8Array, buffer: SpanBuffer) {
    this.prefix = prefix;
    this.buffer = buffer;
    this.openSpans = buffer.openSpans;
  }

  open(span: RecordingSpan): void {
    this.openSpans.add(span);
  }

  record(span: RecordingSpan): void {
    this.openSpans.remove(span);
    this.write(span);
  }

  write(span: SpanSource): void {
    if ((span.traceFlags & 1) === 0) return;
    const { writer } = this;
    const before = writer.position;
    try {
      writeSpan(writer, span);
    } catch (error) {
      writer.truncate(before);
      this.buffer.noteLostSpan();
      if (!(error instanceof BufferFullError)) reportFailure('writeSpan', error);
      return;
    }
    this.buffer.noteSpan(writer.position - before);
  }
}

// Most scopes see few spans; those that see many grow to the size of a batch.
const initialScopeBytes = 4_096;

// A batch is taken long before; only a single enormous span comes here. A quarter of the largest request that
// collectors accept by default (64 MiB).
const maxScopeBytes = 16 * 1_048_576;

import { BufferFullError, ByteWriter } from './byte-writer.ts';
import type { FlatAttributes } from './write-attributes.ts';
import { encodeResource, encodeScope, encodeTraceRequest } from './write-request.ts';
import { type SpanSource, writeSpan } from './write-span.ts';

/** The spans of another format as OTLP. */
export interface ConvertedSpans {
  /** An `ExportTraceServiceRequest`; empty when there was no span. */
  readonly request: Uint8Array;
  readonly acceptedSpans: number;
  /** Spans that OTLP cannot express, left out of the request. */
  readonly rejectedSpans: number;
  /** Why the first of them was rejected. */
  readonly rejectionReason: string;
}

/** What a span has around it. */
export interface SpanOrigin {
  readonly resource: FlatAttributes;
  readonly scopeName: string;
  readonly scopeVersion: string;
}

/** One span cannot be expressed in OTLP; the message says which value of it, and what is allowed. */
export class InvalidSpanError extends Error {
  override readonly name = 'InvalidSpanError';
}

/** All of a request is refused, for more than what one of its spans says; the message is for its sender. */
export class RefusedSpansError extends Error {
  override readonly name = 'RefusedSpansError';
}

interface ScopeGroup {
  readonly scope: Uint8Array;
  /** `[start, end)` in the writer, two numbers a span. */
  readonly spans: number[];
}

interface ResourceGroup {
  readonly resource: Uint8Array;
  readonly scopes: Map<string, ScopeGroup>;
}

/**
 * Puts spans that come in any order into a request, grouped by resource and scope.
 *
 * ```
 * writer   [ span of A | span of B | span of A | ... ]      groups   A: 0-120, 250-400   B: 120-250
 * output   [ ResourceSpans A | ResourceSpans B | ... ]
 * ```
 *
 * When {@link flushBytes} of spans or {@link maxGroups} groups have gathered, they are appended to the output, where
 * further spans of the same resource begin a new group: a sender that names a new service in every span costs no more
 * memory than others.
 */
export class TraceRequestBuilder {
  readonly #maxBytes: number;
  readonly #writer: ByteWriter;
  #output: ByteWriter;
  /** By the bytes of the resource. */
  readonly #resources = new Map<string, ResourceGroup>();
  /** A run of spans comes with the same array: it is not encoded again to look for its group. */
  #last: { readonly attributes: FlatAttributes; readonly group: ResourceGroup } | undefined;
  #groupCount = 0;
  #acceptedSpans = 0;
  #rejectedSpans = 0;
  #rejectionReason = '';

  /** @param maxBytes the largest request that may come out */
  constructor(maxBytes: number = maxConvertedBytes) {
    this.#maxBytes = maxBytes;
    this.#writer = new ByteWriter(firstBytes, maxBytes);
    this.#output = new ByteWriter(firstBytes, maxBytes);
  }

  /** The size of the request so far, about. */
  get bytes(): number {
    return this.#output.position + this.#writer.position;
  }

  /**
   * Converts one span and adds it. A span that throws {@link InvalidSpanError} is counted, and the others are kept.
   *
   * @param convert gives the span and what it has around it
   * @throws RefusedSpansError when the request becomes too large, or too many spans were not valid
   */
  add(convert: () => { readonly origin: SpanOrigin; readonly span: SpanSource }): void {
    const start = this.#writer.position;
    try {
      const { origin, span } = convert();
      writeSpan(this.#writer, span);
      this.#groupOf(origin).spans.push(start, this.#writer.position);
      this.#acceptedSpans++;
    } catch (error) {
      this.#writer.truncate(start);
      if (!(error instanceof InvalidSpanError || error instanceof BufferFullError)) throw error;
      this.reject(error.message);
    }
    if (this.#writer.position > flushBytes || this.#groupCount > maxGroups) this.#flush();
  }

  /** Counts a span that did not come as far as {@link add}. @throws RefusedSpansError when there are too many */
  reject(reason: string): void {
    if (this.#rejectionReason === '') this.#rejectionReason = reason;
    if (++this.#rejectedSpans <= maxRejectedSpans) return;
    throw new RefusedSpansError(
      `More than ${maxRejectedSpans} spans of the request cannot be read. The first: ${this.#rejectionReason}.`,
    );
  }

  /** The request with all spans since the last call. @throws RefusedSpansError when it is larger than allowed */
  take(): ConvertedSpans {
    this.#flush();
    const taken: ConvertedSpans = {
      request: this.#output.bytes.subarray(0, this.#output.position),
      acceptedSpans: this.#acceptedSpans,
      rejectedSpans: this.#rejectedSpans,
      rejectionReason: this.#rejectionReason,
    };
    this.#output = new ByteWriter(firstBytes, this.#maxBytes);
    this.#acceptedSpans = 0;
    this.#rejectedSpans = 0;
    this.#rejectionReason = '';
    return taken;
  }

  #groupOf({ resource, scopeName, scopeVersion }: SpanOrigin): ScopeGroup {
    const { scopes } = this.#resourceGroupOf(resource);
    const scopeKey = JSON.stringify([scopeName, scopeVersion]);
    let group = scopes.get(scopeKey);
    if (group === undefined) {
      group = { scope: encodeScope(scopeName, scopeVersion), spans: [] };
      scopes.set(scopeKey, group);
      this.#groupCount++;
    }
    return group;
  }

  #resourceGroupOf(resource: FlatAttributes): ResourceGroup {
    if (this.#last?.attributes === resource) return this.#last.group;
    const encoded = encodeResource(resource);
    const key = latin1.decode(encoded);
    let group = this.#resources.get(key);
    if (group === undefined) {
      group = { resource: encoded, scopes: new Map() };
      this.#resources.set(key, group);
    }
    this.#last = { attributes: resource, group };
    return group;
  }

  #flush(): void {
    const { bytes } = this.#writer;
    for (const { resource, scopes } of this.#resources.values()) {
      // Its only span had a scope that is too large.
      if (scopes.size === 0) continue;
      const sources = Array.from(scopes.values(), ({ scope, spans }) => ({ scope, spans: gather(bytes, spans) }));
      const encoded = encodeTraceRequest(resource, sources);
      if (this.#output.position + encoded.length > this.#maxBytes) {
        throw new RefusedSpansError(
          `The spans of the request take more than ${this.#maxBytes} bytes in OTLP. Send smaller batches.`,
        );
      }
      this.#output.writeRaw(encoded);
    }
    this.#resources.clear();
    this.#last = undefined;
    this.#groupCount = 0;
    this.#writer.reset();
  }
}

/**
 * The largest request that is converted, in OTLP. Spans grow by half at most, but for those that say hardly anything:
 * a request of the largest size whose spans have only ids becomes four times as large, and is refused.
 */
const maxConvertedBytes = 192 * 1_048_576;

/** Each costs more than a good one: whoever sends nothing else must not keep the server busy. */
export const maxRejectedSpans = 10_000;

const firstBytes = 4_096;

// Large enough that groups of a usual request are whole, small enough to be copied without a thought.
const flushBytes = 4 * 1_048_576;
const maxGroups = 1_000;

/** One letter a byte: of different bytes, different text. */
const latin1 = new TextDecoder('latin1');

function gather(bytes: Uint8Array, ranges: readonly number[]): Uint8Array {
  let length = 0;
  for (let i = 0; i < ranges.length; i += 2) length += ranges[i + 1]! - ranges[i]!;
  const gathered = new Uint8Array(length);
  let position = 0;
  for (let i = 0; i < ranges.length; i += 2) {
    const range = bytes.subarray(ranges[i], ranges[i + 1]);
    gathered.set(range, position);
    position += range.length;
  }
  return gathered;
}

import { cutJson, parseElement } from '../json/json-elements.ts';
import { MalformedProtobufError } from '../otlp/protobuf-reader.ts';
import { type ConvertedSpans, InvalidSpanError, TraceRequestBuilder } from '../otlp/trace-request-builder.ts';
import { ElementCounts } from '../request-limits.ts';
import { convertZipkinSpan } from './convert-zipkin-span.ts';
import { SharedSpans } from './shared-spans.ts';
import { readZipkinJsonSpan } from './zipkin-json.ts';
import { listZipkinProtobufSpans } from './zipkin-protobuf.ts';
import type { ZipkinSpan } from './zipkin-span.ts';

/**
 * The body of `POST /api/v2/spans` in JSON: an array of spans, or of arrays of spans, as `GET /api/v2/traces` answers.
 *
 * @param nowUs when the request came, for spans of which no time is known; microseconds since the epoch
 * @throws MalformedJsonError when it is no JSON array
 * @throws RefusedSpansError, TooManyElementsError
 */
export function zipkinJsonToOtlp(bytes: Uint8Array, nowUs: number): ConvertedSpans {
  const batch = new ZipkinBatch(nowUs);
  for (const element of cutJson(bytes, [], bytes.length)) {
    const value = parseElement(element);
    batch.add(() => readZipkinJsonSpan(value), element.bytes.length);
  }
  return batch.take();
}

/**
 * As {@link zipkinJsonToOtlp}, for a `zipkin.proto3.ListOfSpans`.
 *
 * @throws MalformedProtobufError when it is no list
 * @throws RefusedSpansError, TooManyElementsError
 */
export function zipkinProtobufToOtlp(bytes: Uint8Array, nowUs: number): ConvertedSpans {
  const batch = new ZipkinBatch(nowUs);
  for (const { read, length } of listZipkinProtobufSpans(bytes)) batch.add(read, length);
  return batch.take();
}

/**
 * Spans of Zipkin on their way to OTLP. They are held back in groups, since some are understood only in the company of
 * others: see {@link SharedSpans}, and what is said of spans without a time.
 */
export class ZipkinBatch {
  readonly #nowUs: number;
  readonly #builder = new TraceRequestBuilder();
  #held: ZipkinSpan[] = [];
  #heldBytes = 0;
  #lastResource: readonly string[] = [];
  readonly #counts = new ElementCounts();

  constructor(nowUs: number) {
    this.#nowUs = nowUs;
  }

  /** The size of the request so far, about. */
  get bytes(): number {
    return this.#builder.bytes;
  }

  /**
   * Adds a span; one that cannot be read is counted.
   *
   * @param length what it takes in the request, in bytes
   * @throws RefusedSpansError, TooManyElementsError
   */
  add(read: () => ZipkinSpan, length: number): void {
    try {
      const span = read();
      this.#counts.add('spans');
      this.#counts.add('events', span.annotations.length);
      this.#counts.add('attributes', span.tags.length / 2);
      this.#held.push(span);
      this.#heldBytes += length;
    } catch (error) {
      if (!(error instanceof InvalidSpanError || error instanceof MalformedProtobufError)) throw error;
      this.#builder.reject(error.message);
    }
    if (this.#held.length >= maxHeldSpans || this.#heldBytes >= maxHeldBytes) this.#convertHeld();
  }

  /** All spans since the last call. @throws RefusedSpansError */
  take(): ConvertedSpans {
    this.#convertHeld();
    this.#counts.reset();
    return this.#builder.take();
  }

  #convertHeld(): void {
    const spans = this.#held;
    const shared = new SharedSpans(spans);
    const startOf = this.#findStarts(spans);
    for (const span of spans) {
      this.#builder.add(() => {
        const converted = convertZipkinSpan(span, shared.idsOf(span), startOf(span));
        const { origin } = converted;
        return { ...converted, origin: { ...origin, resource: this.#lastIfSame(origin.resource) } };
      });
    }
    this.#held = [];
    this.#heldBytes = 0;
  }

  /** The builder knows a resource again by its identity, so the spans of one service give it the same array. */
  #lastIfSame(resource: readonly string[]): readonly string[] {
    const last = this.#lastResource;
    const isSame = last.length === resource.length && last.every((value, i) => value === resource[i]);
    if (!isSame) this.#lastResource = resource;
    return this.#lastResource;
  }

  /**
   * When a span began of which that is not known: at its first annotation, else with the first span of its trace that is
   * here, else now. Zipkin's clients leave the time out of what they report late.
   */
  #findStarts(spans: readonly ZipkinSpan[]): (span: ZipkinSpan) => number {
    const firstOfTrace = new Map<string, number>();
    if (spans.some(({ timestampUs }) => timestampUs === undefined)) {
      for (const { traceId, timestampUs = Infinity } of spans) {
        firstOfTrace.set(traceId, Math.min(timestampUs, firstOfTrace.get(traceId) ?? Infinity));
      }
    }
    return ({ traceId, timestampUs, annotations }) => {
      if (timestampUs !== undefined) return timestampUs;
      const first = annotations.reduce(
        (best, annotation) => Math.min(best, annotation.timestampUs ?? Infinity),
        Infinity,
      );
      if (first !== Infinity) return first;
      const ofTrace = firstOfTrace.get(traceId) ?? Infinity;
      return ofTrace === Infinity ? this.#nowUs : ofTrace;
    };
  }
}

// More than any client sends at once, and few enough to hold as objects.
const maxHeldSpans = 10_000;
const maxHeldBytes = 8 * 1_048_576;

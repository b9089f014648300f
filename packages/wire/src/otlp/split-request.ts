import { ProtobufReader } from './protobuf-reader.ts';
import { encodeTraceRequest } from './write-request.ts';

/** A part of a request that is a request of its own. */
export interface RequestPart {
  readonly bytes: Uint8Array;
  readonly spanCount: number;
}

/**
 * Splits an `ExportTraceServiceRequest` into requests of one scope each, with the resource and the scope of their spans.
 *
 * ```
 * [ ResourceSpans [ resource [ ScopeSpans [ scope | span | span | span ] ] ] ]
 *   -> [ ResourceSpans [ resource [ ScopeSpans [ scope | span | span ] ] ] ]
 *      [ ResourceSpans [ resource [ ScopeSpans [ scope | span ] ] ] ]
 * ```
 *
 * @param maxBytes of the spans of a part, to which resource and scope come; a span that is larger is a part of its own
 * @param maxSpans of a part, at least 1
 * @throws MalformedProtobufError
 */
export function* splitTraceRequest(
  bytes: Uint8Array,
  maxBytes: number,
  maxSpans: number = Number.POSITIVE_INFINITY,
): Generator<RequestPart> {
  for (const resourceSpans of splitMessage(bytes, resourceSpansTag).parts) {
    const { rest: resource, parts: scopes } = splitMessage(resourceSpans.content, scopeSpansTag);
    for (const scopeSpans of scopes) {
      const { rest: scope, parts: spans } = splitMessage(scopeSpans.content, spanTag);
      let first = 0;
      let length = 0;
      for (let i = 0; i <= spans.length; i++) {
        const span = spans[i];
        const isFull = span === undefined || length + span.field.length > maxBytes || i - first === maxSpans;
        if (isFull && i > first) {
          const source = { scope, spans: concatenate(spans.slice(first, i).map(({ field }) => field)) };
          yield { bytes: encodeTraceRequest(resource, [source]), spanCount: i - first };
          first = i;
          length = 0;
        }
        length += span?.field.length ?? 0;
      }
    }
  }
}

// `repeated ResourceSpans resource_spans = 1`, `repeated ScopeSpans scope_spans = 2`, `repeated Span spans = 2`.
const resourceSpansTag = 0x0a;
const scopeSpansTag = 0x12;
const spanTag = 0x12;

interface Field {
  /** Tag, length and content. */
  readonly field: Uint8Array;
  readonly content: Uint8Array;
}

/** The fields with one tag, and all others one behind the other. */
function splitMessage(bytes: Uint8Array, wantedTag: number): { readonly rest: Uint8Array; readonly parts: Field[] } {
  const reader = new ProtobufReader(bytes);
  const rest: Uint8Array[] = [];
  const parts: Field[] = [];
  while (reader.position < bytes.length) {
    const start = reader.position;
    const tag = reader.readVarint32(bytes.length);
    if (tag === wantedTag) {
      const end = reader.readLength(bytes.length);
      parts.push({ field: bytes.subarray(start, end), content: bytes.subarray(reader.position, end) });
      reader.position = end;
    } else {
      reader.skip(tag, bytes.length);
      rest.push(bytes.subarray(start, reader.position));
    }
  }
  return { rest: concatenate(rest), parts };
}

function concatenate(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let position = 0;
  for (const piece of pieces) {
    whole.set(piece, position);
    position += piece.length;
  }
  return whole;
}

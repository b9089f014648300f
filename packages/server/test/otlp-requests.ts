import { otlpJsonToProtobuf } from '@clew/wire';

let nextId = 1;

/** An OTLP JSON request of one trace with `count` spans that no other request has. */
export function traceOf(count: number): { readonly traceId: string; readonly json: string } {
  const traceId = (nextId++).toString(16).padStart(32, '0');
  const spans = Array.from({ length: count }, (_, i) => ({
    traceId,
    spanId: (i + 1).toString(16).padStart(16, '0'),
    name: `span ${i}`,
    startTimeUnixNano: '1790000000000000000',
    endTimeUnixNano: '1790000000000000500',
  }));
  return { traceId, json: JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] }) };
}

export function toProtobuf(json: string): Uint8Array {
  return otlpJsonToProtobuf(new TextEncoder().encode(json));
}

/** A request without a span that takes exactly so many bytes: unknown fields are legal. At least 16,400. */
export function paddedRequest(bytes: number): Buffer {
  const padding = bytes - 4;
  const length = [(padding & 0x7f) | 0x80, ((padding >>> 7) & 0x7f) | 0x80, padding >>> 14];
  return Buffer.concat([Buffer.from([0x7a, ...length]), Buffer.alloc(padding)]);
}

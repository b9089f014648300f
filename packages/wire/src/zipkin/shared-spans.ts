import type { ZipkinSpan } from './zipkin-span.ts';

const client = 3;
const producer = 4;
const server = 2;

/**
 * In Zipkin the client and the server of a call may report one span, each its half under the same id; in OTLP each is a
 * span of its own. The client's half keeps the id. The server's half gets an id that follows from the shared one and from
 * the service, and the client's half as parent; the server's further spans, which name the shared id as their parent,
 * are hung below the server's half.
 *
 * ```
 * Zipkin   client  A --- id 1 --- B  server        OTLP   A: id 1 ── B: id f(1, B) ── B: id 2
 *                           B: id 2, parent 1
 * ```
 *
 * The server's half is known by its flag `shared`, or by a client's half with its id among the same spans. Its further
 * spans can be told from the client's only when its half is among the same spans; else they are hung below the client's
 * half, which is where their parent id points: the trace is whole, and one level is missing in it.
 */
export class SharedSpans {
  readonly #clients = new Set<string>();
  /** Of the server's halves: trace id, id and service. */
  readonly #servers = new Set<string>();

  constructor(spans: readonly ZipkinSpan[]) {
    for (const span of spans) if (span.kind === client) this.#clients.add(span.traceId + span.id);
    for (const span of spans) if (this.isServerHalf(span)) this.#servers.add(keyOf(span, span.id));
  }

  isServerHalf(span: ZipkinSpan): boolean {
    if (span.isShared) return span.kind !== client && span.kind !== producer;
    return span.kind === server && this.#clients.has(span.traceId + span.id);
  }

  /** The ids of a span in OTLP. */
  idsOf(span: ZipkinSpan): { readonly id: string; readonly parentId: string } {
    if (this.isServerHalf(span)) return { id: serverIdOf(span, span.id), parentId: span.id };
    // Some clients name a root span as its own parent.
    if (span.parentId === span.id) return { id: span.id, parentId: '' };
    if (!this.#servers.has(keyOf(span, span.parentId))) return span;
    return { id: span.id, parentId: serverIdOf(span, span.parentId) };
  }
}

function keyOf(span: ZipkinSpan, id: string): string {
  return span.traceId + id + span.localEndpoint.serviceName;
}

/**
 * 64 bits of hash (two FNV-1a of 32 bits, finished as MurmurHash3 finishes its own): the same in every batch and on
 * every machine, so that the halves that come later fit to those that are stored.
 */
function serverIdOf(span: ZipkinSpan, id: string): string {
  const text = keyOf(span, id);
  let high = 0x811c9dc5;
  let low = 0x1000193;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    high = Math.imul(high ^ code, 0x01000193);
    low = Math.imul(low ^ code, 0x5bd1e995);
  }
  const hex = wordHex(finish(high ^ (low >>> 15))) + wordHex(finish(low ^ high));
  return hex === '0000000000000000' ? '0000000000000001' : hex;
}

function finish(word: number): number {
  let mixed = word ^ (word >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}

function wordHex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0');
}

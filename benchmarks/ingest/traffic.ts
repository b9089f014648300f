import { ByteWriter, encodeResource, encodeScope, encodeTraceRequest, ProtobufReader, writeSpan } from '@clew/wire';

/** Spans a request and a trace; Jaeger's recipe has 10 spans a trace. */
export const spansPerRequest = 500;
const spansPerTrace = 10;

/**
 * Export requests of a web shop: 10 attributes a span (HTTP servers, HTTP clients, database calls), with ids and times
 * that are new in each. One request is encoded once; then only its ids and times are written over.
 */
export class Traffic {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  /** Where the content of trace_id, span_id, parent_span_id, start and end of each span stands. */
  readonly #spans: { traceId: number; spanId: number; parentId: number; start: number; end: number }[] = [];
  #nextTrace = 1;
  readonly #seed: number;

  /** @param seed makes the ids of one sender unlike those of others */
  constructor(seed: number) {
    this.#seed = seed;
    this.#bytes = encodeRequest();
    this.#view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset);
    this.#findSpans();
  }

  get requestBytes(): number {
    return this.#bytes.length;
  }

  /** The next request; its bytes are valid until the call after. */
  next(): Uint8Array {
    const nowMs = Date.now();
    for (let i = 0; i < this.#spans.length; i++) {
      const at = this.#spans[i]!;
      if (i % spansPerTrace === 0) this.#nextTrace++;
      this.#view.setUint32(at.traceId, this.#seed);
      this.#view.setUint32(at.traceId + 4, Math.imul(this.#nextTrace, 0x9e3779b1));
      this.#view.setUint32(at.traceId + 8, Math.imul(this.#nextTrace, 0x85ebca6b));
      this.#view.setUint32(at.traceId + 12, this.#nextTrace);
      this.#view.setUint32(at.spanId, Math.imul(this.#nextTrace * spansPerTrace + i, 0xc2b2ae35));
      this.#view.setUint32(at.spanId + 4, (i % spansPerTrace) + 1);
      if (at.parentId !== 0) {
        const parent = this.#spans[i - 1]!.spanId;
        this.#bytes.copyWithin(at.parentId, parent, parent + 8);
      }
      const start = BigInt(nowMs) * 1_000_000n + BigInt(i * 1000);
      this.#view.setBigUint64(at.start, start, true);
      this.#view.setBigUint64(at.end, start + BigInt(100_000 + ((i * 7919) % 50_000_000)), true);
    }
    return this.#bytes;
  }

  #findSpans(): void {
    const reader = new ProtobufReader(this.#bytes);
    const enter = (wanted: number, end: number): number => {
      for (;;) {
        const tag = reader.readVarint32(end);
        if (tag === wanted) return reader.readLength(end);
        reader.skip(tag, end);
      }
    };
    const resourceEnd = enter(0x0a, this.#bytes.length);
    const scopeEnd = enter(0x12, resourceEnd);
    while (reader.position < scopeEnd) {
      const tag = reader.readVarint32(scopeEnd);
      if (tag !== 0x12) {
        reader.skip(tag, scopeEnd);
        continue;
      }
      const spanEnd = reader.readLength(scopeEnd);
      const found = { traceId: 0, spanId: 0, parentId: 0, start: 0, end: 0 };
      while (reader.position < spanEnd) {
        const field = reader.readVarint32(spanEnd);
        const at = reader.position;
        if (field === 0x0a) found.traceId = at + 1;
        else if (field === 0x12) found.spanId = at + 1;
        else if (field === 0x22) found.parentId = at + 1;
        else if (field === 0x39) found.start = at;
        else if (field === 0x41) found.end = at;
        reader.skip(field, spanEnd);
      }
      this.#spans.push(found);
    }
  }
}

function encodeRequest(): Uint8Array {
  const spans = new ByteWriter(64 * 1024, 4 * 1024 * 1024);
  for (let i = 0; i < spansPerRequest; i++) {
    const isRoot = i % spansPerTrace === 0;
    writeSpan(spans, {
      traceId0: 1,
      traceId1: 1,
      traceId2: 1,
      traceId3: 1,
      spanId0: 1,
      spanId1: 1,
      parentSpanId0: isRoot ? 0 : 1,
      parentSpanId1: isRoot ? 0 : 1,
      traceState: undefined,
      traceFlags: 1,
      hasRemoteParent: false,
      name: isRoot ? `GET /products/{id}` : i % 3 === 0 ? 'SELECT products' : `POST /orders/${i % 40}`,
      kind: isRoot ? 2 : 3,
      startSeconds: 1_790_000_000,
      startNanos: 1,
      endSeconds: 1_790_000_000,
      endNanos: 2,
      attributes: i % 3 === 0 ? databaseAttributes(i) : httpAttributes(i),
      droppedAttributes: 0,
      events: undefined,
      droppedEvents: 0,
      links: undefined,
      droppedLinks: 0,
      statusCode: i % 50 === 0 ? 2 : 0,
      statusMessage: '',
    });
  }
  const resource = encodeResource([
    'service.name',
    'shop-orders',
    'service.version',
    '1.4.0',
    'service.instance.id',
    '0f4b3a9e-8f1c-4f5e-9b57-2f7a9c7d1e10',
    'host.name',
    'orders-5d9c7b8f6d-x2x9z',
    'process.pid',
    4711,
    'telemetry.sdk.language',
    'nodejs',
  ]);
  const scope = encodeScope('clew/http', '0.1.0');
  return encodeTraceRequest(resource, [{ scope, spans: spans.copyWritten() }]);
}

function httpAttributes(i: number): (string | number)[] {
  return [
    'http.request.method',
    i % 4 === 0 ? 'POST' : 'GET',
    'http.response.status_code',
    i % 50 === 0 ? 500 : 200,
    'url.path',
    `/products/${(i * 7919) % 5000}`,
    'url.scheme',
    'http',
    'http.route',
    '/products/{id}',
    'server.address',
    'orders.shop.svc.cluster.local',
    'server.port',
    8080,
    'network.protocol.version',
    '1.1',
    'user_agent.original',
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36',
    'user-id',
    `user-${(i * 104_729) % 10_000}`,
  ];
}

function databaseAttributes(i: number): (string | number)[] {
  return [
    'db.system.name',
    'postgresql',
    'db.namespace',
    'shop',
    'db.operation.name',
    'SELECT',
    'db.collection.name',
    'products',
    'db.query.text',
    'SELECT id, name, price, stock FROM products WHERE id = $1 AND deleted = false',
    'db.response.returned_rows',
    i % 20,
    'server.address',
    'postgres.shop.svc.cluster.local',
    'server.port',
    5432,
    'thread.id',
    (i % 16) + 1,
    'user-id',
    `user-${(i * 104_729) % 10_000}`,
  ];
}

/** A span as a collector sees it; decoded here by hand, so that the writer is not checked with its own package. */
export interface SinkSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly traceState: string;
  readonly name: string;
  readonly kind: number;
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly droppedAttributes: number;
  readonly events: readonly {
    readonly name: string;
    readonly attributes: Readonly<Record<string, unknown>>;
    readonly droppedAttributes: number;
  }[];
  readonly droppedEvents: number;
  readonly links: readonly {
    readonly traceId: string;
    readonly attributes: Readonly<Record<string, unknown>>;
    readonly droppedAttributes: number;
  }[];
  readonly droppedLinks: number;
  readonly status: { readonly code: number; readonly message: string };
  readonly flags: number;
  readonly scope: string;
  readonly resource: Readonly<Record<string, unknown>>;
}

export const kind = { internal: 1, server: 2, client: 3, producer: 4, consumer: 5 } as const;

type Value = bigint | Buffer;

/** The values of each field, by number. */
class Message {
  private readonly fields = new Map<number, Value[]>();

  constructor(bytes: Buffer) {
    let position = 0;
    const varint = (): bigint => {
      let value = 0n;
      for (let shift = 0n; ; shift += 7n) {
        const byte = bytes.readUInt8(position++);
        value |= BigInt(byte & 0x7f) << shift;
        if (byte < 0x80) return value;
      }
    };
    const take = (length: number): Buffer => {
      position += length;
      if (position > bytes.length) throw new Error('a field is cut off');
      return bytes.subarray(position - length, position);
    };
    while (position < bytes.length) {
      const tag = Number(varint());
      const number = tag >>> 3;
      const value = [
        () => varint(),
        () => take(8).readBigUInt64LE(),
        () => take(Number(varint())),
        undefined,
        undefined,
        () => BigInt(take(4).readUInt32LE()),
      ][tag & 7]?.();
      if (value === undefined) throw new Error(`wire type ${tag & 7}`);
      const values = this.fields.get(number);
      if (values === undefined) this.fields.set(number, [value]);
      else values.push(value);
    }
  }

  all(number: number): Buffer[] {
    return (this.fields.get(number) ?? []) as Buffer[];
  }

  messages(number: number): Message[] {
    return this.all(number).map((bytes) => new Message(bytes));
  }

  integer(number: number): bigint {
    return ((this.fields.get(number) ?? []).at(-1) as bigint | undefined) ?? 0n;
  }

  bytes(number: number): Buffer {
    return this.all(number).at(-1) ?? Buffer.alloc(0);
  }

  text(number: number): string {
    return this.bytes(number).toString('utf8');
  }

  has(number: number): boolean {
    return this.fields.has(number);
  }
}

function readValue(value: Message): unknown {
  if (value.has(1)) return value.text(1);
  if (value.has(2)) return value.integer(2) === 1n;
  if (value.has(3)) return Number(BigInt.asIntN(64, value.integer(3)));
  if (value.has(4)) return new Float64Array(new BigUint64Array([value.integer(4)]).buffer)[0];
  if (value.has(5)) return new Message(value.bytes(5)).messages(1).map(readValue);
  if (value.has(6)) return readAttributes(new Message(value.bytes(6)).messages(1));
  return value.has(7) ? value.bytes(7) : null;
}

function readAttributes(entries: Message[]): Record<string, unknown> {
  return Object.fromEntries(entries.map((entry) => [entry.text(1), readValue(new Message(entry.bytes(2)))]));
}

/** The spans of an `ExportTraceServiceRequest`. */
export function decodeTraceRequest(body: Buffer): SinkSpan[] {
  return new Message(body).messages(1).flatMap((resourceSpans) => {
    const resource = readAttributes(new Message(resourceSpans.bytes(1)).messages(1));
    return resourceSpans.messages(2).flatMap((scopeSpans) => {
      const scope = new Message(scopeSpans.bytes(1)).text(1);
      return scopeSpans.messages(2).map((span) => readSpan(span, scope, resource));
    });
  });
}

/** How many spans that would be; a tenth of the work. */
export function countSpans(body: Buffer): number {
  const scopes = new Message(body).messages(1).flatMap((resourceSpans) => resourceSpans.messages(2));
  return scopes.reduce((sum, scopeSpans) => sum + scopeSpans.all(2).length, 0);
}

function readSpan(span: Message, scope: string, resource: Record<string, unknown>): SinkSpan {
  const status = new Message(span.bytes(15));
  return {
    traceId: span.bytes(1).toString('hex'),
    spanId: span.bytes(2).toString('hex'),
    parentSpanId: span.bytes(4).toString('hex'),
    traceState: span.text(3),
    name: span.text(5),
    kind: Number(span.integer(6)),
    startNs: span.integer(7),
    endNs: span.integer(8),
    attributes: readAttributes(span.messages(9)),
    droppedAttributes: Number(span.integer(10)),
    events: span.messages(11).map((event) => ({
      name: event.text(2),
      attributes: readAttributes(event.messages(3)),
      droppedAttributes: Number(event.integer(4)),
    })),
    droppedEvents: Number(span.integer(12)),
    links: span.messages(13).map((link) => ({
      traceId: link.bytes(1).toString('hex'),
      attributes: readAttributes(link.messages(4)),
      droppedAttributes: Number(link.integer(5)),
    })),
    droppedLinks: Number(span.integer(14)),
    status: { code: Number(status.integer(3)), message: status.text(2) },
    flags: Number(span.integer(16)),
    scope,
    resource,
  };
}

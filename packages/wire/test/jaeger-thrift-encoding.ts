import { TBinaryProtocol, TBufferedTransport, Thrift } from 'thrift';

/** As Jaeger's IDL has them; an i64 is a bigint. */
export interface ThriftBatch {
  readonly process: { readonly serviceName: string; readonly tags?: readonly ThriftTag[] };
  readonly spans: readonly ThriftSpan[];
}

export interface ThriftSpan {
  readonly traceIdLow: bigint;
  readonly traceIdHigh: bigint;
  readonly spanId: bigint;
  readonly parentSpanId: bigint;
  readonly operationName: string;
  readonly references?: readonly ThriftReference[];
  readonly flags: number;
  readonly startTime: bigint;
  readonly duration: bigint;
  readonly tags?: readonly ThriftTag[];
  readonly logs?: readonly { readonly timestamp: bigint; readonly fields: readonly ThriftTag[] }[];
}

export interface ThriftReference {
  readonly refType: number;
  readonly traceIdLow: bigint;
  readonly traceIdHigh: bigint;
  readonly spanId: bigint;
}

export type ThriftTag =
  | { readonly key: string; readonly vStr: string }
  | { readonly key: string; readonly vDouble: number }
  | { readonly key: string; readonly vBool: boolean }
  | { readonly key: string; readonly vLong: bigint }
  | { readonly key: string; readonly vBinary: Buffer };

const { Type } = Thrift;

/** Where a batch stands: alone, as collectors get it over HTTP, or in a call of one of the two methods. */
export type Envelope = 'none' | 'emitBatch' | 'submitBatches';

export interface EncodingOptions {
  readonly envelope?: Envelope;
  /** Whether a call has the header with a version. */
  readonly isStrict?: boolean;
  /** Legal and unusual: the process behind the spans, and fields of later versions everywhere. */
  readonly isOdd?: boolean;
}

/** The batch in the binary protocol, written by Apache Thrift's own library. */
export function encodeThriftBatch(batch: ThriftBatch, options: EncodingOptions = {}): Uint8Array {
  const { envelope = 'none', isStrict = true, isOdd = false } = options;
  const chunks: Buffer[] = [];
  const transport = new TBufferedTransport(undefined, (chunk?: Buffer) => {
    if (chunk !== undefined) chunks.push(chunk);
  });
  const writer = new ThriftWriter(new TBinaryProtocol(transport, isStrict, isStrict), isOdd);
  writer.writeMessage(batch, envelope);
  transport.flush();
  return Buffer.concat(chunks);
}

class ThriftWriter {
  private readonly out: TBinaryProtocol;
  private readonly isOdd: boolean;

  constructor(out: TBinaryProtocol, isOdd: boolean) {
    this.out = out;
    this.isOdd = isOdd;
  }

  writeMessage(batch: ThriftBatch, envelope: Envelope): void {
    if (envelope === 'none') {
      this.batch(batch);
      return;
    }
    this.out.writeMessageBegin(envelope, Thrift.MessageType.ONEWAY, 7);
    if (envelope === 'emitBatch') this.struct(() => this.field(Type.STRUCT, 1, () => this.batch(batch)));
    else this.struct(() => this.list(1, [batch], (item) => this.batch(item)));
    this.out.writeMessageEnd();
  }

  private batch({ process, spans }: ThriftBatch): void {
    const writeProcess = () =>
      this.field(Type.STRUCT, 1, () =>
        this.struct(() => {
          this.field(Type.STRING, 1, () => this.out.writeString(process.serviceName));
          if (process.tags !== undefined) this.list(2, process.tags, (tag) => this.tag(tag));
        }),
      );
    const writeSpans = () => this.list(2, spans, (span) => this.span(span));
    this.struct(() => {
      for (const write of this.isOdd ? [writeSpans, writeProcess] : [writeProcess, writeSpans]) write();
    });
  }

  private span(span: ThriftSpan): void {
    this.struct(() => {
      this.i64(1, span.traceIdLow);
      this.i64(2, span.traceIdHigh);
      this.i64(3, span.spanId);
      this.i64(4, span.parentSpanId);
      this.field(Type.STRING, 5, () => this.out.writeString(span.operationName));
      if (span.references !== undefined) this.list(6, span.references, (reference) => this.reference(reference));
      this.i32(7, span.flags);
      this.i64(8, span.startTime);
      this.i64(9, span.duration);
      if (span.tags !== undefined) this.list(10, span.tags, (tag) => this.tag(tag));
      if (span.logs !== undefined) {
        this.list(11, span.logs, ({ timestamp, fields }) =>
          this.struct(() => {
            this.i64(1, timestamp);
            this.list(2, fields, (tag) => this.tag(tag));
          }),
        );
      }
    });
  }

  private reference({ refType, traceIdLow, traceIdHigh, spanId }: ThriftReference): void {
    this.struct(() => {
      this.i32(1, refType);
      this.i64(2, traceIdLow);
      this.i64(3, traceIdHigh);
      this.i64(4, spanId);
    });
  }

  private tag(tag: ThriftTag): void {
    this.struct(() => {
      this.field(Type.STRING, 1, () => this.out.writeString(tag.key));
      if ('vStr' in tag) {
        this.i32(2, 0);
        this.field(Type.STRING, 3, () => this.out.writeString(tag.vStr));
      } else if ('vDouble' in tag) {
        this.i32(2, 1);
        this.field(Type.DOUBLE, 4, () => this.out.writeDouble(tag.vDouble));
      } else if ('vBool' in tag) {
        this.i32(2, 2);
        this.field(Type.BOOL, 5, () => this.out.writeBool(tag.vBool));
      } else if ('vLong' in tag) {
        this.i32(2, 3);
        this.i64(6, tag.vLong);
      } else {
        this.i32(2, 4);
        this.field(Type.STRING, 7, () => this.out.writeBinary(tag.vBinary));
      }
    });
  }

  private struct(write: () => void): void {
    this.out.writeStructBegin('');
    if (this.isOdd) this.unknownFields();
    write();
    this.out.writeFieldStop();
    this.out.writeStructEnd();
  }

  /** One of each type, under ids that nothing has, and one under an id that has another type. */
  private unknownFields(): void {
    const { out } = this;
    this.field(Type.BYTE, 100, () => out.writeByte(1));
    this.field(Type.I16, 101, () => out.writeI16(-2));
    this.field(Type.DOUBLE, 102, () => out.writeDouble(0.5));
    this.field(Type.MAP, 103, () => {
      out.writeMapBegin(Type.STRING, Type.I32, 2);
      for (const key of ['a', 'b']) {
        out.writeString(key);
        out.writeI32(5);
      }
      out.writeMapEnd();
    });
    this.field(Type.SET, 104, () => {
      out.writeSetBegin(Type.BOOL, 1);
      out.writeBool(true);
      out.writeSetEnd();
    });
    this.field(Type.STRUCT, 105, () => {
      out.writeFieldBegin('', Type.LIST, 1);
      out.writeListBegin(Type.STRUCT, 1);
      out.writeFieldStop();
      out.writeListEnd();
      out.writeFieldStop();
    });
    this.field(Type.BOOL, 1, () => out.writeBool(true));
  }

  private list<Item>(id: number, items: readonly Item[], write: (item: Item) => void): void {
    this.field(Type.LIST, id, () => {
      this.out.writeListBegin(Type.STRUCT, items.length);
      for (const item of items) write(item);
      this.out.writeListEnd();
    });
  }

  private i32(id: number, value: number): void {
    this.field(Type.I32, id, () => this.out.writeI32(value));
  }

  private i64(id: number, value: bigint): void {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64BE(BigInt.asIntN(64, value));
    // What the library calls an Int64 is eight bytes; JavaScript's numbers would lose digits.
    this.field(Type.I64, id, () => this.out.writeI64({ buffer: bytes } as unknown as number));
  }

  private field(type: number, id: number, write: () => void): void {
    this.out.writeFieldBegin('', type, id);
    write();
    this.out.writeFieldEnd();
  }
}

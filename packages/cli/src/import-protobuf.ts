import { CliError } from './cli-error.ts';
import { maxElementBytes } from './import-limits.ts';

/**
 * The `ResourceSpans` of an OTLP protobuf file, each as a request of its own: `ExportTraceServiceRequest` and
 * `TracesData` are `repeated ResourceSpans resource_spans = 1`, so a field with its tag is a whole message.
 *
 * @throws CliError with the place in the file
 */
export async function* readProtobufFields(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const queue = new ByteQueue(chunks);
  for (;;) {
    const start = queue.position;
    const tag = await queue.take(1);
    if (tag === null) return;
    if (tag[0] !== 0x0a) throw new CliError(`at byte ${start} there is no field of an OTLP request`);
    const header = [0x0a];
    let length = 0;
    for (let shift = 0; ; shift += 7) {
      const [byte = 0] = await queue.takeAll(1);
      header.push(byte);
      length += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
      if (shift === 28) throw new CliError(`at byte ${start} a length has more than 5 bytes`);
    }
    yield Buffer.concat([Uint8Array.from(header), await queue.takeElement(length, start)]);
  }
}

/**
 * The messages of a file in which each stands behind its length, four bytes, most significant first: what the file
 * exporter of OpenTelemetry's collector writes with `format: proto`.
 *
 * @throws CliError with the place in the file
 */
export async function* readSizedMessages(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const queue = new ByteQueue(chunks);
  for (;;) {
    const start = queue.position;
    const first = await queue.take(1);
    if (first === null) return;
    const size = Buffer.concat([first, await queue.takeAll(3)]).readUInt32BE();
    yield await queue.takeElement(size, start);
  }
}

/** Bytes that are taken off the front as they arrive. */
class ByteQueue {
  /** Of the next byte, in the file. */
  position = 0;
  private readonly iterator: AsyncIterator<Uint8Array>;
  private waiting: Uint8Array = new Uint8Array(0);

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.iterator = chunks[Symbol.asyncIterator]();
  }

  /** The next bytes; null at the end. Throws when there are some, but not as many. */
  async take(count: number): Promise<Uint8Array | null> {
    const pieces = [this.waiting];
    let available = this.waiting.length;
    while (available < count) {
      const next = await this.iterator.next();
      if (next.done) {
        if (available === 0) return null;
        throw new CliError(`the file ends at byte ${this.position + available}, in the middle of a message`);
      }
      pieces.push(next.value);
      available += next.value.length;
    }
    const bytes = pieces.length === 1 ? this.waiting : Buffer.concat(pieces, available);
    this.waiting = bytes.subarray(count);
    this.position += count;
    return bytes.subarray(0, count);
  }

  /** The next bytes, which must be there. */
  async takeAll(count: number): Promise<Uint8Array> {
    if (count === 0) return new Uint8Array(0);
    const bytes = await this.take(count);
    if (bytes === null) throw new CliError(`the file ends at byte ${this.position}, in the middle of a message`);
    return bytes;
  }

  async takeElement(count: number, start: number): Promise<Uint8Array> {
    if (count <= maxElementBytes) return this.takeAll(count);
    throw new CliError(`the message at byte ${start} has ${count} bytes; the limit is ${maxElementBytes}`);
  }
}

import { BytesColumnWriter } from './column-writer.ts';
import { writeVarint } from './little-endian.ts';

/** String: a varint length and the bytes, which is also how the block holds it. */
export class StringColumnWriter extends BytesColumnWriter {
  readonly type = 'String';

  append(source: Uint8Array, start: number, end: number): void {
    this.appendLength(end - start);
    this.data.append(source, start, end);
  }

  appendEmpty(): void {
    this.appendLength(0);
  }

  private appendLength(length: number): void {
    const out = this.data.reserve(5);
    this.data.length = writeVarint(out, this.data.length, length);
  }
}

import { BytesColumnWriter } from './column-writer.ts';
import { write32 } from './little-endian.ts';

/** UInt8, UInt32, Bool, Float64, Int64, DateTime64, FixedString: any type of a fixed number of bytes. */
export class FixedColumnWriter extends BytesColumnWriter {
  readonly type: string;
  readonly #width: number;

  constructor(type: string, width: number) {
    super();
    this.type = type;
    this.#width = width;
  }

  /** Copies one value of the column's width from `source` at `start`. */
  appendBytes(source: Uint8Array, start: number): void {
    this.data.append(source, start, start + this.#width);
  }

  /** One value of all zero bytes. */
  appendZero(): void {
    const out = this.data.reserve(this.#width);
    out.fill(0, this.data.length, this.data.length + this.#width);
    this.data.length += this.#width;
  }

  /** An unsigned value of one byte. */
  appendByte(value: number): void {
    const out = this.data.reserve(1);
    out[this.data.length++] = value;
  }

  /** A value of four bytes, little-endian. */
  append32(value: number): void {
    const out = this.data.reserve(4);
    write32(out, this.data.length, value);
    this.data.length += 4;
  }

  /** A value of eight bytes, little-endian, from its two halves. */
  append64(low: number, high: number): void {
    const out = this.data.reserve(8);
    write32(out, this.data.length, low);
    write32(out, this.data.length + 4, high);
    this.data.length += 8;
  }
}

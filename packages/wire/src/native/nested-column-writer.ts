import type { ColumnWriter } from './column-writer.ts';
import { initialBytes } from './growing-bytes.ts';
import { grow32 } from './little-endian.ts';

/** How many elements each row of an Array or Map has: the sum up to and including the row, as UInt64. */
class RowEnds {
  // Two halves of a UInt64 a row, of which the high one stays 0: the block's bytes, ready to be copied.
  #ends = new Uint32Array(initialBytes / 4);
  #count = 0;
  #total = 0;
  #savedCount = 0;
  #savedTotal = 0;

  appendRow(elementCount: number): void {
    if (this.#count * 2 === this.#ends.length) this.#ends = grow32(this.#ends);
    this.#total += elementCount;
    this.#ends[this.#count * 2] = this.#total;
    this.#count++;
  }

  dataLength(): number {
    return this.#count * 8;
  }

  writeData(out: Uint8Array, position: number): number {
    out.set(new Uint8Array(this.#ends.buffer, 0, this.#count * 8), position);
    return position + this.#count * 8;
  }

  save(): void {
    this.#savedCount = this.#count;
    this.#savedTotal = this.#total;
  }

  restore(): void {
    this.#count = this.#savedCount;
    this.#total = this.#savedTotal;
  }

  clear(): void {
    this.#count = 0;
    this.#total = 0;
  }
}

/** Array(T) and Map(K, V): append the elements to `elements` (keys and values), then say with `appendRow` how many. */
export class NestedColumnWriter<Elements extends readonly ColumnWriter[]> implements ColumnWriter {
  readonly type: string;
  readonly prefixLength: number;
  readonly elements: Elements;
  readonly #rows = new RowEnds();

  constructor(name: 'Array' | 'Map', ...elements: Elements) {
    this.type = `${name}(${elements.map((element) => element.type).join(', ')})`;
    this.prefixLength = elements.reduce((length, element) => length + element.prefixLength, 0);
    this.elements = elements;
  }

  /** Ends a row of `elementCount` elements, which were appended to every writer in `elements` before. */
  appendRow(elementCount: number): void {
    this.#rows.appendRow(elementCount);
  }

  writePrefix(out: Uint8Array, position: number): number {
    for (const element of this.elements) position = element.writePrefix(out, position);
    return position;
  }

  dataLength(): number {
    return this.elements.reduce((length, element) => length + element.dataLength(), this.#rows.dataLength());
  }

  writeData(out: Uint8Array, position: number): number {
    position = this.#rows.writeData(out, position);
    for (const element of this.elements) position = element.writeData(out, position);
    return position;
  }

  save(): void {
    this.#rows.save();
    for (const element of this.elements) element.save();
  }

  restore(): void {
    this.#rows.restore();
    for (const element of this.elements) element.restore();
  }

  clear(): void {
    this.#rows.clear();
    for (const element of this.elements) element.clear();
  }
}

import { GrowingBytes } from './growing-bytes.ts';

/**
 * The writing side of one column: values are appended as bytes, then the whole column is written into a block.
 *
 * Writers are made once and used for block after block, so their buffers stop growing after the first few. `save`
 * remembers the number of rows, `restore` drops all that came after: a request that turns out to be malformed in its
 * middle must leave nothing behind.
 */
export interface ColumnWriter {
  /** The column's ClickHouse type, as it stands in the block's header. */
  readonly type: string;
  /** Bytes of the state prefixes; see read-block.ts for the order of prefixes and data. */
  readonly prefixLength: number;
  writePrefix(out: Uint8Array, position: number): number;
  dataLength(): number;
  /** Writes the data and returns the position behind it. */
  writeData(out: Uint8Array, position: number): number;
  save(): void;
  restore(): void;
  /** Back to no rows; buffers are kept. */
  clear(): void;
}

/** A column whose data is one run of bytes: what was appended is what the block holds. */
export abstract class BytesColumnWriter implements ColumnWriter {
  abstract readonly type: string;
  readonly prefixLength = 0;
  protected readonly data: GrowingBytes = new GrowingBytes();
  #saved = 0;

  writePrefix(_out: Uint8Array, position: number): number {
    return position;
  }

  dataLength(): number {
    return this.data.length;
  }

  writeData(out: Uint8Array, position: number): number {
    out.set(this.data.bytes.subarray(0, this.data.length), position);
    return position + this.data.length;
  }

  save(): void {
    this.#saved = this.data.length;
  }

  restore(): void {
    this.data.length = this.#saved;
  }

  clear(): void {
    this.data.length = 0;
  }
}

import type { ColumnWriter } from './column-writer.ts';
import { varintLength, writeVarint } from './little-endian.ts';

/** The columns of a block by name, in the block's order. */
export type BlockColumns = readonly (readonly [name: string, column: ColumnWriter])[];

/**
 * One ClickHouse Native block of `rowCount` rows, for `FORMAT Native` over HTTP or in a file; see read-block.ts for
 * its layout. Every column must hold exactly that many rows. The columns keep their rows.
 *
 * @returns new bytes that belong to the caller
 */
export function writeNativeBlock(columns: BlockColumns, rowCount: number): Uint8Array<ArrayBuffer> {
  const headers: Uint8Array[] = [];
  let length = varintLength(rowCount);
  length += varintLength(columns.length);
  for (const [name, column] of columns) {
    const header = columnHeader(name, column.type);
    headers.push(header);
    length += header.length;
    if (rowCount > 0) length += column.prefixLength + column.dataLength();
  }
  const out = new Uint8Array(length);
  let position = writeVarint(out, 0, columns.length);
  position = writeVarint(out, position, rowCount);
  for (const [index, [, column]] of columns.entries()) {
    const header = headers[index]!;
    out.set(header, position);
    position += header.length;
    if (rowCount > 0) {
      position = column.writePrefix(out, position);
      position = column.writeData(out, position);
    }
  }
  return out;
}

const encoder = new TextEncoder();

function columnHeader(name: string, type: string): Uint8Array {
  const nameBytes = encoder.encode(name);
  const typeBytes = encoder.encode(type);
  const out = new Uint8Array(nameBytes.length + typeBytes.length + 10);
  let position = writeVarint(out, 0, nameBytes.length);
  out.set(nameBytes, position);
  position = writeVarint(out, position + nameBytes.length, typeBytes.length);
  out.set(typeBytes, position);
  return out.subarray(0, position + typeBytes.length);
}

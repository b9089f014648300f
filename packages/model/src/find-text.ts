import type { NativeBlock, NativeColumn } from '@clew/wire';
import { anyColumnOf, columnOf } from './columns.ts';
import { rowOfSpan, type TraceTable } from './table.ts';

/**
 * Marks (1) the rows in which `text` occurs: in the service, the span name, the span id, the status message or the
 * value of an attribute of the span. Case counts only outside of ASCII. An empty text marks nothing.
 *
 * Attribute values are searched as the bytes they came in, all rows at once: decoding the strings of 100,000 spans at
 * every key press would take seconds.
 */
export function findText(table: TraceTable, text: string): Uint8Array {
  const marks = new Uint8Array(table.spanCount);
  const wanted = text.toLowerCase();
  if (wanted === '') return marks;
  const services = table.services.map((service) => service.toLowerCase().includes(wanted));
  const names = table.names.map((name) => name.toLowerCase().includes(wanted));
  const idRow = rowOfSpan(table, wanted);
  if (idRow !== -1) marks[idRow] = 1;
  const blockMarks = table.origin.blocks.map((block) => findInBlock(block, wanted));
  for (let row = 0; row < table.spanCount; row++) {
    const inBlock = blockMarks[table.origin.blockOf[row]!]![table.origin.rows[row]!] === 1;
    if (inBlock || services[table.service[row]!] || names[table.name[row]!]) marks[row] = 1;
  }
  return marks;
}

function findInBlock(block: NativeBlock, wanted: string): Uint8Array {
  const marks = new Uint8Array(block.rowCount);
  const needle = foldAscii(new TextEncoder().encode(wanted));
  markStrings(anyColumnOf(block, 'status_message'), needle, (index) => {
    marks[index] = 1;
  });
  const strings = columnOf(block, 'attr_string', 'map');
  markStrings(strings.values, needle, (index) => {
    marks[ownerOf(strings.ends, index)] = 1;
  });
  for (const name of ['attr_int', 'attr_double']) {
    const map = columnOf(block, name, 'map');
    if (map.values.kind !== 'number' && map.values.kind !== 'bigint') continue;
    for (let index = 0; index < map.values.values.length; index++) {
      if (String(map.values.values[index]).includes(wanted)) marks[ownerOf(map.ends, index)] = 1;
    }
  }
  return marks;
}

/** Calls `mark` with the index of each string of the column that has the needle in it. */
function markStrings(column: NativeColumn, needle: Uint8Array, mark: (index: number) => void): void {
  if (column.kind !== 'string') return;
  const { bytes, starts, ends } = column;
  const first = needle[0]!;
  for (let index = 0; index < ends.length; index++) {
    const last = ends[index]! - needle.length;
    for (let at = starts[index]!; at <= last; at++) {
      if (fold(bytes[at]!) === first && matchesAt(bytes, at, needle)) {
        mark(index);
        break;
      }
    }
  }
}

function matchesAt(bytes: Uint8Array, at: number, needle: Uint8Array): boolean {
  for (let i = 1; i < needle.length; i++) {
    if (fold(bytes[at + i]!) !== needle[i]) return false;
  }
  return true;
}

function fold(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
}

function foldAscii(bytes: Uint8Array): Uint8Array {
  return bytes.map(fold);
}

/** The row whose part of the elements holds `index`: the first with an end above it. */
function ownerOf(ends: Uint32Array, index: number): number {
  let low = 0;
  let high = ends.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ends[middle]! > index) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Buffers start here and double: about 500 spans of a small column. */
export const initialBytes = 4096;

/** Bytes that grow by doubling. */
export class GrowingBytes {
  bytes: Uint8Array = new Uint8Array(initialBytes);
  length = 0;

  /** Makes room for `extra` more bytes; returns the array to write into, at `length`. */
  reserve(extra: number): Uint8Array {
    const needed = this.length + extra;
    if (needed > this.bytes.length) {
      const grown = new Uint8Array(Math.max(needed, this.bytes.length * 2));
      grown.set(this.bytes.subarray(0, this.length));
      this.bytes = grown;
    }
    return this.bytes;
  }

  append(source: Uint8Array, start: number, end: number): void {
    const out = this.reserve(end - start);
    copyBytes(source, start, end, out, this.length);
    this.length += end - start;
  }
}

/** Below this a loop is faster than making a subarray for `set`. */
const shortCopyBytes = 48;

export function copyBytes(source: Uint8Array, start: number, end: number, out: Uint8Array, position: number): void {
  if (end - start > shortCopyBytes) out.set(source.subarray(start, end), position);
  else for (let i = start; i < end; i++) out[position++] = source[i]!;
}

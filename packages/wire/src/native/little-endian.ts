/** The same elements with room for twice as many. */
export function grow32(array: Uint32Array): Uint32Array<ArrayBuffer> {
  const grown = new Uint32Array(array.length * 2);
  grown.set(array);
  return grown;
}

export function write32(out: Uint8Array, position: number, value: number): void {
  out[position] = value;
  out[position + 1] = value >>> 8;
  out[position + 2] = value >>> 16;
  out[position + 3] = value >>> 24;
}

/** A UInt64 below 2^32. */
export function write64(out: Uint8Array, position: number, value: number): number {
  write32(out, position, value);
  write32(out, position + 4, 0);
  return position + 8;
}

export function writeVarint(out: Uint8Array, position: number, value: number): number {
  while (value > 0x7f) {
    out[position++] = (value & 0x7f) | 0x80;
    value >>>= 7;
  }
  out[position++] = value;
  return position;
}

export function varintLength(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x20_0000 ? 3 : value < 0x1000_0000 ? 4 : 5;
}

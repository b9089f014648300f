// Names of eight bytes that collide in the dictionary of LowCardinality columns. Its hash takes four bytes at a time,
// and every step of it can be undone:
//
//   state = mix((8 ^ first word) * m)    state = mix((state ^ second word) * m)    hash = mix(state)

const multiplier = 0x9e3779b1;
/** Modulo 2^32. */
const multiplierInverse = 0x0e8b2f51;

/** `count` different names, all with this hash. */
export function namesWithHash(hash: number, count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => nameWithHash(hash, i + 1));
}

/** `count` names with different hashes whose low 16 bits are zero: all want the first slot of a table. */
export function namesWithLowBitsZero(count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => nameWithHash(i << 16, 1));
}

/** `count` names as an application has them: of the same length, and in no way chosen. */
export function ordinaryNames(count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => new TextEncoder().encode(`n${String(i).padStart(7, '0')}`));
}

function nameWithHash(hash: number, firstWord: number): Uint8Array {
  const wanted = Math.imul(unmix(unmix(hash)), multiplierInverse);
  const state = mix(Math.imul(8 ^ firstWord, multiplier));
  const name = new Uint8Array(8);
  const view = new DataView(name.buffer);
  view.setUint32(0, firstWord, true);
  view.setUint32(4, state ^ wanted, true);
  return name;
}

function mix(word: number): number {
  return word ^ (word >>> 15);
}

function unmix(word: number): number {
  return word ^ (word >>> 15) ^ (word >>> 30);
}

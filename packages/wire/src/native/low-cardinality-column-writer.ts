import type { ColumnWriter } from './column-writer.ts';
import { copyBytes, GrowingBytes, initialBytes } from './growing-bytes.ts';
import { grow32, varintLength, write64, writeVarint } from './little-endian.ts';

/** A hash table starts with this many slots and doubles at half full. */
const initialSlots = 256;

/**
 * Past so many slots, the search goes on in a `Map`. At half full, hashes that were not chosen to collide get this far
 * once in several hundred keys.
 */
const maxProbes = 32;

/**
 * LowCardinality(String): each distinct value once, and an index a row.
 *
 * ```
 * slots    hash & mask -> key number + 1, or 0      open addressing, linear probing
 * keys     bytes one behind the other · keyEnds     compared by bytes; no strings are made
 * crowded  bytes as text -> key number              the keys that found no slot
 * ```
 *
 * The hash has no seed, so that a sender can choose keys that collide. A key finds no slot when another key has its hash,
 * or after {@link maxProbes} slots; `crowded` holds it then, because V8 hashes text with a secret seed. No slot is ever
 * freed between two rehashes, so that a later search for the key ends at the same place and goes on there.
 *
 * `restore` leaves keys of dropped rows in the dictionary: an unused key costs its bytes and nothing else.
 */
export class LowCardinalityColumnWriter implements ColumnWriter {
  readonly type = 'LowCardinality(String)';
  readonly prefixLength = 8;
  readonly #keys = new GrowingBytes();
  #keyEnds = new Uint32Array(initialSlots);
  #keyHashes = new Uint32Array(initialSlots);
  #keyCount = 0;
  #slots = new Uint32Array(initialSlots);
  readonly #crowded = new Map<string, number>();
  #indexes = new Uint32Array(initialBytes / 4);
  #length = 0;
  #saved = 0;

  append(source: Uint8Array, start: number, end: number): void {
    this.appendKey(this.keyOf(source, start, end));
  }

  /** Appends a value by the number that {@link keyOf} gave since the last clear. */
  appendKey(key: number): void {
    if (this.#length === this.#indexes.length) this.#indexes = grow32(this.#indexes);
    this.#indexes[this.#length++] = key;
  }

  /** The number of a value in the dictionary, added when it is new. */
  keyOf(source: Uint8Array, start: number, end: number): number {
    const hash = hashBytes(source, start, end);
    const slots = this.#slots;
    const mask = slots.length - 1;
    const first = hash & mask;
    for (let slot = first; slot < first + maxProbes; slot++) {
      const entry = slots[slot & mask]!;
      if (entry === 0) {
        slots[slot & mask] = this.#keyCount + 1;
        return this.addKey(hash, source, start, end);
      }
      const key = entry - 1;
      if (this.#keyHashes[key] !== hash) continue;
      if (this.isKey(key, source, start, end)) return key;
      break;
    }
    const text = textOf(source, start, end);
    const known = this.#crowded.get(text);
    if (known !== undefined) return known;
    this.#crowded.set(text, this.#keyCount);
    return this.addKey(hash, source, start, end);
  }

  private isKey(key: number, source: Uint8Array, start: number, end: number): boolean {
    let position = key === 0 ? 0 : this.#keyEnds[key - 1]!;
    if (this.#keyEnds[key]! - position !== end - start) return false;
    const keys = this.#keys.bytes;
    for (let i = start; i < end; i++) if (keys[position++] !== source[i]) return false;
    return true;
  }

  private addKey(hash: number, source: Uint8Array, start: number, end: number): number {
    const key = this.#keyCount;
    if (key === this.#keyEnds.length) {
      this.#keyEnds = grow32(this.#keyEnds);
      this.#keyHashes = grow32(this.#keyHashes);
    }
    this.#keys.append(source, start, end);
    this.#keyEnds[key] = this.#keys.length;
    this.#keyHashes[key] = hash;
    this.#keyCount = key + 1;
    if (this.#keyCount * 2 > this.#slots.length) this.rehash();
    return key;
  }

  private rehash(): void {
    const slots = new Uint32Array(this.#slots.length * 2);
    this.#slots = slots;
    this.#crowded.clear();
    const mask = slots.length - 1;
    for (let key = 0; key < this.#keyCount; key++) {
      const hash = this.#keyHashes[key]!;
      const first = hash & mask;
      let slot = first;
      while (slot < first + maxProbes) {
        const entry = slots[slot & mask]!;
        if (entry === 0 || this.#keyHashes[entry - 1] === hash) break;
        slot++;
      }
      if (slot < first + maxProbes && slots[slot & mask] === 0) slots[slot & mask] = key + 1;
      else
        this.#crowded.set(textOf(this.#keys.bytes, key === 0 ? 0 : this.#keyEnds[key - 1]!, this.#keyEnds[key]!), key);
    }
  }

  writePrefix(out: Uint8Array, position: number): number {
    return write64(out, position, 1);
  }

  dataLength(): number {
    if (this.#length === 0) return 0;
    let length = 24 + this.#keys.length + this.#length * this.indexWidth();
    for (let key = 0, start = 0; key < this.#keyCount; key++) {
      length += varintLength(this.#keyEnds[key]! - start);
      start = this.#keyEnds[key]!;
    }
    return length;
  }

  writeData(out: Uint8Array, position: number): number {
    if (this.#length === 0) return position;
    const width = this.indexWidth();
    // Bits 0-7: the width of an index; 0x200: keys follow; 0x400: the dictionary starts anew with this block.
    position = write64(out, position, 0x600 | (width === 1 ? 0 : width === 2 ? 1 : 2));
    position = write64(out, position, this.#keyCount);
    for (let key = 0, start = 0; key < this.#keyCount; key++) {
      const end = this.#keyEnds[key]!;
      position = writeVarint(out, position, end - start);
      copyBytes(this.#keys.bytes, start, end, out, position);
      position += end - start;
      start = end;
    }
    position = write64(out, position, this.#length);
    const indexes = this.#indexes.subarray(0, this.#length);
    const narrow = width === 1 ? Uint8Array.from(indexes) : width === 2 ? Uint16Array.from(indexes) : indexes;
    out.set(new Uint8Array(narrow.buffer, narrow.byteOffset, narrow.byteLength), position);
    return position + narrow.byteLength;
  }

  private indexWidth(): number {
    return this.#keyCount <= 0x100 ? 1 : this.#keyCount <= 0x1_0000 ? 2 : 4;
  }

  save(): void {
    this.#saved = this.#length;
  }

  restore(): void {
    this.#length = this.#saved;
  }

  clear(): void {
    this.#length = 0;
    this.#keys.length = 0;
    this.#keyCount = 0;
    this.#slots.fill(0);
    this.#crowded.clear();
  }
}

const latin1 = new TextDecoder('latin1');

/** Different text for different bytes. It begins with a letter: V8 hashes text that is an array index without its seed. */
function textOf(source: Uint8Array, start: number, end: number): string {
  return `k${latin1.decode(source.subarray(start, end))}`;
}

/** Four bytes at a time, as each multiplication waits for the last; the rest byte by byte, as FNV-1a does. 32 bits, unsigned. */
function hashBytes(source: Uint8Array, start: number, end: number): number {
  let hash = end - start;
  let i = start;
  for (; i + 4 <= end; i += 4) {
    const word = source[i]! | (source[i + 1]! << 8) | (source[i + 2]! << 16) | (source[i + 3]! << 24);
    hash = Math.imul(hash ^ word, 0x9e3779b1);
    hash ^= hash >>> 15;
  }
  for (; i < end; i++) hash = Math.imul(hash ^ source[i]!, 0x01000193);
  return (hash ^ (hash >>> 15)) >>> 0;
}

import { crypto } from '../builtin-modules.ts';

/*
 * Ids come from a pool of random words, filled 8 KB at a time: one call into the system for 341 root spans. They are
 * kept as 32-bit words, which V8 holds without a box, and become hex only when someone asks.
 */
const pool = new Int32Array(2_048);
let nextIndex = pool.length;

/** 32 random bits as a signed integer. */
export function randomWord(): number {
  if (nextIndex === pool.length) {
    crypto.randomFillSync(pool);
    nextIndex = 0;
  }
  return pool[nextIndex++]!;
}

const scratch = Buffer.alloc(16);

/** 16 hex digits of two words. */
export function hexOfTwo(word0: number, word1: number): string {
  scratch.writeInt32BE(word0, 0);
  scratch.writeInt32BE(word1, 4);
  return scratch.toString('hex', 0, 8);
}

/** 32 hex digits of four words. */
export function hexOfFour(word0: number, word1: number, word2: number, word3: number): string {
  scratch.writeInt32BE(word0, 0);
  scratch.writeInt32BE(word1, 4);
  scratch.writeInt32BE(word2, 8);
  scratch.writeInt32BE(word3, 12);
  return scratch.toString('hex', 0, 16);
}

/** The word that eight hex digits at `start` make, in upper or lower case; they must be hex digits. */
export function wordOfHex(hex: string, start: number): number {
  let word = 0;
  for (let index = start; index < start + 8; index++) {
    const code = hex.charCodeAt(index);
    // "0" is 0x30, "A" 0x41 and "a" 0x61: bit 6 tells letters, whose low four bits count from 1.
    word = (word << 4) | ((code & 0xf) + (code >> 6) * 9);
  }
  return word;
}

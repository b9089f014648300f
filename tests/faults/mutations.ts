import type { Random } from './random.ts';

type Mutation = (bytes: Buffer, random: Random) => Buffer;

const insertAt = (bytes: Buffer, at: number, inserted: Uint8Array): Buffer =>
  Buffer.concat([bytes.subarray(0, at), inserted, bytes.subarray(at)]);

const anywhere = (bytes: Buffer, random: Random): number => random.below(bytes.length + 1);

function randomVarint(random: Random): Buffer {
  const length = random.between(1, 11);
  return Buffer.from(Array.from({ length }, (_, i) => random.below(128) | (i < length - 1 ? 0x80 : 0)));
}

/** What breaks readers: of lengths, counts, signs, nesting, and the syntax of JSON. */
const mutations: readonly Mutation[] = [
  function flipBits(bytes, random) {
    const flipped = Buffer.from(bytes);
    for (let i = random.between(1, 8); i > 0; i--) flipped[random.below(flipped.length)]! ^= 1 << random.below(8);
    return flipped;
  },
  function truncate(bytes, random) {
    return bytes.subarray(0, anywhere(bytes, random));
  },
  function cutOut(bytes, random) {
    const at = anywhere(bytes, random);
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + random.between(1, 64))]);
  },
  function inflateLength(bytes, random) {
    const inflated = Buffer.from(bytes);
    const at = random.below(inflated.length);
    inflated.set([0xff, 0xff, 0xff, 0xff, random.below(16)].slice(0, inflated.length - at), at);
    return inflated;
  },
  function repeatChunk(bytes, random) {
    const at = random.below(bytes.length);
    const chunk = bytes.subarray(at, at + random.between(1, 200));
    return insertAt(bytes, at, Buffer.concat(Array.from({ length: random.between(1, 20) }, () => chunk)));
  },
  function insertVarint(bytes, random) {
    return insertAt(bytes, anywhere(bytes, random), randomVarint(random));
  },
  function insertNoise(bytes, random) {
    const noise = Buffer.from(Array.from({ length: random.between(1, 32) }, () => random.below(256)));
    return insertAt(bytes, anywhere(bytes, random), noise);
  },
  function nestDeeply(bytes, random) {
    const openings = ['[', '{"a":', '{"values":[', '{"arrayValue":{"values":[', '\x2a', '\x0a'];
    const opening = openings[random.below(openings.length)]!;
    return insertAt(bytes, anywhere(bytes, random), Buffer.from(opening.repeat(random.between(10, 5000))));
  },
  function replaceNumber(bytes, random) {
    const numbers = ['-1', '1e999', '18446744073709551616', '0.5', 'null', '""', '[]', '{}', 'true', '9'.repeat(400)];
    const found = [...bytes.toString('latin1').matchAll(/"?\d+"?/g)];
    if (found.length === 0) return bytes;
    const { 0: text, index } = found[random.below(found.length)]!;
    const number = Buffer.from(numbers[random.below(numbers.length)]!);
    return Buffer.concat([bytes.subarray(0, index), number, bytes.subarray(index + text.length)]);
  },
];

/** One to three changes to a request. */
export function mutate(bytes: Buffer, random: Random): Buffer {
  let mutated = bytes;
  for (let i = random.between(1, 3); i > 0 && mutated.length > 0; i--) {
    mutated = mutations[random.below(mutations.length)]!(mutated, random);
  }
  return mutated;
}

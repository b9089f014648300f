/**
 * The bytes with up to four changes that follow from the seed: bytes flipped, set to values that readers stumble over,
 * put in, left out, repeated, or all behind a place cut off.
 */
export function mutate(bytes: Uint8Array, seed: number): Uint8Array {
  let state = (seed + 1) * 0x9e3779b9;
  const random = (below: number): number => {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d);
    state = Math.imul(state ^ (state >>> 12), 0x297a2d39);
    state ^= state >>> 15;
    return (state >>> 0) % below;
  };
  let mutated = Array.from(bytes);
  for (let changes = 1 + random(4); changes > 0; changes--) {
    const at = random(mutated.length + 1);
    switch (random(7)) {
      case 0:
        mutated[at % mutated.length]! ^= 1 << random(8);
        break;
      case 1:
        mutated[at % mutated.length] = awkward[random(awkward.length)]!;
        break;
      case 2:
        mutated.splice(at, 0, ...Array.from({ length: 1 + random(8) }, () => random(256)));
        break;
      case 3:
        mutated.splice(at, 1 + random(16));
        break;
      case 4:
        mutated.splice(at, 0, ...mutated.slice(at, at + random(64)));
        break;
      case 5:
        if (random(4) === 0) mutated = mutated.slice(0, at);
        break;
      case 6:
        mutated.splice(at, 4, 0x7f, 0xff, 0xff, 0xff);
    }
    if (mutated.length === 0) mutated = [random(256)];
  }
  return Uint8Array.from(mutated);
}

/** Of lengths, types, signs, and the syntax of JSON. */
const awkward = [0, 1, 0x0a, 0x12, 0x7f, 0x80, 0xff, 0x22, 0x2c, 0x2d, 0x30, 0x3a, 0x5b, 0x5c, 0x5d, 0x7b, 0x7d];

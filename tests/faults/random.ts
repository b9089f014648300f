/** Numbers that look random and can be had again: `CLEW_FAULT_SEED` gives the seed of a run that failed. */
export const seed: number = Number(process.env.CLEW_FAULT_SEED ?? Date.now() % 2 ** 32);

export interface Random {
  /** A whole number from 0 to `limit - 1`. */
  below(limit: number): number;
  between(min: number, max: number): number;
}

/** Each theme of faults has its own row of numbers, so that one does not move another. (Mulberry32.) */
export function createRandom(theme: string): Random {
  let state = seed;
  for (const letter of theme) state = Math.imul(state ^ letter.charCodeAt(0), 0x9e3779b1);
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number): number => Math.floor(next() * limit);
  return { below, between: (min, max) => min + below(max - min + 1) };
}

/** A count that `npm test` keeps small and a long run sets. */
export function countFromEnv(variable: string, byDefault: number): number {
  const value = Number(process.env[variable] ?? byDefault);
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new Error(`${variable} is ${JSON.stringify(process.env[variable])}, but it must be a whole number from 1`);
  }
  return value;
}

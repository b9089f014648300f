import { type Oklch, toCss } from './oklch.ts';

export type Theme = 'light' | 'dark';

/**
 * Hue in degrees, lightness from 0 (darkest that the theme allows) to 1, chroma. Found by a search for twenty colours of
 * which any two are 0.045 apart in OKLab, in both themes, for common sight and for deuteranopia and protanopia, and that
 * have a contrast of 3 to the background. No red: it is for errors. The test holds any change of them to the same.
 */
const palette: readonly (readonly [hue: number, depth: number, chroma: number])[] = [
  [42, 0.17, 0.18],
  [43, 0.63, 0.09],
  [52, 1, 0.09],
  [91, 0.45, 0.115],
  [106, 0.74, 0.18],
  [121, 1, 0.18],
  [145, 0, 0.168],
  [172, 0, 0.109],
  [174, 1, 0.168],
  [177, 0.59, 0.09],
  [197, 0.29, 0.09],
  [222, 0, 0.09],
  [223, 1, 0.18],
  [246, 0.51, 0.177],
  [265, 0.79, 0.148],
  [271, 0.3, 0.18],
  [291, 0, 0.18],
  [315, 0.22, 0.136],
  [326, 0.56, 0.154],
  [334, 0.79, 0.09],
];

const lightness: Readonly<Record<Theme, { readonly from: number; readonly to: number }>> = {
  light: { from: 0.44, to: 0.645 },
  dark: { from: 0.58, to: 0.86 },
};

export const paletteSize: number = palette.length;

/** Colour number `slot` of the theme's palette. */
export function paletteColour(slot: number, theme: Theme): Oklch {
  const [hue, depth, chroma] = palette[slot]!;
  const { from, to } = lightness[theme];
  return { lightness: from + depth * (to - from), chroma, hue };
}

/** The place in the palette that a service asks for: a hash of its name, so that it is the same on every page. */
export function paletteSlot(service: string): number {
  let hash = hashSeed;
  for (let at = 0; at < service.length; at++) hash = Math.imul(hash ^ service.charCodeAt(at), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return ((hash ^ (hash >>> 12)) >>> 0) % paletteSize;
}

/** Any number does; this one keeps names that shops like to give their services apart. */
const hashSeed = 164_380;

/** From one place in the palette to the next that is tried: without a common divisor, so all are; far apart in hue. */
const probeStep = 7;

/**
 * A colour for each of the services, as CSS: no two have the same while there are free ones. A service gets the place
 * it asks for, or the next free one, in alphabetical order, so that the same services always have the same colours.
 * Past the size of the palette colours repeat.
 */
export function assignColours(services: Iterable<string>, theme: Theme): ReadonlyMap<string, string> {
  const colours = new Map<string, string>();
  const taken = new Set<number>();
  for (const service of [...new Set(services)].sort()) {
    if (taken.size === paletteSize) taken.clear();
    let slot = paletteSlot(service);
    while (taken.has(slot)) slot = (slot + probeStep) % paletteSize;
    taken.add(slot);
    colours.set(service, toCss(paletteColour(slot, theme)));
  }
  return colours;
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { contrastOf, type Oklch, toCss, toLinearRgb } from '#src/draw/oklch.js';
import { assignColours, paletteColour, paletteSize, paletteSlot } from '#src/draw/service-colour.js';

type Matrix = readonly (readonly number[])[];
const multiply = (matrix: Matrix, vector: readonly number[]): number[] =>
  matrix.map((row) => row.reduce((sum, factor, at) => sum + factor * vector[at]!, 0));

/** What is seen, in linear sRGB: Machado, Oliveira, Fernandes 2009, severity 1. */
const sights: Record<string, Matrix> = {
  common: [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  deuteranopia: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  protanopia: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
};

/** Linear sRGB to OKLab, the inverse way of the code under test. */
function toOklab(rgb: readonly number[]): number[] {
  const cones = multiply(
    [
      [0.4122214708, 0.5363325363, 0.0514459929],
      [0.2119034982, 0.6806995451, 0.1073969566],
      [0.0883024619, 0.2817188376, 0.6299787005],
    ],
    rgb.map((channel) => Math.max(channel, 0)),
  ).map(Math.cbrt);
  return multiply(
    [
      [0.2104542553, 0.793617785, -0.0040720468],
      [1.9779984951, -2.428592205, 0.4505937099],
      [0.0259040371, 0.7827717662, -0.808675766],
    ],
    cones,
  );
}

const surfaces: Record<'light' | 'dark', Oklch> = {
  light: { lightness: 1, chroma: 0, hue: 0 },
  dark: { lightness: 0.21, chroma: 0.014, hue: 265 },
};

for (const theme of ['light', 'dark'] as const) {
  test(`every colour of the ${theme} palette has a contrast of at least 3 to the background`, () => {
    for (let slot = 0; slot < paletteSize; slot++) {
      const contrast = contrastOf(paletteColour(slot, theme), surfaces[theme]);
      assert.ok(contrast >= 3, `colour ${slot}: ${contrast.toFixed(2)}`);
    }
  });

  for (const [sight, matrix] of Object.entries(sights)) {
    test(`any two colours of the ${theme} palette are told apart with ${sight} sight`, () => {
      const seen = Array.from({ length: paletteSize }, (_, slot) =>
        toOklab(multiply(matrix, toLinearRgb(paletteColour(slot, theme)))),
      );
      for (let a = 0; a < paletteSize; a++) {
        for (let b = a + 1; b < paletteSize; b++) {
          const distance = Math.hypot(...seen[a]!.map((value, at) => value - seen[b]![at]!));
          assert.ok(distance >= 0.045, `colours ${a} and ${b}: ${distance.toFixed(3)}`);
        }
      }
    });
  }
}

test('a service has one place in the palette, and the services of a shop have different ones', () => {
  assert.equal(paletteSlot('gateway'), paletteSlot('gateway'));
  const services = ['gateway', 'orders', 'payments', 'inventory', 'recommendations'];
  assert.equal(new Set(services.map(paletteSlot)).size, services.length);
});

test('OKLCH is converted as CSS converts it', () => {
  assert.equal(toCss({ lightness: 1, chroma: 0, hue: 0 }), 'rgb(255 255 255)');
  assert.equal(toCss({ lightness: 0, chroma: 0, hue: 0 }), 'rgb(0 0 0)');
  assert.equal(toCss({ lightness: 0.62796, chroma: 0.25768, hue: 29.2339 }), 'rgb(255 0 0)');
  assert.equal(toCss({ lightness: 0.45201, chroma: 0.31321, hue: 264.052 }), 'rgb(0 0 255)');
});

test('white on black has the contrast of 21', () => {
  const grey = (lightness: number): Oklch => ({ lightness, chroma: 0, hue: 0 });
  assert.equal(contrastOf(grey(1), grey(0)).toFixed(1), '21.0');
  assert.equal(contrastOf(grey(0), grey(1)).toFixed(1), '21.0');
});

test('no two services of a page share a colour while there are free ones', () => {
  const name = fc.string({ minLength: 1, maxLength: 30 });
  fc.assert(
    fc.property(
      fc.uniqueArray(name, { maxLength: paletteSize }),
      fc.constantFrom('light', 'dark'),
      (services, theme) => {
        const colours = assignColours(services, theme as 'light');
        assert.equal(new Set(services.map((service) => colours.get(service))).size, services.length);
      },
    ),
  );
});

test('past the size of the palette every service still has a colour, and each is used twice at most', () => {
  const services = Array.from({ length: 2 * paletteSize }, (_, index) => `service-${index}`);
  const uses = new Map<string, number>();
  for (const colour of assignColours(services, 'light').values()) uses.set(colour, (uses.get(colour) ?? 0) + 1);
  assert.deepEqual([...uses.values()], Array(paletteSize).fill(2));
});

test('the same services have the same colours in any order, and one that is alone has the one it asks for', () => {
  const services = ['kafka', 'product-catalog', 'postgresql', 'payment', 'recommendation', 'frontend-proxy'];
  assert.deepEqual(assignColours(services, 'light'), assignColours([...services].reverse(), 'light'));
  const [colour] = assignColours(['kafka'], 'light').values();
  assert.equal(colour, toCss(paletteColour(paletteSlot('kafka'), 'light')));
});

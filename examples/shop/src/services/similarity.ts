import { seededRandom } from '../random.ts';
import { productCount } from './inventory-schema.ts';

/** As many features as a product has. To compare one product with all others by all of them takes tens of milliseconds. */
export const allFeatures = 3_000;

/** One row of features a product, from a fixed seed: every release of the service knows the same products. */
const features: readonly Float64Array[] = Array.from({ length: productCount }, (_, index) => {
  const random = seededRandom(index + 1);
  return Float64Array.from({ length: allFeatures }, random);
});

function distance(a: Float64Array, b: Float64Array, usedFeatures: number): number {
  let sum = 0;
  for (let i = 0; i < usedFeatures; i++) sum += Math.abs(a[i]! - b[i]!) ** 1.5;
  return sum;
}

/** The ids of the six products that are most like this one in their first `usedFeatures` features. */
export function findSimilar(productId: number, usedFeatures: number): readonly number[] {
  const own = features[(productId - 1) % productCount]!;
  return features
    .map((other, index) => ({ id: index + 1, distance: distance(own, other, usedFeatures) }))
    .filter(({ id }) => id !== productId)
    .sort((a, b) => a.distance - b.distance)
    .slice(0, 6)
    .map(({ id }) => id);
}

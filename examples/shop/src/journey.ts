import { seededRandom } from './random.ts';
import { categories, productCount } from './services/inventory-schema.ts';

/** One request of a customer. */
export interface Visit {
  readonly method: 'GET' | 'POST';
  /** Path and query on the gateway. */
  readonly path: string;
  readonly body?: { readonly productId: number; readonly quantity: number; readonly card: string };
  /** How long the customer thinks before this request, in units of the mean pause: exponential, at most 4. */
  readonly pause: number;
}

const goodCard = '4111111111111111';
const declinedCard = '0000000000000000';
const malformedCard = '4111-1111';

/**
 * What one customer does, without end: look at a category, open a few products, perhaps buy the last one, perhaps look
 * at earlier orders, and begin again. The same seed gives the same visits.
 *
 * Of the categories one in ten is sorted by popularity; of the products one in forty does not exist; of the purchases
 * 8 % are made with a card that the bank declines, 3 % with a card number that is none.
 */
export function* journey(seed: number): Generator<Visit, never> {
  const random = seededRandom(seed);
  const pick = (count: number) => Math.floor(random() * count);
  const pause = () => Math.min(-Math.log(1 - random()), 4);
  for (;;) {
    const sort = pick(10) === 0 ? '&sort=popularity' : '';
    yield { method: 'GET', path: `/products?category=${categories[pick(categories.length)]}${sort}`, pause: pause() };

    let productId = 1;
    for (let left = 1 + pick(3); left > 0; left--) {
      productId = 1 + pick(productCount);
      const shownId = pick(40) === 0 ? productId + 10_000 : productId;
      yield { method: 'GET', path: `/products/${shownId}`, pause: pause() };
    }

    if (random() < 0.5) {
      const luck = random();
      const card = luck < 0.08 ? declinedCard : luck < 0.11 ? malformedCard : goodCard;
      const body = { productId, quantity: 1 + pick(3), card };
      yield { method: 'POST', path: '/checkout', body, pause: pause() };
    }
    if (random() < 0.35) yield { method: 'GET', path: '/orders', pause: pause() };
  }
}

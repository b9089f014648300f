import assert from 'node:assert/strict';
import { test } from 'node:test';
import { journey, type Visit } from '@clew-examples/shop/journey';

function take(seed: number, count: number): Visit[] {
  const visits: Visit[] = [];
  for (const visit of journey(seed)) {
    visits.push(visit);
    if (visits.length === count) break;
  }
  return visits;
}

test('the same seed gives the same visits, another seed gives others', () => {
  assert.deepEqual(take(1, 100), take(1, 100));
  assert.notDeepEqual(take(1, 100), take(2, 100));
});

test('a thousand visits hold every kind of request, slow categories, unknown products and bad cards among them', () => {
  const visits = take(1, 1_000);
  const count = (matches: (visit: Visit) => boolean) => visits.filter(matches).length;
  for (const [what, found] of Object.entries({
    category: count(({ path }) => path.startsWith('/products?category=')),
    'category by popularity': count(({ path }) => path.endsWith('sort=popularity')),
    'known product': count(({ path }) => Number(/^\/products\/(\d+)$/.exec(path)?.[1]) <= 200),
    'unknown product': count(({ path }) => Number(/^\/products\/(\d+)$/.exec(path)?.[1]) > 200),
    'good card': count(({ body }) => body?.card === '4111111111111111'),
    'declined card': count(({ body }) => body?.card.startsWith('0') ?? false),
    'malformed card': count(({ body }) => body !== undefined && !/^\d+$/.test(body.card)),
    'order history': count(({ path }) => path === '/orders'),
  })) {
    assert.ok(found > 0, `no ${what} in a thousand visits`);
  }
});

test('pauses are one unit in the mean and at most four', () => {
  const pauses = take(3, 5_000).map(({ pause }) => pause);
  assert.ok(pauses.every((pause) => pause >= 0 && pause <= 4));
  const mean = pauses.reduce((sum, pause) => sum + pause, 0) / pauses.length;
  assert.ok(mean > 0.93 && mean < 1.03, `the mean pause is ${mean}`);
});

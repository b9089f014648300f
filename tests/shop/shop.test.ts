import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { problemNames, type Shop, startShop } from '@clew-examples/shop';
import { type OtlpSink, startOtlpSink } from './otlp-sink.js';

/** Whether a process of this id exists. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

const goodCard = '4111111111111111';

describe('the shop', () => {
  let sink: OtlpSink;
  let shop: Shop;

  const get = (path: string, userId = 'user-7') =>
    fetch(shop.gatewayUrl + path, { headers: { baggage: `user-id=${userId}`, 'x-user-id': userId } });
  const checkout = (card: string, productId = 42) =>
    fetch(`${shop.gatewayUrl}/checkout`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', baggage: 'user-id=user-7', 'x-user-id': 'user-7' },
      body: JSON.stringify({ productId, quantity: 2, card }),
    });

  before(async () => {
    sink = await startOtlpSink();
    shop = await startShop({ otlpEndpoint: sink.url, onLine: () => {} });
  });

  after(async () => {
    await shop?.stop();
    await sink?.close();
  });

  test('a checkout carries user-id from the gateway to the inventory', async () => {
    const response = await checkout(goodCard);
    assert.equal(response.status, 201);
    const order = (await response.json()) as { orderId: number; totalCents: number; shipment: object };
    assert.ok(order.orderId > 0);
    assert.deepEqual(order.shipment, { carrier: order.orderId % 3 === 0 ? 'bicycle' : 'van', pickedFor: 'user-7' });
  });

  test('a product page shows the product and up to six others', async () => {
    const response = await get('/products/42');
    assert.equal(response.status, 200);
    const page = (await response.json()) as { id: number; recommendations: number[] };
    assert.equal(page.id, 42);
    assert.equal(page.recommendations.length, 6);
  });

  test('the last product exists, the next is not found, and no number is a bad request', async () => {
    assert.equal((await get('/products/200')).status, 200);
    assert.equal((await get('/products/201')).status, 404);
    assert.equal((await get('/products/socks')).status, 400);
  });

  test('a category sorted by popularity begins with what was sold most', async () => {
    const response = await get('/products?category=tools&sort=popularity');
    assert.equal(response.status, 200);
    const sold = ((await response.json()) as { sold: number }[]).map((product) => product.sold);
    assert.equal(sold.length, 20);
    assert.deepEqual(
      sold,
      [...sold].sort((a, b) => b - a),
    );
  });

  test('an order stands in the history of its user', async () => {
    const { orderId } = (await (await checkout(goodCard)).json()) as { orderId: number };
    const [latest] = (await (await get('/orders')).json()) as { id: number; items: object[] }[];
    assert.deepEqual(
      { id: latest?.id, items: latest?.items },
      { id: orderId, items: [{ product_id: 42, quantity: 2, name: 'Product 42' }] },
    );
  });

  test('a declined card is answered 402, a card number that is none 502, an unknown product 404', async () => {
    assert.equal((await checkout('0000000000000000')).status, 402);
    assert.equal((await checkout('4111-1111')).status, 502);
    assert.equal((await checkout(goodCard, 201)).status, 404);
  });

  test('a checkout succeeds also when the session with the bank has just ended', async () => {
    for (let charge = 0; charge < 6; charge++) assert.equal((await checkout(goodCard)).status, 201);
  });

  test('stopping it leaves no process behind, and what the services recorded has been exported', async () => {
    assert.equal(shop.processes.length, 7);
    assert.deepEqual(
      shop.processes.map(({ pid }) => isRunning(pid)),
      Array(7).fill(true),
    );
    assert.equal(await shop.stop(), undefined);
    assert.deepEqual(
      shop.processes.map(({ pid }) => isRunning(pid)),
      Array(7).fill(false),
    );
    const exported = Buffer.concat(sink.bodies).toString('latin1');
    for (const service of ['gateway', 'orders', 'payments', 'shipping', 'inventory', 'recommendations']) {
      assert.ok(exported.includes(service), `nothing was exported that names ${service}`);
    }
  });
});

test('a shop without problems gives the same answers as one with all of them, but for what release 1.5.0 recommends', async () => {
  const answers = await Promise.all(
    [problemNames, []].map(async (problems) => {
      const shop = await startShop({ problems, tracing: false, onLine: () => {} });
      try {
        const bodies: unknown[] = [];
        for (const path of ['/products?category=books&sort=popularity', '/products/1', '/orders']) {
          const response = await fetch(shop.gatewayUrl + path, { headers: { 'x-user-id': 'user-1' } });
          const { recommendations: _, ...body } = (await response.json()) as Record<string, unknown>;
          bodies.push(body);
        }
        return bodies;
      } finally {
        await shop.stop();
      }
    }),
  );
  const [withProblems, withoutProblems] = answers as [unknown[], unknown[]];
  const history = Object.values(withoutProblems[2] as object) as { items: object[] }[];
  assert.equal(history.length, 10);
  assert.ok(history.every(({ items }) => items.length > 0));
  assert.deepEqual(withoutProblems, withProblems);
});

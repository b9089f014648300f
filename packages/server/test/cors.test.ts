import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { startOtlpReceiver, type TestReceiver } from './otlp-http-receiver.js';

const json = { 'content-type': 'application/json' };
const shop = 'https://shop.example';
let receiver: TestReceiver;

afterEach(() => receiver.close());

function post(body: string, headers: Record<string, string>): Promise<Response> {
  return fetch(receiver.url, { method: 'POST', body, headers });
}

function preflight(origin: string, headers: string): Promise<Response> {
  return fetch(receiver.url, {
    method: 'OPTIONS',
    headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': headers },
  });
}

function corsHeaders(response: Response): Record<string, string> {
  return Object.fromEntries(
    [...response.headers].filter(([name]) => name.startsWith('access-control-') || name === 'vary'),
  );
}

const named = {
  'access-control-allow-origin': shop,
  'access-control-allow-credentials': 'true',
  'access-control-expose-headers': 'Retry-After',
  vary: 'Origin',
};

describe('pages of other origins', () => {
  it('without allowed origins are told nothing: a preflight is a method that is not possible', async () => {
    receiver = await startOtlpReceiver();
    const answer = await preflight(shop, 'content-type');
    assert.equal(answer.status, 405);
    assert.deepEqual(corsHeaders(answer), {});
    assert.deepEqual(corsHeaders(await post('{}', { ...json, origin: shop })), {});
  });

  it('when named, may send with credentials and any headers, and read answers and refusals', async () => {
    receiver = await startOtlpReceiver({
      corsOrigins: ['http://localhost:3000', shop],
      destinationOf: () => undefined,
    });
    const wanted = 'authorization,content-type, x-tenant';
    // A preflight has no token.
    const allowed = await preflight(shop, wanted);
    assert.equal(allowed.status, 204);
    assert.deepEqual(corsHeaders(allowed), {
      ...named,
      'access-control-allow-methods': 'POST',
      'access-control-allow-headers': wanted,
      'access-control-max-age': '7200',
    });
    assert.equal((await preflight(shop, 'a b; c')).headers.get('access-control-allow-headers'), 'content-type');
    const refused = await post('{}', { ...json, origin: shop });
    assert.equal(refused.status, 401);
    assert.deepEqual(corsHeaders(refused), named);
  });

  it('when others are named, are told nothing, in a way that caches understand', async () => {
    receiver = await startOtlpReceiver({ corsOrigins: [shop] });
    for (const origin of ['https://other.example', `${shop}.evil.example`, 'null', 'http://shop.example']) {
      const answer = await preflight(origin, 'content-type');
      assert.equal(answer.status, 405, origin);
      assert.deepEqual(corsHeaders(answer), { vary: 'Origin' });
      assert.deepEqual(corsHeaders(await post('{}', { ...json, origin })), { vary: 'Origin' });
    }
    const taken = await post('{}', { ...json, origin: shop });
    assert.equal(taken.status, 200);
    assert.deepEqual(corsHeaders(taken), named);
    assert.deepEqual(corsHeaders(await post('{}', json)), { vary: 'Origin' });
  });

  it('when all are allowed, may send without credentials', async () => {
    receiver = await startOtlpReceiver({ corsOrigins: ['*'] });
    const any = { 'access-control-allow-origin': '*', 'access-control-expose-headers': 'Retry-After' };
    assert.deepEqual(corsHeaders(await post('{}', { ...json, origin: shop })), any);
    const allowed = await preflight(shop, 'content-type');
    assert.equal(allowed.status, 204);
    assert.equal(allowed.headers.get('access-control-allow-credentials'), null);
  });
});

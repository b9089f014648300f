import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { QueryTurns, type Release, type TenantTurns } from '#src/store/query-turns.js';

const nobodyLeaves = new AbortController().signal;

/** Takes turns for queries of a tenant, and notes in `order` who got one. */
function takeAll(tenant: TenantTurns, name: string, count: number, order: string[]): Promise<Release>[] {
  return Array.from({ length: count }, async (_, index) => {
    const release = await tenant.take(nobodyLeaves);
    order.push(`${name}${index}`);
    return release;
  });
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('turns of queries', () => {
  test('a tenant that is alone has all of them, in the order in which it asked', async () => {
    const order: string[] = [];
    const tenant = new QueryTurns(2).addTenant();
    const taken = takeAll(tenant, 'a', 4, order);
    await settle();
    assert.deepEqual(order, ['a0', 'a1']);
    assert.deepEqual([tenant.running, tenant.waiting], [2, 2]);
    (await taken[1]!)();
    await settle();
    assert.deepEqual(order, ['a0', 'a1', 'a2']);
  });

  for (const [turns, most] of [
    [1, 1],
    [2, 1],
    [4, 3],
    [16, 12],
  ] as const) {
    test(`of ${turns} turns, one of several tenants has at most ${most}`, async () => {
      const order: string[] = [];
      const all = new QueryTurns(turns);
      const [busy, other] = [all.addTenant(), all.addTenant()];
      void takeAll(busy, 'busy', 20, order);
      await settle();
      assert.equal(order.length, most);
      void takeAll(other, 'other', 1, order);
      await settle();
      assert.equal(order.includes('other0'), turns > most);
    });
  }

  test('those of several tenants that wait are served in turn, however many one of them has', async () => {
    const order: string[] = [];
    const all = new QueryTurns(1);
    const [one, two, three] = [all.addTenant(), all.addTenant(), all.addTenant()];
    const first = await one.take(nobodyLeaves);
    const waiting = [
      ...takeAll(one, 'one', 3, order),
      ...takeAll(two, 'two', 2, order),
      ...takeAll(three, 'three', 1, order),
    ];
    first();
    for (const taken of waiting) void taken.then((release) => release());
    await Promise.all(waiting);
    assert.deepEqual(order, ['two0', 'three0', 'one0', 'two1', 'one1', 'one2']);
  });

  test('a turn that is given back twice counts once', async () => {
    const tenant = new QueryTurns(1).addTenant();
    const release = await tenant.take(nobodyLeaves);
    release();
    release();
    await tenant.take(nobodyLeaves);
    assert.equal(tenant.running, 1);
  });

  test('who leaves gets no turn, and the next one is not held up', async () => {
    const order: string[] = [];
    const tenant = new QueryTurns(1).addTenant();
    const release = await tenant.take(nobodyLeaves);
    const caller = new AbortController();
    const left = tenant.take(caller.signal);
    void takeAll(tenant, 'next', 1, order);
    caller.abort(new Error('left'));
    await assert.rejects(left, /left/);
    await assert.rejects(tenant.take(caller.signal), /left/);
    assert.deepEqual([tenant.running, tenant.waiting], [1, 1]);
    release();
    await settle();
    assert.deepEqual(order, ['next0']);
  });

  test('64 of a tenant may wait; the 65th is told to come back, and other tenants still may', async () => {
    const all = new QueryTurns(1);
    const [busy, other] = [all.addTenant(), all.addTenant()];
    const order: string[] = [];
    void takeAll(busy, 'busy', 1 + 64, order);
    assert.equal(busy.waiting, 64);
    await assert.rejects(busy.take(nobodyLeaves), { code: 'CLEW_ENGINE_BUSY', status: 503 });
    void takeAll(other, 'other', 1, order);
    assert.equal(other.waiting, 1);
  });
});

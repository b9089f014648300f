import assert from 'node:assert/strict';
import { after, beforeEach, test } from 'node:test';
import { startTracing, traced } from '@clew/sdk';
import { OtlpSink } from './otlp-sink.js';

const sink = await OtlpSink.start();
const tracing = startTracing({ export: { url: `${sink.endpoint}/v1/traces`, delayMs: 10 } });
after(async () => {
  await tracing.shutdown();
  await sink.close();
});
beforeEach(() => sink.clear());

async function namesOf(count: number): Promise<string[]> {
  return (await sink.waitFor(count)).map((each) => each.name);
}

class Cart {
  readonly items: string[] = [];

  @traced()
  add(item: string, count = 1): number {
    for (let index = 0; index < count; index++) this.items.push(item);
    return this.items.length;
  }

  @traced('checkout', { attributes: { 'cart.kind': 'b2c' } })
  async pay(): Promise<string> {
    await new Promise((resolve) => setImmediate(resolve));
    return this.#receipt();
  }

  @traced()
  static create(): Cart {
    return new Cart();
  }

  @traced()
  #receipt(): string {
    return `${this.items.length} items`;
  }
}

class GiftCart extends Cart {}

@traced('stock')
class Stock {
  reserved = 0;

  reserve(): this {
    this.reserved++;
    return this;
  }

  async release(): Promise<void> {
    throw new Error('nothing to release');
  }

  @traced('own name')
  count(): number {
    return this.reserved;
  }

  get free(): number {
    return 10 - this.reserved;
  }
}

test('a method is a span named after its class, with this, its arguments and its result as they were', async () => {
  const cart = new Cart();
  assert.equal(cart.add('rope', 2), 2);
  assert.deepEqual(cart.items, ['rope', 'rope']);
  assert.deepEqual(await namesOf(1), ['Cart.add']);
  assert.equal(cart.add.name, 'add');
  assert.equal(cart.add.length, 1);
});

test('name and attributes can be given, a promise is awaited, and private methods are children', async () => {
  assert.equal(await new Cart().pay(), '0 items');
  const [receipt, checkout] = await sink.waitFor(2);
  assert.deepEqual([receipt!.name, checkout!.name], ['Cart.#receipt', 'checkout']);
  assert.deepEqual(checkout!.attributes, { 'cart.kind': 'b2c' });
  assert.equal(receipt!.parentSpanId, checkout!.spanId);
});

test('static methods are named after the class they are called on, inherited ones after the class of their object', async () => {
  Cart.create();
  new GiftCart().add('yarn');
  assert.deepEqual(await namesOf(2), ['Cart.create', 'GiftCart.add']);
});

test('on a class, all methods are traced once; accessors and the constructor are not', async () => {
  const stock = new Stock();
  assert.equal(stock.reserve(), stock);
  assert.equal(stock.free, 9);
  assert.equal(stock.count(), 1);
  await assert.rejects(stock.release(), /nothing to release/);
  assert.deepEqual(await namesOf(3), ['stock.reserve', 'own name', 'stock.release']);
  assert.equal(sink.spans[2]!.status.message, 'nothing to release');
});

test('the older form, of experimentalDecorators, works for methods and classes', async () => {
  class Old {
    greet(name: string): string {
      return `hello ${name}`;
    }
    wave(): string {
      return 'wave';
    }
  }
  const descriptor = Object.getOwnPropertyDescriptor(Old.prototype, 'greet')!;
  traced('greeting')(Old.prototype, 'greet', descriptor);
  Object.defineProperty(Old.prototype, 'greet', descriptor);
  traced()(Old);
  assert.equal(new Old().greet('you'), 'hello you');
  assert.equal(new Old().wave(), 'wave');
  assert.deepEqual(await namesOf(2), ['greeting', 'Old.wave']);
});

test('misuse does not compile: fields, accessors, names that are no text, attributes that are none', () => {
  // Never run: what counts is that each line needs its directive.
  const misused = () =>
    class {
      // @ts-expect-error a field is no method
      @traced() field = 1;
      // @ts-expect-error nor is an accessor
      @traced() get size() {
        return 1;
      }
      // @ts-expect-error the decorator must be made first
      @traced method() {}
      // @ts-expect-error a name is text
      @traced(42) other() {}
      // @ts-expect-error attributes stand under their own key
      @traced('name', { 'cart.kind': 'b2c' }) third() {}
    };
  assert.equal(typeof misused, 'function');
});

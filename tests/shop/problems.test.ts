import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { before, describe, test } from 'node:test';
import { type ProblemName, problemNames, startShop } from '@clew-examples/shop';
import { type ExportedSpan, readExportedSpans } from './exported-spans.js';
import { startOtlpSink } from './otlp-sink.js';

const server = 2;
const client = 3;
const error = 2;

/** What a shop's customers did, each request with the spans of the trace that it began. */
interface Recording {
  readonly history: readonly ExportedSpan[];
  readonly popular: readonly ExportedSpan[];
  readonly pages: readonly (readonly ExportedSpan[])[];
  readonly checkouts: readonly (readonly ExportedSpan[])[];
  readonly all: readonly ExportedSpan[];
}

/** Starts a shop with these problems, makes the same few requests, and reads what its services exported. */
async function record(problems: readonly ProblemName[]): Promise<Recording> {
  const sink = await startOtlpSink();
  const shop = await startShop({ problems, otlpEndpoint: sink.url, onLine: () => {} });
  const send = async (path: string, body?: object): Promise<string> => {
    const traceId = randomBytes(16).toString('hex');
    const response = await fetch(shop.gatewayUrl + path, {
      method: body ? 'POST' : 'GET',
      headers: {
        traceparent: `00-${traceId}-${randomBytes(8).toString('hex')}-01`,
        baggage: 'user-id=user-7',
        'x-user-id': 'user-7',
        'content-type': 'application/json',
      },
      body: body ? JSON.stringify(body) : null,
    });
    assert.ok(response.ok, `${path} was answered ${response.status}`);
    await response.arrayBuffer();
    return traceId;
  };
  const repeat = async (count: number, request: () => Promise<string>) => {
    const traceIds: string[] = [];
    while (traceIds.length < count) traceIds.push(await request());
    return traceIds;
  };

  try {
    const history = await send('/orders');
    const popular = await send('/products?category=books&sort=popularity');
    const pages = await repeat(10, () => send('/products/42'));
    const checkouts = await repeat(6, () =>
      send('/checkout', { productId: 42, quantity: 1, card: '4111111111111111' }),
    );
    await shop.stop();
    const all = readExportedSpans(sink.bodies);
    const trace = (traceId: string) => all.filter((span) => span.traceId === traceId);
    return {
      history: trace(history),
      popular: trace(popular),
      pages: pages.map(trace),
      checkouts: checkouts.map(trace),
      all,
    };
  } finally {
    await shop.stop();
    await sink.close();
  }
}

function durationMs({ startNs, endNs }: ExportedSpan): number {
  return Number(endNs - startNs) / 1e6;
}

/** The shortest: other work on the machine only ever adds to a duration. */
function leastMs(spans: readonly ExportedSpan[]): number {
  return Math.min(...spans.map(durationMs));
}

function entryOf(service: string, spans: readonly ExportedSpan[]): ExportedSpan {
  const entry = spans.find((span) => span.service === service && span.kind === server);
  assert.ok(entry, `the trace has no server span of ${service}`);
  return entry;
}

/** The client spans right below a span, in the order of their start. */
function callsOf(parent: ExportedSpan, spans: readonly ExportedSpan[]): ExportedSpan[] {
  return spans
    .filter((span) => span.parentSpanId === parent.spanId && span.kind === client)
    .sort((a, b) => Number(a.startNs - b.startNs));
}

describe('the traces of the shop', () => {
  let flawed: Recording;
  let sound: Recording;

  before(async () => {
    flawed = await record(problemNames);
    sound = await record([]);
  });

  test('a checkout crosses five services, and the deepest request carries user-id', () => {
    for (const spans of flawed.checkouts) {
      const services = new Set(spans.map((span) => span.service));
      assert.deepEqual([...services].sort(), ['gateway', 'inventory', 'orders', 'payments', 'shipping']);
      const update = spans.find((span) => span.name === 'UPDATE stock');
      const pick = spans.find((span) => span.spanId === update?.parentSpanId);
      assert.equal(pick?.name, 'POST /picks');
      assert.equal(pick.service, 'inventory');
      assert.equal(pick.attributes.get('user-id'), 'user-7');
    }
  });

  test('queries follow the conventions for databases', () => {
    const query = flawed.history.find((span) => span.name === 'SELECT orders');
    assert.ok(query);
    assert.equal(query.kind, client);
    assert.deepEqual(Object.fromEntries([...query.attributes].filter(([key]) => key.startsWith('db.'))), {
      'db.system.name': 'sqlite',
      'db.namespace': 'orders',
      'db.operation.name': 'SELECT',
      'db.collection.name': 'orders',
      'db.query.summary': 'SELECT orders',
      'db.query.text': 'SELECT id, total_cents FROM orders WHERE user_id = ? ORDER BY id DESC LIMIT 10',
      'db.response.returned_rows': '10',
    });
  });

  test('n-plus-one: ten queries for the items of ten orders and a call for the name of each item, without it one', () => {
    const count = (spans: readonly ExportedSpan[]) => {
      const calls = callsOf(entryOf('orders', spans), spans);
      const queries = calls.filter((span) => span.name === 'SELECT order_items');
      return [queries.length, calls.filter((span) => !span.attributes.has('db.system.name')).length];
    };
    assert.deepEqual(count(sound.history), [1, 1]);
    const [queries, calls] = count(flawed.history);
    assert.equal(queries, 10);
    assert.ok(calls! >= 10, `${calls} calls`);
  });

  test('serial-calls: the second call begins when the first has ended, without it before', () => {
    const gaps = ({ pages }: Recording) =>
      pages.map((spans) => {
        const calls = callsOf(entryOf('gateway', spans), spans);
        assert.equal(calls.length, 2);
        return calls[1]!.startNs - calls[0]!.endNs;
      });
    assert.ok(gaps(flawed).every((gap) => gap >= 0n));
    // An answer can be quicker than the start of the other call, on a busy machine; not as a rule.
    assert.ok(gaps(sound).filter((gap) => gap < 0n).length > 5);
  });

  test('slow-query: the query by popularity takes at least three times as long as with the index', () => {
    const query = ({ popular }: Recording) => popular.filter((span) => span.name === 'SELECT products');
    const [slowMs, fastMs] = [leastMs(query(flawed)), leastMs(query(sound))];
    assert.ok(slowMs > 3 * fastMs, `${slowMs} ms with the problem, ${fastMs} ms without`);
  });

  test('hidden-retry: one checkout in six is refused by payments, tries again, and shows no error at its root', () => {
    const retried = ({ checkouts }: Recording) =>
      checkouts.filter((spans) => spans.some((span) => span.service === 'payments' && span.statusCode === error));
    assert.equal(retried(sound).length, 0);
    const [spans, ...others] = retried(flawed);
    assert.ok(spans);
    assert.equal(others.length, 0);
    assert.equal(entryOf('gateway', spans).statusCode, 0);
    assert.equal(spans.filter((span) => span.service === 'payments' && span.kind === server).length, 2);
  });

  test('lost-context: the lookup of stock is a trace of its own without user-id, without it part of the page', () => {
    for (const spans of sound.pages) assert.equal(callsOf(entryOf('recommendations', spans), spans).length, 1);
    for (const spans of flawed.pages) assert.equal(callsOf(entryOf('recommendations', spans), spans).length, 0);
    const roots = flawed.all.filter((span) => span.service === 'recommendations' && span.parentSpanId === '');
    assert.equal(roots.length, flawed.pages.length);
    for (const root of roots) {
      assert.equal(root.kind, client);
      const lookup = flawed.all.filter((span) => span.traceId === root.traceId);
      assert.ok(lookup.some((span) => span.service === 'inventory' && span.kind === server));
      assert.ok(lookup.every((span) => !span.attributes.has('user-id')));
    }
  });

  test('clock-skew: shipping seems to begin up to 150 ms before it was called, without it after', () => {
    const leadsMs = ({ checkouts }: Recording) =>
      checkouts.map((spans) => {
        const entry = entryOf('shipping', spans);
        const caller = spans.find((span) => span.spanId === entry.parentSpanId);
        assert.equal(caller?.service, 'orders');
        return Number(caller.startNs - entry.startNs) / 1e6;
      });
    for (const leadMs of leadsMs(flawed)) assert.ok(leadMs > 50 && leadMs <= 151, `${leadMs} ms`);
    for (const leadMs of leadsMs(sound)) assert.ok(leadMs < 1, `${leadMs} ms`);
  });

  test('slow-release: 1.5.0 ranks at least three times as long as 1.4.0, without it not a third of that', () => {
    const ratio = ({ pages }: Recording) => {
      const ranks = pages.flat().filter((span) => span.name === 'rank similar');
      const of = (version: string) => leastMs(ranks.filter((span) => span.version === version));
      return of('1.5.0') / of('1.4.0');
    };
    assert.ok(ratio(flawed) > 3, `${ratio(flawed)} times`);
    assert.ok(ratio(sound) < ratio(flawed) / 3, `${ratio(sound)} times without the problem, ${ratio(flawed)} with it`);
  });
});

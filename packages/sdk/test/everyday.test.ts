import assert from 'node:assert/strict';
import { after, beforeEach, test } from 'node:test';
import {
  baggage,
  ClewTracerProvider,
  currentSpanId,
  currentTraceId,
  setAttributes,
  span,
  startTracing,
  withBaggage,
} from '@clew/sdk';
import { SpanStatusCode, trace } from '@opentelemetry/api';
import { kind, type SinkSpan } from './otlp-decoding.js';
import { OtlpSink } from './otlp-sink.js';
import { runNode, writeApp } from './run-app.js';

const sink = await OtlpSink.start();
const tracing = startTracing({
  resource: { 'service.name': 'everyday' },
  export: { url: `${sink.endpoint}/v1/traces`, delayMs: 10 },
});
after(async () => {
  await tracing.shutdown();
  await sink.close();
});
beforeEach(() => sink.clear());

async function spansOf(count: number): Promise<Record<string, SinkSpan>> {
  return Object.fromEntries((await sink.waitFor(count)).map((each) => [each.name, each]));
}

test('span returns what a function returns, and has ended by then', async () => {
  const result = span('sync', () => 42);
  const { sync } = await spansOf(1);
  assert.equal(result, 42);
  assert.equal(sync!.kind, kind.internal);
  assert.equal(sync!.scope, 'app');
  assert.deepEqual(sync!.status, { code: SpanStatusCode.UNSET, message: '' });
});

test('span takes attributes to start with, and its function is given the span to add more', async () => {
  span('attributes', { 'order.id': 7 }, (active) => active.setAttribute('order.total', 9.5));
  assert.deepEqual((await spansOf(1)).attributes!.attributes, { 'order.id': 7, 'order.total': 9.5 });
});

test('a span inside a span is its child, after an await too', async () => {
  await span('outer', async () => {
    await new Promise((resolve) => setImmediate(resolve));
    span('inner', () => undefined);
  });
  const { outer, inner } = await spansOf(2);
  assert.equal(inner!.parentSpanId, outer!.spanId);
  assert.equal(inner!.traceId, outer!.traceId);
  assert.ok(outer!.endNs >= inner!.endNs);
});

test('what is thrown is recorded with its type, makes the status an error and is thrown on', async () => {
  const error = new TypeError('no such thing');
  assert.throws(
    () =>
      span('throws', () => {
        throw error;
      }),
    error,
  );
  const { throws } = await spansOf(1);
  assert.deepEqual(throws!.status, { code: SpanStatusCode.ERROR, message: 'no such thing' });
  assert.equal(throws!.attributes['error.type'], 'TypeError');
  assert.equal(throws!.events[0]!.name, 'exception');
  assert.equal(throws!.events[0]!.attributes['exception.message'], 'no such thing');
});

test('a rejection is recorded as what is thrown is: the code of a system error, and things that are no errors', async () => {
  const refused = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' });
  await assert.rejects(
    span('refused', () => Promise.reject(refused)),
    refused,
  );
  await assert.rejects(
    span('text', async () => {
      throw 'only text';
    }),
    (reason) => reason === 'only text',
  );
  const { refused: first, text } = await spansOf(2);
  assert.equal(first!.attributes['error.type'], 'ECONNREFUSED');
  assert.equal(text!.attributes['error.type'], '_OTHER');
  assert.deepEqual(text!.status, { code: SpanStatusCode.ERROR, message: 'only text' });
});

test('a rejection that nobody handles still ends the process, as without a span', async (t) => {
  const path = await writeApp(
    t,
    'app.mjs',
    `import { span } from '@clew/sdk';
     void span('forgotten', () => Promise.reject(new Error('nobody cares')));`,
  );
  const app = runNode(t, [path]);
  assert.deepEqual(await app.exit(), { code: 1, signal: null });
  assert.match(app.stderr, /nobody cares/);
});

test('setAttributes sets on the active span, and does nothing without one', async () => {
  setAttributes({ lost: true });
  span('active', () => setAttributes({ 'user.id': 'alice', tries: 2 }));
  assert.deepEqual((await spansOf(1)).active!.attributes, { 'user.id': 'alice', tries: 2 });
});

test('currentTraceId and currentSpanId name the active span, and are undefined outside of any', async () => {
  const ids = span('ids', () => [currentTraceId(), currentSpanId()]);
  const { ids: sent } = await spansOf(1);
  assert.deepEqual(ids, [sent!.traceId, sent!.spanId]);
  assert.deepEqual([currentTraceId(), currentSpanId()], [undefined, undefined]);
});

test('withBaggage adds entries for its function and what that awaits; an inner value replaces an outer one', async () => {
  const seen = await withBaggage({ tenant: 'a', user: 'alice' }, async () => {
    await new Promise((resolve) => setImmediate(resolve));
    return withBaggage({ tenant: 'b' }, () => baggage.all());
  });
  assert.deepEqual(seen, { tenant: 'b', user: 'alice' });
  assert.equal(
    withBaggage({ tenant: 'a' }, () => baggage.get('tenant')),
    'a',
  );
  assert.equal(baggage.get('tenant'), undefined);
  assert.deepEqual(baggage.all(), {});
});

test('baggage goes out with a request', async () => {
  const sent = await withBaggage({ tenant: 'a b' }, async () => {
    const carrier: Record<string, string> = {};
    const { context, propagation } = await import('@opentelemetry/api');
    propagation.inject(context.active(), carrier);
    return carrier;
  });
  assert.equal(sent.baggage, 'tenant=a%20b');
});

test('after a shutdown the helpers just run their functions, and with the next SDK they trace again', async () => {
  await tracing.shutdown();
  assert.equal(
    span('nowhere', () => 1),
    1,
  );
  assert.equal(
    withBaggage({ a: 'b' }, () => 2),
    2,
  );
  assert.equal(
    span('nowhere', () => currentTraceId()),
    undefined,
  );
  const provider = new ClewTracerProvider({ export: { url: `${sink.endpoint}/v1/traces`, delayMs: 10 } });
  provider.register();
  span('again', () => undefined);
  await provider.forceFlush();
  trace.disable();
  assert.deepEqual(Object.keys(await spansOf(1)), ['again']);
});

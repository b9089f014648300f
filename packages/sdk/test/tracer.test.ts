import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { after, before, beforeEach, test } from 'node:test';
import { AlwaysOffSampler, AlwaysOnSampler, ClewTracerProvider, ParentBasedSampler, type Sampler } from '@clew/sdk';
import {
  context,
  createContextKey,
  propagation,
  ROOT_CONTEXT,
  SamplingDecision,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import type { SinkSpan } from './otlp-decoding.js';
import { OtlpSink } from './otlp-sink.js';

let sink: OtlpSink;
let provider: ClewTracerProvider;

before(async () => {
  sink = await OtlpSink.start();
  provider = new ClewTracerProvider({
    sampler: new ParentBasedSampler({ root: new AlwaysOnSampler() }),
    resource: { 'service.name': 'test' },
    export: { url: `${sink.endpoint}/v1/traces`, delayMs: 60_000 },
  });
  assert.equal(provider.register(), true);
});
after(async () => {
  await provider.shutdown();
  await sink.close();
});
beforeEach(() => sink.clear());

const tracer = trace.getTracer('test', '1.0');

async function exported(): Promise<SinkSpan[]> {
  await provider.forceFlush();
  return sink.spans;
}

async function exportedOne(): Promise<SinkSpan> {
  const spans = await exported();
  assert.equal(spans.length, 1);
  return spans[0]!;
}

test('a span carries what it was given, from its start to its end', async () => {
  const linked: SpanContext = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: 1 };
  const span = tracer.startSpan('first', {
    kind: SpanKind.PRODUCER,
    attributes: { text: 'a', int: 1, double: 0.5, yes: true, list: ['x', 'y'] },
    links: [{ context: linked, attributes: { why: 'because' } }],
    startTime: [1_763_870_400, 123_456_789],
  });
  assert.equal(span.isRecording(), true);
  span.updateName('second').setAttribute('text', 'b').setAttributes({ more: 2 });
  span.addEvent('event', { n: 1 }).addEvent('at', new Date(1_763_870_400_500));
  span.addLink({ context: linked }).addLinks([{ context: linked }]);
  span.setStatus({ code: SpanStatusCode.ERROR, message: 'why' });
  span.end([1_763_870_401, 5]);
  assert.equal(span.isRecording(), false);
  const sent = await exportedOne();
  assert.equal(sent.name, 'second');
  assert.equal(sent.kind, 4);
  assert.equal(sent.startNs, 1_763_870_400_123_456_789n);
  assert.equal(sent.endNs, 1_763_870_401_000_000_005n);
  assert.deepEqual(sent.attributes, { text: 'b', int: 1, double: 0.5, yes: true, list: ['x', 'y'], more: 2 });
  assert.deepEqual(
    sent.events.map((event) => event.name),
    ['event', 'at'],
  );
  assert.equal(sent.links.length, 3);
  assert.deepEqual(sent.links[0]!.attributes, { why: 'because' });
  assert.deepEqual(sent.status, { code: 2, message: 'why' });
  assert.equal(sent.traceId, span.spanContext().traceId);
  assert.equal(sent.spanId, span.spanContext().spanId);
  assert.equal(sent.scope, 'test');
});

test('an ended span no longer changes and is sent once', async () => {
  const span = tracer.startSpan('once');
  span.end();
  span.setAttribute('a', 1).setAttributes({ b: 1 }).addEvent('e').updateName('other');
  span.setStatus({ code: SpanStatusCode.ERROR });
  span.recordException(new Error('late'));
  span.end();
  const sent = await exportedOne();
  assert.deepEqual([sent.name, sent.attributes, sent.events, sent.status.code], ['once', {}, [], 0]);
});

test('ok is final, unset is ignored, and a message belongs to an error', async () => {
  const span = tracer.startSpan('s');
  span.setStatus({ code: SpanStatusCode.ERROR, message: 'first' }).setStatus({ code: SpanStatusCode.UNSET });
  span
    .setStatus({ code: SpanStatusCode.OK, message: 'dropped' })
    .setStatus({ code: SpanStatusCode.ERROR, message: 'late' });
  span.end();
  assert.deepEqual((await exportedOne()).status, { code: 1, message: '' });
});

test('the 128th attribute, event and link is kept; the 129th is dropped and counted', async () => {
  for (const count of [128, 129]) {
    sink.clear();
    const span = tracer.startSpan('s');
    const linked: SpanContext = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: 1 };
    for (let index = 0; index < count; index++) {
      span.setAttribute(`k${index}`, index).addEvent(`e${index}`).addLink({ context: linked });
    }
    span.setAttribute('k0', 'overwritten').end();
    const sent = await exportedOne();
    assert.equal(Object.keys(sent.attributes).length, 128);
    assert.equal(sent.attributes.k0, 'overwritten');
    assert.equal(sent.events.length, 128);
    assert.equal(sent.events.at(-1)!.name, 'e127');
    assert.equal(sent.links.length, 128);
    const dropped = count - 128;
    assert.deepEqual([sent.droppedAttributes, sent.droppedEvents, sent.droppedLinks], [dropped, dropped, dropped]);
  }
});

test('an exception is an event with type, message and stack', async () => {
  const span = tracer.startSpan('s');
  span.recordException(Object.assign(new TypeError('no'), { code: 'E_NO' }));
  span.recordException('text');
  span.end();
  const { events } = await exportedOne();
  assert.equal(events[0]!.name, 'exception');
  assert.equal(events[0]!.attributes['exception.type'], 'E_NO');
  assert.equal(events[0]!.attributes['exception.message'], 'no');
  assert.match(String(events[0]!.attributes['exception.stacktrace']), /TypeError: no/);
  assert.deepEqual(events[1]!.attributes, { 'exception.message': 'text' });
});

test('values are taken as they are when they are set', async () => {
  const list = ['a'];
  const map = { nested: { list } };
  const span = tracer.startSpan('s', { attributes: { list } });
  span.setAttribute('map', map as never);
  list.push('b');
  span.end();
  assert.deepEqual((await exportedOne()).attributes, { list: ['a'], map: { nested: { list: ['a'] } } });
});

test('nothing that an app does wrong throws', async () => {
  const loop: Record<string, unknown> = {};
  loop.self = loop;
  const trap = new Proxy({}, { ownKeys: () => assert.fail('trap') });
  const wrong = [
    undefined,
    null,
    0,
    '',
    Number.NaN,
    Symbol('s'),
    () => 0,
    {},
    [],
    loop,
    trap,
    10n,
    new Map(),
  ] as never[];
  for (const value of wrong) {
    const span = tracer.startSpan(value === undefined ? value : ('s' as never), value, undefined);
    span.setAttribute(value, value).setAttribute('k', value).setAttributes(value).addEvent(value, value, value);
    span
      .addLink(value)
      .addLinks(value)
      .setStatus(value)
      .updateName(typeof value === 'symbol' ? ('s' as never) : value);
    span.recordException(value, value);
    span.end(value);
  }
  assert.ok((await exported()).length > 0);
});

test('a span that ends before it started ends when it started', async () => {
  tracer.startSpan('s', { startTime: 2_000_000_000_000 }).end(1_900_000_000_000);
  const sent = await exportedOne();
  assert.equal(sent.endNs, sent.startNs);
  assert.equal(sent.startNs, 2_000_000_000_000_000_000n);
});

test('times are read as OpenTelemetry defines them: epoch, Date, pair, and performance.now()', async () => {
  const wallNs = BigInt(Date.now()) * 1_000_000n;
  for (const startTime of [Date.now(), new Date(), performance.now(), undefined]) {
    sink.clear();
    tracer.startSpan('s', startTime === undefined ? {} : { startTime }).end();
    const sent = await exportedOne();
    const offNs = sent.startNs - wallNs;
    assert.ok(offNs > -50_000_000n && offNs < 1_000_000_000n, `${startTime}: ${offNs}`);
  }
});

test('the span in the context is the parent; root: true and the root context have none', async () => {
  const parent = tracer.startSpan('parent');
  const inParent = trace.setSpan(ROOT_CONTEXT, parent);
  tracer.startSpan('child', {}, inParent).end();
  tracer.startSpan('root', { root: true }, inParent).end();
  tracer.startSpan('other', {}, ROOT_CONTEXT).end();
  parent.end();
  const [child, root, other, sentParent] = await exported();
  assert.equal(child!.parentSpanId, sentParent!.spanId);
  assert.equal(child!.traceId, sentParent!.traceId);
  assert.equal(child!.flags, 0x103);
  assert.equal(root!.parentSpanId, '');
  assert.notEqual(root!.traceId, sentParent!.traceId);
  assert.equal(other!.parentSpanId, '');
});

test('the parent may be a span of another library, and an invalid one is none', async () => {
  const foreign = trace.wrapSpanContext({
    traceId: 'c'.repeat(32),
    spanId: 'd'.repeat(16),
    traceFlags: 1,
    isRemote: true,
  });
  tracer.startSpan('child', {}, trace.setSpan(ROOT_CONTEXT, foreign)).end();
  const invalid = trace.wrapSpanContext({ traceId: 'x', spanId: 'y', traceFlags: 1 });
  tracer.startSpan('root', {}, trace.setSpan(ROOT_CONTEXT, invalid)).end();
  const [child, root] = await exported();
  assert.deepEqual([child!.traceId, child!.parentSpanId, child!.flags], ['c'.repeat(32), 'd'.repeat(16), 0x301]);
  assert.equal(root!.parentSpanId, '');
});

test('startActiveSpan makes its span active, across awaits, in all of its forms', async () => {
  const key = createContextKey('k');
  const names: string[] = [];
  const body = async (span: Span): Promise<number> => {
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(trace.getActiveSpan(), span);
    names.push(String(context.active().getValue(key)));
    span.end();
    return 7;
  };
  assert.equal(await tracer.startActiveSpan('a', body), 7);
  assert.equal(await tracer.startActiveSpan('b', { attributes: { n: 1 } }, body), 7);
  assert.equal(await tracer.startActiveSpan('c', {}, ROOT_CONTEXT.setValue(key, 'v'), body), 7);
  assert.deepEqual(names, ['undefined', 'undefined', 'v']);
  assert.equal(trace.getActiveSpan(), undefined);
  assert.equal(context.active(), ROOT_CONTEXT);
  assert.equal((await exported()).length, 3);
});

test('contexts are immutable and keep span, baggage and other values apart', () => {
  const [key, other] = [createContextKey('key'), createContextKey('other')];
  const span = tracer.startSpan('s');
  const one = trace.setSpan(ROOT_CONTEXT, span).setValue(key, 1);
  const baggage = propagation.createBaggage({ a: { value: '1' } });
  context.with(
    tracer.startActiveSpan('active', () => context.active()),
    () => {
      const base = context.active();
      const two = propagation.setBaggage(base.setValue(key, 2).setValue(other, 3), baggage);
      assert.equal(base.getValue(key), undefined);
      assert.deepEqual([two.getValue(key), two.getValue(other), propagation.getBaggage(two)], [2, 3, baggage]);
      assert.equal(two.setValue(key, 4).getValue(other), 3);
      const three = two.deleteValue(key);
      assert.deepEqual([three.getValue(key), three.getValue(other), two.getValue(key)], [undefined, 3, 2]);
      assert.equal(three.deleteValue(key), three);
      assert.equal(propagation.getBaggage(propagation.deleteBaggage(two)), undefined);
      assert.equal(trace.getSpan(trace.deleteSpan(two)), undefined);
      assert.ok(trace.getSpan(two) !== undefined);
    },
  );
  assert.equal(one.getValue(key), 1);
});

test('functions and emitters can be bound to a context', () => {
  const key = createContextKey('bound');
  const bound = ROOT_CONTEXT.setValue(key, 'here');
  const read = context.bind(bound, function (this: unknown, a: number, b: number) {
    return [context.active().getValue(key), this, a + b];
  });
  assert.deepEqual(read.call('this', 1, 2), ['here', 'this', 3]);
  assert.equal(read.length, 2);
  const emitter = context.bind(bound, new EventEmitter());
  let seen: unknown;
  emitter.on('event', () => {
    seen = context.active().getValue(key);
  });
  assert.equal(emitter.emit('event'), true);
  assert.equal(seen, 'here');
  assert.equal(emitter.emit('nobody'), false);
  assert.equal(context.bind(bound, 7), 7);
});

test('context.with passes this, arguments and result, and restores after a throw', () => {
  const inner = ROOT_CONTEXT.setValue(createContextKey('x'), 1);
  const result = context.with(
    inner,
    function (this: unknown, a: number) {
      return [this, a, context.active() === inner];
    },
    'me',
    5,
  );
  assert.deepEqual(result, ['me', 5, true]);
  assert.throws(() => context.with(inner, () => assert.fail('x')));
  assert.equal(context.active(), ROOT_CONTEXT);
});

test('a sampler is asked with all that the specification names, and its attributes and state are taken', async () => {
  const asked: unknown[] = [];
  const sampler: Sampler = {
    shouldSample: (...args) => {
      asked.push(args.slice(1));
      return { decision: SamplingDecision.RECORD_AND_SAMPLED, attributes: { 'sampler.said': 'yes' } };
    },
    toString: () => 'Custom',
  };
  const custom = new ClewTracerProvider({ sampler, export: { url: `${sink.endpoint}/v1/traces` } });
  const span = custom.getTracer('t').startSpan('s', { kind: SpanKind.CLIENT, attributes: { a: 1 } }, ROOT_CONTEXT);
  span.end();
  await custom.shutdown();
  assert.deepEqual(asked, [[span.spanContext().traceId, 's', SpanKind.CLIENT, { a: 1 }, []]]);
  assert.deepEqual(sink.spans[0]!.attributes, { a: 1, 'sampler.said': 'yes' });
});

test('a span that is not recorded has an identity of its own in the trace of its parent', () => {
  const off = new ClewTracerProvider({ sampler: new AlwaysOffSampler(), export: 'none' });
  const root = off.getTracer('t').startSpan('root', {}, ROOT_CONTEXT);
  const child = off.getTracer('t').startSpan('child', {}, trace.setSpan(ROOT_CONTEXT, root));
  assert.equal(root.isRecording(), false);
  assert.match(root.spanContext().traceId, /^(?!0{32})[0-9a-f]{32}$/);
  assert.equal(root.spanContext().traceFlags, 2);
  assert.equal(child.spanContext().traceId, root.spanContext().traceId);
  assert.notEqual(child.spanContext().spanId, root.spanContext().spanId);
});

test('the same name, version and schema give the same tracer', () => {
  assert.equal(provider.getTracer('a', '1'), provider.getTracer('a', '1'));
  assert.notEqual(provider.getTracer('a', '1'), provider.getTracer('a', '2'));
  assert.notEqual(provider.getTracer('a', '1'), provider.getTracer('a', '1', { schemaUrl: 'https://x' }));
});

import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import {
  createContextKey,
  createTraceState,
  defaultTextMapGetter,
  defaultTextMapSetter,
  isSpanContextValid,
  propagation,
  ROOT_CONTEXT,
  type SpanContext,
  type TextMapPropagator,
  trace,
} from '@opentelemetry/api';
import { AWSXRayPropagator } from '@opentelemetry/propagator-aws-xray';
import { B3InjectEncoding, B3Propagator as OfficialB3Propagator } from '@opentelemetry/propagator-b3';
import { JaegerPropagator as OfficialJaegerPropagator } from '@opentelemetry/propagator-jaeger';
import fc from 'fast-check';
import {
  B3Propagator,
  CompositePropagator,
  JaegerPropagator,
  W3CTraceContextPropagator,
  XRayPropagator,
} from '#src/index.js';
import { namesDefaultPropagators, propagatorFromEnvironment } from '#src/propagate/from-environment.js';

type Headers = Record<string, string>;

const traceId = '80f198ee56343ba864fe8b2a57d3eff7';
const spanId = 'e457b5a2e4d86bd1';

function extract(propagator: TextMapPropagator, headers: Headers): SpanContext | undefined {
  return trace.getSpanContext(propagator.extract(ROOT_CONTEXT, headers, defaultTextMapGetter));
}

function inject(propagator: TextMapPropagator, spanContext: SpanContext, baggage?: Record<string, string>): Headers {
  const headers: Headers = {};
  let context = trace.setSpanContext(ROOT_CONTEXT, spanContext);
  if (baggage !== undefined) {
    const entries = Object.entries(baggage).map(([key, value]) => [key, { value }]);
    context = propagation.setBaggage(context, propagation.createBaggage(Object.fromEntries(entries)));
  }
  propagator.inject(context, headers, defaultTextMapSetter);
  return headers;
}

/** What comes out of one service when `headers` go in, and no span is made in between. */
function pass(propagator: TextMapPropagator, headers: Headers): Headers {
  const sent: Headers = {};
  propagator.inject(propagator.extract(ROOT_CONTEXT, headers, defaultTextMapGetter), sent, defaultTextMapSetter);
  return sent;
}

const formats: readonly [name: string, ours: TextMapPropagator, official: TextMapPropagator][] = [
  ['b3', new B3Propagator(), new OfficialB3Propagator()],
  [
    'b3multi',
    new B3Propagator({ injectEncoding: 'multi' }),
    new OfficialB3Propagator({ injectEncoding: B3InjectEncoding.MULTI_HEADER }),
  ],
  ['jaeger', new JaegerPropagator(), new OfficialJaegerPropagator()],
  ['xray', new XRayPropagator(), new AWSXRayPropagator()],
];

const hexId = (bytes: number): fc.Arbitrary<string> =>
  fc
    .uint8Array({ minLength: bytes, maxLength: bytes })
    .filter((array) => array.some((byte) => byte !== 0))
    .map((array) => Buffer.from(array).toString('hex'));
const spanContexts = fc.record({ traceId: hexId(16), spanId: hexId(8), traceFlags: fc.constantFrom(0, 1) });

for (const [name, ours, official] of formats) {
  test(`${name}: what we send, the official propagator reads, and the other way round`, () => {
    fc.assert(
      fc.property(spanContexts, (spanContext) => {
        const expected = { ...spanContext, isRemote: true };
        assert.deepEqual({ ...extract(official, inject(ours, spanContext)) }, expected);
        assert.deepEqual({ ...extract(ours, inject(official, spanContext)) }, expected);
        assert.deepEqual(inject(ours, spanContext), inject(official, spanContext));
      }),
    );
  });

  test(`${name}: the random flag, which only W3C's headers have, is not written as something else`, () => {
    const sent = inject(ours, { traceId, spanId, traceFlags: 3 });
    assert.deepEqual(sent, inject(ours, { traceId, spanId, traceFlags: 1 }));
  });

  test(`${name}: an invalid span is not sent`, () => {
    assert.deepEqual(inject(ours, { traceId: '0'.repeat(32), spanId, traceFlags: 1 }), {});
  });
}

const names = ['b3', 'x-b3-traceid', 'x-b3-spanid', 'x-b3-sampled', 'x-b3-flags', 'uber-trace-id', 'x-amzn-trace-id'];
const piece = fc.constantFrom(
  traceId,
  spanId,
  traceId.slice(16),
  '-',
  ':',
  ';Parent=',
  ';Sampled=',
  'Root=1-',
  '0',
  '1',
  'd',
);
const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.array(piece).map((parts) => parts.join('')),
);
const wellFormed = fc.tuple(hexId(16), hexId(8), fc.constantFrom('0', '1', 'd', '')).map(([trace, span, state]) => ({
  b3: state === '' ? `${trace}-${span}` : `${trace}-${span}-${state}`,
  'uber-trace-id': `${trace.slice(8)}:${span.slice(3)}:0:${state === 'd' ? '3' : state || '0'}`,
  'x-amzn-trace-id': `Root=1-${trace.slice(0, 8)}-${trace.slice(8)};Parent=${span};Sampled=${state === '0' ? '0' : '1'}`,
  'x-b3-traceid': trace.slice(16),
  'x-b3-spanid': span,
  'x-b3-sampled': state === 'd' ? '1' : state || '0',
}));
for (const [name, ours, official] of formats) {
  test(`${name}: a well-formed header is read as the official propagator does`, () => {
    fc.assert(
      fc.property(wellFormed, fc.boolean(), (headers, isSingle) => {
        const given: Headers = { ...headers };
        if (!isSingle) delete given.b3;
        const expected = extract(official, given);
        // An id may have come out as zero.
        if (expected !== undefined && isSpanContextValid(expected)) {
          assert.deepEqual({ ...extract(ours, given) }, { ...expected });
        } else {
          assert.equal(extract(ours, given), undefined);
        }
      }),
    );
  });

  test(`${name}: no header throws, and none becomes an invalid parent`, () => {
    fc.assert(
      fc.property(fc.dictionary(fc.oneof(fc.constantFrom(...names, 'uberctx-a'), text), text), (headers) => {
        const found = extract(ours, headers);
        assert.ok(found === undefined || (isSpanContextValid(found) && found.isRemote === true));
      }),
      { numRuns: 500 },
    );
  });
}

test('nothing is sent where tracing is suppressed', () => {
  // The key of OpenTelemetry's own packages.
  const suppress = createContextKey('OpenTelemetry SDK Context Key SUPPRESS_TRACING');
  const withSpan = trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags: 1 });
  const context = propagation.setBaggage(withSpan, propagation.createBaggage({ a: { value: '1' } }));
  for (const [name, ours] of formats) {
    const headers: Headers = {};
    ours.inject(context.setValue(suppress, true), headers, defaultTextMapSetter);
    assert.deepEqual(headers, {}, name);
    ours.inject(context, headers, defaultTextMapSetter);
    assert.notDeepEqual(headers, {}, name);
  }
});

test('debug goes on as debug and implies sampled, in the form that is sent', () => {
  const single = new B3Propagator();
  const multi = new B3Propagator({ injectEncoding: 'multi' });
  const ids = { 'x-b3-traceid': traceId, 'x-b3-spanid': spanId };
  assert.equal(extract(single, { b3: `${traceId}-${spanId}-d` })?.traceFlags, 1);
  assert.deepEqual(pass(multi, { b3: `${traceId}-${spanId}-d` }), { ...ids, 'x-b3-flags': '1' });
  assert.deepEqual(pass(single, { ...ids, 'x-b3-flags': '1' }), { b3: `${traceId}-${spanId}-d` });
  assert.deepEqual(pass(new JaegerPropagator(), { 'uber-trace-id': `${traceId}:${spanId}:0:3` }), {
    'uber-trace-id': `${traceId}:${spanId}:0:03`,
  });
});

test("X-Ray's header is found in any case, and has Sampled=1 for debug", () => {
  const fields = `Root=1-${traceId.slice(0, 8)}-${traceId.slice(8)};Parent=${spanId};Sampled=1`;
  assert.equal(extract(new XRayPropagator(), { 'X-Amzn-Trace-Id': fields })?.spanId, spanId);
  const both = new CompositePropagator([new B3Propagator(), new XRayPropagator()]);
  assert.equal(pass(both, { b3: `${traceId}-${spanId}-d` })['x-amzn-trace-id'], fields);
});

test('a decision that was left open goes on open', () => {
  const multi = new B3Propagator({ injectEncoding: 'multi' });
  assert.deepEqual(pass(new B3Propagator(), { b3: `${traceId}-${spanId}` }), { b3: `${traceId}-${spanId}` });
  assert.deepEqual(pass(multi, { b3: `${traceId}-${spanId}` }), { 'x-b3-traceid': traceId, 'x-b3-spanid': spanId });
  const fields = `Root=1-${traceId.slice(0, 8)}-${traceId.slice(8)};Parent=${spanId};Sampled=?`;
  assert.deepEqual(pass(new XRayPropagator(), { 'x-amzn-trace-id': fields }), { 'x-amzn-trace-id': fields });
});

test('the single b3 header comes before the others; when it is malformed they are read', () => {
  const several = { 'x-b3-traceid': 'a'.repeat(32), 'x-b3-spanid': 'b'.repeat(16), 'x-b3-sampled': '1' };
  assert.equal(extract(new B3Propagator(), { b3: `${traceId}-${spanId}-1`, ...several })?.traceId, traceId);
  assert.equal(extract(new B3Propagator(), { b3: 'nonsense', ...several })?.traceId, 'a'.repeat(32));
});

test("Jaeger's baggage is read and written as headers, as the official propagator does", () => {
  const baggage = { 'user-id': 'al ice', more: 'ä,;=%' };
  const sent = inject(new JaegerPropagator(), { traceId, spanId, traceFlags: 1 }, baggage);
  assert.deepEqual(sent, inject(new OfficialJaegerPropagator(), { traceId, spanId, traceFlags: 1 }, baggage));
  assert.equal(sent['uberctx-user-id'], 'al%20ice');
  const context = new JaegerPropagator().extract(ROOT_CONTEXT, { ...sent, 'uberctx-bad': '%' }, defaultTextMapGetter);
  const entries = propagation.getBaggage(context)?.getAllEntries() ?? [];
  assert.deepEqual(Object.fromEntries(entries.map(([key, { value }]) => [key, value])), baggage);
});

test("Jaeger's baggage keeps the limits of W3C Baggage, and what no header can hold is left out", () => {
  process.env.OTEL_LOG_LEVEL = 'none';
  const entries = Object.fromEntries(Array.from({ length: 65 }, (_, index) => [`k${index}`, 'v']));
  const headers = inject(new JaegerPropagator(), { traceId, spanId, traceFlags: 1 }, entries);
  assert.equal(Object.keys(headers).length, 1 + 64);
  const back = new JaegerPropagator().extract(ROOT_CONTEXT, { ...headers, 'uberctx-k64': 'v' }, defaultTextMapGetter);
  assert.equal(propagation.getBaggage(back)?.getAllEntries().length, 64);
  const odd = inject(new JaegerPropagator(), { traceId, spanId, traceFlags: 1 }, { 'a b': '1', half: '\ud800' });
  assert.deepEqual(Object.keys(odd), ['uber-trace-id', 'uberctx-half']);
  // A key, its value and the sign between them: 1 + 8,190 + 1.
  const fits = { a: 'x'.repeat(8_190) };
  assert.equal(inject(new JaegerPropagator(), { traceId, spanId, traceFlags: 1 }, fits)['uberctx-a']?.length, 8_190);
  const exceeds = inject(new JaegerPropagator(), { traceId, spanId, traceFlags: 1 }, { a: `${fits.a}x`, b: 'y' });
  assert.deepEqual(Object.keys(exceeds), ['uber-trace-id', 'uberctx-b']);
});

test('of several propagators the later one decides; for the same span state and random flag stay', () => {
  const both = new CompositePropagator([new W3CTraceContextPropagator(), new B3Propagator()]);
  const traceparent = `00-${traceId}-${spanId}-03`;
  const same = extract(both, { traceparent, tracestate: 'a=1', b3: `${traceId}-${spanId}-1` });
  assert.equal(same?.traceFlags, 3);
  assert.equal(same.traceState?.serialize(), 'a=1');
  const other = extract(both, { traceparent, tracestate: 'a=1', b3: `${traceId}-${'c'.repeat(16)}-0` });
  assert.deepEqual([other?.spanId, other?.traceFlags, other?.traceState], ['c'.repeat(16), 0, undefined]);
  assert.equal(extract(both, { traceparent, b3: 'nonsense' })?.spanId, spanId);
  const sent = inject(both, { traceId, spanId, traceFlags: 1, traceState: createTraceState('a=1') });
  assert.deepEqual(sent, {
    traceparent: `00-${traceId}-${spanId}-01`,
    tracestate: 'a=1',
    b3: `${traceId}-${spanId}-1`,
  });
});

afterEach(() => {
  delete process.env.OTEL_PROPAGATORS;
});

const environments: readonly [value: string | undefined, fields: string[], isDefault: boolean][] = [
  [undefined, ['traceparent', 'tracestate', 'baggage'], true],
  ['', ['traceparent', 'tracestate', 'baggage'], true],
  ['baggage, tracecontext', ['baggage', 'traceparent', 'tracestate'], true],
  ['tracecontext', ['traceparent', 'tracestate'], false],
  ['b3,b3', ['b3'], false],
  ['B3Multi', ['x-b3-traceid', 'x-b3-spanid', 'x-b3-sampled', 'x-b3-flags'], false],
  ['xray,jaeger,nonsense,toString', ['x-amzn-trace-id', 'uber-trace-id'], false],
  ['tracecontext,baggage,b3', ['traceparent', 'tracestate', 'baggage', 'b3'], false],
  ['none', [], false],
  ['b3,none', [], false],
];
for (const [value, fields, isDefault] of environments) {
  test(`OTEL_PROPAGATORS=${value} sends ${fields.join(', ') || 'nothing'}`, () => {
    process.env.OTEL_LOG_LEVEL = 'none';
    if (value !== undefined) process.env.OTEL_PROPAGATORS = value;
    assert.deepEqual(propagatorFromEnvironment().fields(), fields);
    assert.equal(namesDefaultPropagators(), isDefault);
  });
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addJaegerJsonTrace, InvalidSpanError, parseElement, TraceRequestBuilder } from '@clew/wire';
import { decodeSpans } from './converted-spans.js';

const traceID = '463ac35c9f6413ad48485a3953bb6124';

const parse = (json: string) => parseElement({ key: '', bytes: new TextEncoder().encode(json), line: 1 });

function convert(trace: unknown) {
  return convertText(JSON.stringify(trace));
}

function convertText(json: string) {
  const builder = new TraceRequestBuilder();
  addJaegerJsonTrace(parse(json), builder);
  const converted = builder.take();
  return { ...converted, spans: decodeSpans(converted) };
}

/** As Jaeger's UI saves it. */
const trace = {
  traceID,
  spans: [
    {
      traceID,
      spanID: 'a2fb4a1d1a96d312',
      flags: 1,
      operationName: 'GET /orders',
      references: [],
      startTime: 1_790_000_000_000_001,
      duration: 42,
      tags: [
        { key: 'span.kind', type: 'string', value: 'server' },
        { key: 'whole', type: 'float64', value: 3 },
        { key: 'number', type: 'int64', value: 200 },
        { key: 'large', type: 'int64', value: '9223372036854775807' },
        { key: 'yes', type: 'bool', value: true },
        { key: 'bytes', type: 'binary', value: 'AQL/' },
        { key: 'no bytes', type: 'binary', value: '*' },
        { key: 'none' },
      ],
      logs: [
        {
          timestamp: 1_790_000_000_000_002,
          fields: [
            { key: 'event', type: 'string', value: 'miss' },
            { key: 'tries', type: 'int64', value: 2 },
          ],
        },
      ],
      processID: 'p1',
      warnings: null,
    },
    {
      traceID,
      spanID: '2',
      operationName: 'query',
      references: [{ refType: 'CHILD_OF', traceID, spanID: 'a2fb4a1d1a96d312' }],
      startTime: '1790000000000005',
      duration: 7,
      processID: 'p2',
    },
    {
      traceID,
      spanID: '3',
      parentSpanID: '2',
      operationName: 'own process',
      references: [{ refType: 'FOLLOWS_FROM', traceID: '5', spanID: '6' }],
      startTime: 1,
      duration: 0,
      process: { serviceName: 'stock' },
    },
    { traceID, spanID: '4', operationName: 'nowhere', startTime: 1, duration: 0, processID: 'p9' },
  ],
  processes: {
    p1: { serviceName: 'orders', tags: [{ key: 'hostname', type: 'string', value: 'h1' }] },
    p2: { serviceName: 'db', tags: [] },
  },
};

test('a trace as Jaeger saves it keeps types, references and the process of each span', () => {
  const { spans, acceptedSpans, rejectedSpans } = convert(trace);
  assert.deepEqual({ acceptedSpans, rejectedSpans }, { acceptedSpans: 4, rejectedSpans: 0 });
  const byName = new Map(spans.map((span) => [span.name!, span]));
  const server = byName.get('GET /orders')!;
  assert.equal(server.traceId, traceID);
  assert.equal(server.kind, 2n);
  assert.equal(server.start, 1_790_000_000_000_001_000n);
  assert.equal(server.end, 1_790_000_000_000_043_000n);
  assert.deepEqual(server.attributes, {
    whole: { double: 3 },
    number: { int: 200n },
    large: { int: 9_223_372_036_854_775_807n },
    yes: { bool: true },
    bytes: { bytes: '0102ff' },
    'no bytes': { string: '*' },
    none: { empty: true },
  });
  assert.deepEqual(server.events, [
    { time: 1_790_000_000_000_002_000n, name: 'miss', attributes: { tries: { int: 2n } } },
  ]);
  assert.deepEqual(server.resource, { 'service.name': { string: 'orders' }, hostname: { string: 'h1' } });
  const query = byName.get('query')!;
  assert.equal(query.parentSpanId, 'a2fb4a1d1a96d312');
  assert.equal(query.start, 1_790_000_000_000_005_000n);
  assert.deepEqual(query.links, []);
  assert.deepEqual(query.resource, { 'service.name': { string: 'db' } });
  const own = byName.get('own process')!;
  assert.equal(own.parentSpanId, '0000000000000002');
  assert.equal(own.links[0]!.traceId, '5'.padStart(32, '0'));
  assert.deepEqual(own.resource, { 'service.name': { string: 'stock' } });
  assert.deepEqual(byName.get('nowhere')!.resource, { 'service.name': { string: 'unknown_service' } });
});

test('a number keeps all its digits, as a number and as text, whatever the type of its tag', () => {
  const tags = [
    '{"key":"number","type":"int64","value":780177723283783681}',
    '{"key":"text","type":"int64","value":"780177723283783681"}',
    '{"key":"most","type":"int64","value":9223372036854775807}',
    '{"key":"least","type":"int64","value":-9223372036854775808}',
    '{"key":"too large","type":"int64","value":9223372036854775808}',
    '{"key":"too small","type":"int64","value":"-9223372036854775809"}',
    '{"key":"exponent","type":"int64","value":1.5e3}',
    '{"key":"no integer","type":"int64","value":1.5}',
    '{"key":"untyped","value":780177723283783681}',
    '{"key":"untyped half","value":0.5}',
    '{"key":"nested","value":{"a":[9007199254740993]}}',
    '{"key":"real","type":"float64","value":"0.5"}',
    '{"key":"none","type":"float64","value":"-Infinity"}',
    '{"key":"true","type":"bool","value":"true"}',
  ];
  const { spans } = convertText(`{"spans":[{"traceID":"1","spanID":"1","startTime":1796040000000000.9,"duration":"7e2",
    "logs":[{"timestamp":"1796040000000001","fields":[{"key":"n","type":"int64","value":9223372036854775201}]}],
    "tags":[${tags.join()}]}]}`);
  assert.deepEqual(spans[0]!.attributes, {
    number: { int: 780_177_723_283_783_681n },
    text: { int: 780_177_723_283_783_681n },
    most: { int: 9_223_372_036_854_775_807n },
    least: { int: -9_223_372_036_854_775_808n },
    'too large': { string: '9223372036854775808' },
    'too small': { string: '-9223372036854775809' },
    exponent: { int: 1_500n },
    'no integer': { double: 1.5 },
    untyped: { int: 780_177_723_283_783_681n },
    'untyped half': { double: 0.5 },
    nested: { map: { values: [{ key: 'a', value: { array: { values: [{ int: 9_007_199_254_740_993n }] } } }] } },
    real: { double: 0.5 },
    none: { double: Number.NEGATIVE_INFINITY },
    true: { bool: true },
  });
  assert.equal(spans[0]!.start, 1_796_040_000_000_000_000n);
  assert.equal(spans[0]!.end, 1_796_040_000_000_700_000n);
  assert.deepEqual(spans[0]!.events, [
    { time: 1_796_040_000_000_001_000n, attributes: { n: { int: 9_223_372_036_854_775_201n } } },
  ]);
});

test('a span that cannot be read is counted with the reason, and the others are kept', () => {
  const [good] = trace.spans;
  for (const [bad, reason] of [
    [5, 'a span must be an object; got 5'],
    [{ ...good, spanID: 'xyz' }, 'spanID must be 1 to 16 hex digits; got "xyz"'],
    [{ ...good, spanID: undefined }, 'spanID must be 1 to 16 hex digits; got nothing'],
    [{ ...good, traceID: '1'.repeat(33) }, /^traceID must be 1 to 32 hex digits/],
    [{ ...good, spanID: '0' }, 'the span id is all zeros'],
    [{ ...good, startTime: 'now' }, 'startTime must be a number of microseconds; got "now"'],
    [{ ...good, startTime: 1e300 }, /^startTime must be from 1970-01-01 to 2262-04-11/],
    [{ ...good, tags: {} }, 'tags must be an array; got {}'],
    [{ ...good, logs: [null] }, 'a log must be an object; got null'],
    [{ ...good, references: ['x'] }, 'a reference must be an object; got "x"'],
    [{ ...good, process: 'here' }, 'a process must be an object; got "here"'],
  ] as const) {
    const { acceptedSpans, rejectedSpans, rejectionReason } = convert({ ...trace, spans: [bad, good] });
    assert.deepEqual({ acceptedSpans, rejectedSpans }, { acceptedSpans: 1, rejectedSpans: 1 });
    if (typeof reason === 'string') assert.equal(rejectionReason, reason);
    else assert.match(rejectionReason, reason);
  }
});

test('what is no trace is refused', () => {
  for (const value of [null, 5, [], { spans: {} }, { spans: [], processes: [] }, { processes: { p1: 1 } }]) {
    const parsed = parse(JSON.stringify(value));
    assert.throws(() => addJaegerJsonTrace(parsed, new TraceRequestBuilder()), InvalidSpanError);
  }
});

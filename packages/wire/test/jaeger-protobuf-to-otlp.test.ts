import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { jaegerProtobufToOtlp, jaegerThriftToOtlp, MalformedProtobufError } from '@clew/wire';
import fc from 'fast-check';
import { type DecodedSpan, decodeSpans } from './converted-spans.js';
import { encodePostSpans, hex } from './jaeger-protobuf-encoding.js';
import { encodeThriftBatch } from './jaeger-thrift-encoding.js';

const traceId = '0af7651916cd43dd8448eb211c80319c';
const spanId = 'b7ad6b7169203331';
const parentId = '00f067aa0ba902b7';
const least = { trace_id: hex(traceId), span_id: hex(spanId), operation_name: 'GET /orders' };
const text = (key: string, value: string) => ({ key, v_str: value });

function convertOne(fields: object): DecodedSpan {
  const converted = jaegerProtobufToOtlp(encodePostSpans({ spans: [{ ...least, ...fields }] }));
  assert.equal(converted.rejectionReason, '');
  return decodeSpans(converted)[0]!;
}

describe("a PostSpansRequest of Jaeger's gRPC as OTLP", () => {
  test('keeps every field of a span, and every tag with its type', () => {
    const span = convertOne({
      flags: 1,
      start_time: { seconds: 1_763_870_400, nanos: 123_456_789 },
      duration: { seconds: 2, nanos: 900_000_000 },
      references: [
        { trace_id: hex('f'.repeat(32)), span_id: hex(spanId) },
        { trace_id: hex(traceId), span_id: hex(parentId) },
        { trace_id: hex(traceId), span_id: hex(spanId), ref_type: 'FOLLOWS_FROM' },
        { trace_id: hex(traceId), span_id: hex('0102') },
      ],
      tags: [
        text('text', 'grün'),
        { key: 'yes', v_type: 'BOOL', v_bool: true },
        { key: 'no', v_type: 'BOOL' },
        { key: 'whole', v_type: 'INT64', v_int64: '-9223372036854775808' },
        { key: 'double', v_type: 'FLOAT64', v_float64: 2 },
        { key: 'zero', v_type: 'FLOAT64' },
        { key: 'bytes', v_type: 'BINARY', v_binary: Buffer.from([0, 255]) },
        { key: 'empty' },
      ],
      logs: [
        {
          timestamp: { seconds: 1, nanos: 7 },
          fields: [text('event', 'retry'), { key: 'n', v_type: 'INT64', v_int64: 3 }],
        },
      ],
      warnings: ['late', 'skewed'],
    });
    assert.equal(span.traceId, traceId);
    assert.equal(span.spanId, spanId);
    assert.equal(span.parentSpanId, parentId);
    assert.equal(span.name, 'GET /orders');
    assert.equal(span.start, 1_763_870_400_123_456_789n);
    assert.equal(span.end, 1_763_870_403_023_456_789n);
    assert.equal((span.flags ?? 0n) & 1n, 1n);
    assert.deepEqual(span.attributes, {
      text: { string: 'grün' },
      yes: { bool: true },
      no: { bool: false },
      whole: { int: -(2n ** 63n) },
      double: { double: 2 },
      zero: { double: 0 },
      bytes: { bytes: '00ff' },
      empty: { string: '' },
      '@jaeger@warnings': { array: { values: [{ string: 'late' }, { string: 'skewed' }] } },
    });
    assert.deepEqual(span.events, [{ time: 1_000_000_007n, name: 'retry', attributes: { n: { int: 3n } } }]);
    assert.deepEqual(
      span.links.map((link) => [link.traceId, link.spanId, link.attributes]),
      [
        ['f'.repeat(32), spanId, { 'opentracing.ref_type': { string: 'child_of' } }],
        [traceId, spanId, { 'opentracing.ref_type': { string: 'follows_from' } }],
      ],
    );
    // The reference with a span id of two bytes.
    assert.equal(span.droppedLinks, 1n);
  });

  test('means what the same span means in Thrift', () => {
    const inProtobuf = jaegerProtobufToOtlp(
      encodePostSpans({
        process: { service_name: 'orders', tags: [text('region', 'eu')] },
        spans: [
          {
            ...least,
            flags: 3,
            start_time: { seconds: 1_790_000_000, nanos: 1_000 },
            duration: { nanos: 15_000 },
            references: [{ trace_id: hex(traceId), span_id: hex(parentId) }],
            tags: [text('span.kind', 'server'), text('otel.status_code', 'ERROR'), text('otel.scope.name', 'http')],
            logs: [{ timestamp: { seconds: 1_790_000_000 }, fields: [text('event', 'e')] }],
          },
        ],
      }),
    );
    const inThrift = jaegerThriftToOtlp(
      encodeThriftBatch({
        process: { serviceName: 'orders', tags: [{ key: 'region', vStr: 'eu' }] },
        spans: [
          {
            traceIdHigh: BigInt(`0x${traceId.slice(0, 16)}`),
            traceIdLow: BigInt(`0x${traceId.slice(16)}`),
            spanId: BigInt(`0x${spanId}`),
            parentSpanId: BigInt(`0x${parentId}`),
            operationName: 'GET /orders',
            flags: 3,
            startTime: 1_790_000_000_000_001n,
            duration: 15n,
            references: [
              {
                refType: 0,
                traceIdHigh: BigInt(`0x${traceId.slice(0, 16)}`),
                traceIdLow: BigInt(`0x${traceId.slice(16)}`),
                spanId: BigInt(`0x${parentId}`),
              },
            ],
            tags: [
              { key: 'span.kind', vStr: 'server' },
              { key: 'otel.status_code', vStr: 'ERROR' },
              { key: 'otel.scope.name', vStr: 'http' },
            ],
            logs: [{ timestamp: 1_790_000_000_000_000n, fields: [{ key: 'event', vStr: 'e' }] }],
          },
        ],
      }),
    );
    assert.deepEqual(decodeSpans(inProtobuf), decodeSpans(inThrift));
    assert.equal(inProtobuf.acceptedSpans, 1);
  });

  test("a span's own process goes before that of the batch, which stands behind the spans", () => {
    const spans = [
      least,
      { ...least, process: { service_name: 'cart' } },
      { ...least, process: { service_name: 'cart' } },
    ];
    const converted = jaegerProtobufToOtlp(encodePostSpans({ process: { service_name: 'shop' }, spans }));
    const services = decodeSpans(converted).map(({ resource }) => resource['service.name']);
    assert.deepEqual(services, [{ string: 'shop' }, { string: 'cart' }, { string: 'cart' }]);
  });

  test('a trace id of 64 bits is padded on the left, in references too', () => {
    const short = hex('8448eb211c80319c');
    const span = convertOne({ trace_id: short, references: [{ trace_id: short, span_id: hex(parentId) }] });
    assert.equal(span.traceId, '00000000000000008448eb211c80319c');
    assert.equal(span.parentSpanId, parentId);
  });

  for (const [what, fields, reason] of [
    ['without a trace id', { trace_id: hex('') }, /^trace_id must be 16 bytes; got 0 bytes, nothing$/],
    ['with a trace id of zeros', { trace_id: hex('00'.repeat(16)) }, /^the trace id is all zeros$/],
    ['with a trace id of 15 bytes', { trace_id: hex('0a'.repeat(15)) }, /got 15 bytes, (0a){15}$/],
    ['with a span id of 9 bytes', { span_id: hex('0b'.repeat(9)) }, /^span_id must be 8 bytes; got 9 bytes, (0b){9}$/],
    ['with an id of 1,000 bytes', { span_id: hex('0c'.repeat(1000)) }, /(0c){32}$/],
    ['that starts before 1970', { start_time: { seconds: -1 } }, /^startTime must be from 1970-01-01/],
    ['that starts after 2262', { start_time: { seconds: '9223372037' } }, /^startTime must be from 1970-01-01/],
  ] as const) {
    test(`a span ${what} is counted with the reason, and the others of its batch are kept`, () => {
      const spans = [
        { ...least, ...fields },
        { ...least, span_id: hex(parentId) },
      ];
      const converted = jaegerProtobufToOtlp(encodePostSpans({ spans }));
      assert.equal(converted.rejectedSpans, 1);
      assert.match(converted.rejectionReason, reason);
      assert.deepEqual(
        decodeSpans(converted).map((span) => span.spanId),
        [parentId],
      );
    });
  }

  test('an empty request and an empty batch have no spans', () => {
    assert.equal(jaegerProtobufToOtlp(new Uint8Array()).request.length, 0);
    assert.equal(jaegerProtobufToOtlp(encodePostSpans({ process: { service_name: 'x' } })).request.length, 0);
  });

  test('bytes that are no protobuf are refused as such, and no bytes make anything else fail', () => {
    assert.throws(() => jaegerProtobufToOtlp(Buffer.from('no protobuf')), MalformedProtobufError);
    const whole = encodePostSpans({
      process: { service_name: 'x', tags: [text('a', 'b')] },
      spans: [
        {
          ...least,
          references: [{ trace_id: hex(traceId), span_id: hex(parentId) }],
          start_time: { seconds: 1 },
          duration: { nanos: 5 },
          tags: [{ key: 'd', v_type: 'FLOAT64', v_float64: 0.5 }],
          logs: [{ timestamp: { seconds: 1 }, fields: [text('event', 'e')] }],
          warnings: ['w'],
        },
      ],
    });
    const edits = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 8 });
    fc.assert(
      fc.property(edits, fc.nat(whole.length), (changes, length) => {
        const bytes = whole.slice(0, length);
        for (const [index, byte] of changes) if (index < length) bytes[index] = byte;
        try {
          decodeSpans(jaegerProtobufToOtlp(bytes));
        } catch (error) {
          assert.ok(error instanceof MalformedProtobufError, String(error));
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { jaegerThriftToOtlp, MalformedThriftError, RefusedSpansError } from '@clew/wire';
import fc from 'fast-check';
import { type DecodedSpan, decodeSpans } from './converted-spans.js';
import { encodeThriftBatch, type ThriftBatch, type ThriftSpan, type ThriftTag } from './jaeger-thrift-encoding.js';

const process = { serviceName: 'orders' };

const plainSpan: ThriftSpan = {
  traceIdLow: 0x48485a3953bb6124n,
  traceIdHigh: 0x463ac35c9f6413adn,
  spanId: 0xa2fb4a1d1a96d312n,
  parentSpanId: 0n,
  operationName: 'get',
  flags: 1,
  startTime: 1_790_000_000_000_001n,
  duration: 15n,
};

/** The only span of a batch, converted. */
function convertOne(span: Partial<ThriftSpan>): DecodedSpan {
  const converted = jaegerThriftToOtlp(encodeThriftBatch({ process, spans: [{ ...plainSpan, ...span }] }));
  assert.equal(converted.rejectionReason, '');
  return decodeSpans(converted)[0]!;
}

function reasonOf(span: Partial<ThriftSpan>): string {
  const converted = jaegerThriftToOtlp(encodeThriftBatch({ process, spans: [{ ...plainSpan, ...span }] }));
  assert.equal(converted.rejectedSpans, 1);
  assert.equal(converted.request.length, 0);
  return converted.rejectionReason;
}

const hex = (value: bigint) => BigInt.asUintN(64, value).toString(16).padStart(16, '0');

const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const id = int64.filter((value) => value !== 0n);
const timeUs = fc.bigInt({ min: 0n, max: 4_000_000_000_000_000n });
const text = fc.string({ unit: 'grapheme', maxLength: 60 });
const key = text.filter(
  (value) => !/^(error|event|span\.kind|w3c\.tracestate|__proto__|otel\..*|service\.name)$/.test(value),
);
const tag: fc.Arbitrary<ThriftTag> = fc.oneof(
  fc.record({ key, vStr: text }),
  // Apache's writer drops the sign of a zero.
  fc.record({ key, vDouble: fc.double().map((value) => (value === 0 ? 0 : value)) }),
  fc.record({ key, vBool: fc.boolean() }),
  fc.record({ key, vLong: int64 }),
  fc.record({ key, vBinary: fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)) }),
);
const tags = fc.uniqueArray(tag, { selector: (item) => item.key, maxLength: 6 });
const thriftSpan: fc.Arbitrary<ThriftSpan> = fc.record(
  {
    traceIdLow: id,
    traceIdHigh: int64,
    spanId: id,
    parentSpanId: int64,
    operationName: text,
    references: fc.array(
      fc.record({ refType: fc.constantFrom(0, 1), traceIdLow: id, traceIdHigh: int64, spanId: id }),
      { maxLength: 3 },
    ),
    flags: fc.integer({ min: 0, max: 3 }),
    startTime: timeUs,
    duration: fc.bigInt({ min: 0n, max: 10n ** 12n }),
    tags,
    logs: fc.array(fc.record({ timestamp: timeUs, fields: tags }), { maxLength: 3 }),
  },
  {
    requiredKeys: [
      'traceIdLow',
      'traceIdHigh',
      'spanId',
      'parentSpanId',
      'operationName',
      'flags',
      'startTime',
      'duration',
    ],
  },
);

function expectedAttributes(items: readonly ThriftTag[] = []): Record<string, unknown> {
  return Object.fromEntries(
    items.map((item) => {
      if ('vStr' in item) return [item.key, { string: item.vStr }];
      if ('vDouble' in item) return [item.key, { double: item.vDouble }];
      if ('vBool' in item) return [item.key, { bool: item.vBool }];
      if ('vLong' in item) return [item.key, { int: item.vLong }];
      return [item.key, { bytes: item.vBinary.toString('hex') }];
    }),
  );
}

/** What the mapping says of a span whose tags have no meaning of their own. */
function expectedOf(span: ThriftSpan): object {
  const own = hex(span.traceIdHigh) + hex(span.traceIdLow);
  const references = (span.references ?? []).map(({ refType, traceIdHigh, traceIdLow, spanId }) => ({
    type: refType === 0 ? 'child_of' : 'follows_from',
    traceId: hex(traceIdHigh) + hex(traceIdLow),
    spanId: hex(spanId),
  }));
  const parent = references.find(
    ({ type, traceId: of, spanId }) =>
      type === 'child_of' && of === own && (span.parentSpanId === 0n || spanId === hex(span.parentSpanId)),
  );
  return {
    traceId: own,
    spanId: hex(span.spanId),
    parentSpanId: span.parentSpanId === 0n ? parent?.spanId : hex(span.parentSpanId),
    name: span.operationName || undefined,
    kind: 1n,
    start: span.startTime * 1_000n || undefined,
    end: (span.startTime + span.duration) * 1_000n || undefined,
    attributes: { ...expectedAttributes(span.tags), ...((span.flags & 2) !== 0 && { 'jaeger.debug': { bool: true } }) },
    events: (span.logs ?? []).map(({ timestamp, fields }) => ({
      ...(timestamp > 0n && { time: timestamp * 1_000n }),
      attributes: expectedAttributes(fields),
    })),
    links: references
      .filter((reference) => reference !== parent)
      .map(({ type, ...of }) => ({ ...of, attributes: { 'opentracing.ref_type': { string: type } } })),
    sampled: BigInt(span.flags & 1),
  };
}

function seen(span: DecodedSpan): object {
  const { traceId: of, spanId, parentSpanId, name, kind, start, end, attributes, events, links, flags = 0n } = span;
  return {
    traceId: of,
    spanId,
    parentSpanId,
    name,
    kind,
    start,
    end,
    attributes,
    events,
    links: links.map((link) => ({ traceId: link.traceId, spanId: link.spanId, attributes: link.attributes })),
    sampled: flags & 0xffn,
  };
}

describe('a batch of Jaeger in Thrift as OTLP', () => {
  test('keeps every field with its type, whatever stands around the batch and beside its fields', () => {
    const options = fc.record({
      envelope: fc.constantFrom('none' as const, 'emitBatch' as const, 'submitBatches' as const),
      isStrict: fc.boolean(),
      isOdd: fc.boolean(),
    });
    const batch = fc.record({
      process: fc.record({ serviceName: text, tags }),
      spans: fc.uniqueArray(thriftSpan, { selector: ({ spanId }) => spanId, minLength: 1, maxLength: 5 }),
    });
    fc.assert(
      fc.property(batch, options, (given, how) => {
        const converted = jaegerThriftToOtlp(encodeThriftBatch(given, how));
        assert.equal(converted.acceptedSpans, given.spans.length);
        assert.equal(converted.rejectedSpans, 0);
        const spans = decodeSpans(converted);
        assert.deepEqual(spans.map(seen), given.spans.map(expectedOf));
        for (const { resource } of spans) {
          assert.deepEqual(resource, {
            'service.name': { string: given.process.serviceName || 'unknown_service' },
            ...expectedAttributes(given.process.tags),
          });
        }
      }),
      { numRuns: 300 },
    );
  });

  test('tags that OpenTelemetry writes for want of a field are fields again', () => {
    const span = convertOne({
      tags: [
        { key: 'span.kind', vStr: 'server' },
        { key: 'error', vBool: true },
        { key: 'otel.status_code', vStr: 'ERROR' },
        { key: 'otel.status_description', vStr: 'boom' },
        { key: 'otel.scope.name', vStr: 'scope' },
        { key: 'otel.scope.version', vStr: '1' },
        { key: 'otel.dropped_attributes_count', vDouble: 3 },
        { key: 'otel.dropped_events_count', vLong: 4n },
        { key: 'otel.dropped_links_count', vLong: -1n },
        { key: 'w3c.tracestate', vStr: 'a=b' },
        { key: 'http.status_code', vLong: 500n },
      ],
    });
    assert.equal(span.kind, 2n);
    assert.deepEqual(span.status, { code: 2n, message: 'boom' });
    assert.deepEqual(span.scope, { name: 'scope', version: '1' });
    assert.equal(span.droppedAttributes, 3n);
    assert.equal(span.droppedEvents, 4n);
    assert.equal(span.traceState, 'a=b');
    assert.deepEqual(span.attributes, {
      'otel.dropped_links_count': { int: -1n },
      'http.status_code': { int: 500n },
    });
    assert.equal(convertOne({ tags: [{ key: 'error', vBool: false }] }).status, undefined);
    assert.equal(convertOne({ tags: [{ key: 'span.kind', vStr: 'consumer' }] }).kind, 5n);
  });

  test('a field event is the name of its event, and counts what was dropped from it', () => {
    const [event] = convertOne({
      logs: [
        {
          timestamp: 2n,
          fields: [
            { key: 'event', vStr: 'retry' },
            { key: 'otel.event.dropped_attributes_count', vLong: 2n },
            { key: 'attempt', vLong: 3n },
          ],
        },
      ],
    }).events;
    assert.deepEqual(event, { time: 2_000n, name: 'retry', attributes: { attempt: { int: 3n } }, dropped: 2n });
  });

  test('the first CHILD_OF in the same trace is the parent when no parent is said, and all other references are links', () => {
    const { traceIdLow, traceIdHigh } = plainSpan;
    const here = { traceIdLow, traceIdHigh };
    const references = [
      { refType: 1, ...here, spanId: 1n },
      { refType: 0, traceIdLow: 5n, traceIdHigh: 0n, spanId: 2n },
      { refType: 0, ...here, spanId: 3n },
      { refType: 0, ...here, spanId: 4n },
      // Points nowhere.
      { refType: 1, ...here, spanId: 0n },
    ];
    const linksOf = ({ links }: DecodedSpan) => links.map(({ spanId }) => Number.parseInt(spanId, 16));
    const found = convertOne({ references });
    assert.equal(found.parentSpanId, hex(3n));
    assert.deepEqual(linksOf(found), [1, 2, 4]);
    assert.equal(found.droppedLinks, 1n);
    const said = convertOne({ parentSpanId: 4n, references });
    assert.equal(said.parentSpanId, hex(4n));
    assert.deepEqual(linksOf(said), [1, 2, 3]);
    assert.equal(convertOne({ references: references.slice(0, 2) }).parentSpanId, undefined);
  });

  test('of tags with the same key the last one counts, as in Jaeger', () => {
    const { attributes } = convertOne({
      tags: [
        { key: 'a', vStr: 'first' },
        { key: 'b', vStr: 'x' },
        { key: 'a', vLong: 2n },
      ],
    });
    assert.deepEqual(attributes, { a: { int: 2n }, b: { string: 'x' } });
  });

  test('the name of the process wins over a tag service.name, which counts when there is no name', () => {
    const resourceOf = (serviceName: string) =>
      decodeSpans(
        jaegerThriftToOtlp(
          encodeThriftBatch({
            process: {
              serviceName,
              tags: [
                { key: 'service.name', vStr: 'tagged' },
                { key: 'ip', vStr: '10.0.0.1' },
              ],
            },
            spans: [plainSpan],
          }),
        ),
      )[0]!.resource;
    assert.deepEqual(resourceOf('orders'), { 'service.name': { string: 'orders' }, ip: { string: '10.0.0.1' } });
    assert.deepEqual(resourceOf(''), { 'service.name': { string: 'tagged' }, ip: { string: '10.0.0.1' } });
  });

  test('a trace id of 64 bits is padded on the left, and a negative number is its bits', () => {
    assert.equal(convertOne({ traceIdHigh: 0n, traceIdLow: -1n }).traceId, `${'0'.repeat(16)}${'f'.repeat(16)}`);
  });

  test('a span without an id, or with a time that OTLP cannot hold, is counted, and the others are kept', () => {
    assert.equal(reasonOf({ traceIdLow: 0n, traceIdHigh: 0n }), 'the trace id is all zeros');
    assert.equal(reasonOf({ spanId: 0n }), 'the span id is all zeros');
    const lastUs = (2n ** 63n - 1n) / 1_000n;
    assert.equal(convertOne({ startTime: lastUs, duration: 0n }).start, lastUs * 1_000n);
    assert.match(reasonOf({ startTime: lastUs + 1n }), /^startTime must be from 1970-01-01 to 2262-04-11; got /);
    assert.match(reasonOf({ startTime: -1n }), /^startTime must be .*; got -1000 nanoseconds$/);
    assert.match(reasonOf({ startTime: lastUs, duration: 1n }), /^startTime \+ duration must be /);
    assert.equal(convertOne({ startTime: 10n, duration: -10n }).end, undefined);
    assert.match(reasonOf({ startTime: 10n, duration: -11n }), /^startTime \+ duration must be /);
    assert.match(reasonOf({ logs: [{ timestamp: -1n, fields: [] }] }), /^the timestamp of a log must be /);
    const bad = { ...plainSpan, spanId: 0n };
    const converted = jaegerThriftToOtlp(encodeThriftBatch({ process, spans: [bad, plainSpan, bad, plainSpan] }));
    assert.equal(converted.acceptedSpans, 2);
    assert.equal(converted.rejectedSpans, 2);
    assert.throws(
      () => jaegerThriftToOtlp(encodeThriftBatch({ process, spans: Array.from({ length: 10_001 }, () => bad) })),
      RefusedSpansError,
    );
  });

  test('an empty batch has no spans, and one that is cut off anywhere is refused', () => {
    assert.equal(jaegerThriftToOtlp(encodeThriftBatch({ process, spans: [] })).request.length, 0);
    assert.equal(jaegerThriftToOtlp(Uint8Array.of(0)).acceptedSpans, 0);
    // Some writers name no type for the elements that an empty list does not have.
    assert.equal(jaegerThriftToOtlp(Uint8Array.of(15, 0, 2, 0, 0, 0, 0, 0, 0)).acceptedSpans, 0);
    for (const envelope of ['none', 'submitBatches'] as const) {
      const bytes = encodeThriftBatch(everything, { envelope, isOdd: true });
      for (let length = 0; length < bytes.length; length++) {
        assert.throws(() => jaegerThriftToOtlp(bytes.subarray(0, length)), MalformedThriftError, `${length} bytes`);
      }
    }
  });

  test('a list that announces more than can be there, or nests without end, is refused before anything is made of it', () => {
    const listOf = (size: number, bytes: number) =>
      Buffer.concat([
        Buffer.from([15, 0, 2, 12]),
        Buffer.from(Uint32Array.of(size).buffer).reverse(),
        Buffer.alloc(bytes),
      ]);
    for (const [bytes, message] of [
      [listOf(0x7fffffff, 100), /2147483647 elements where 100 bytes are left/],
      [listOf(0xffffffff, 100), /-1 elements where 100 bytes are left/],
      // Empty structs take a byte each, spans 81.
      [listOf(2, 161), /2 elements where 161 bytes are left/],
      [Buffer.from([11, 0, 9, 0x7f, 0xff, 0xff, 0xff]), /2147483647 bytes wanted, 0 left/],
      [Buffer.from([11, 0, 9, 0xff, 0xff, 0xff, 0xff]), /-1 bytes wanted, 0 left/],
      [Buffer.concat(Array.from({ length: 100 }, () => Buffer.from([12, 0, 9]))), /values nest deeper than 64/],
      [Buffer.from([9, 0, 9, 0]), /there is no type 9/],
      [Buffer.from([15, 0, 2, 2, 0, 0, 0, 1, 0, 0]), /a list of type 2, not of structs/],
    ] as const) {
      assert.throws(
        () => jaegerThriftToOtlp(bytes),
        (error) => error instanceof MalformedThriftError && message.test(error.message),
        message.source,
      );
    }
  });
});

const everything: ThriftBatch = {
  process: { serviceName: 'orders', tags: [{ key: 'ip', vStr: '10.0.0.1' }] },
  spans: [
    {
      ...plainSpan,
      references: [{ refType: 1, traceIdLow: 1n, traceIdHigh: 2n, spanId: 3n }],
      tags: [
        { key: 'span.kind', vStr: 'client' },
        { key: 'double', vDouble: 0.5 },
        { key: 'error', vBool: true },
        { key: 'long', vLong: -5n },
        { key: 'binary', vBinary: Buffer.from([1, 2]) },
      ],
      logs: [{ timestamp: 1_790_000_000_000_002n, fields: [{ key: 'event', vStr: 'miss' }] }],
    },
    { ...plainSpan, spanId: 9n },
  ],
};

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type AttributeValue,
  BufferFullError,
  ByteWriter,
  encodeResource,
  encodeScope,
  encodeTraceRequest,
  maxWrittenDepth,
  type SpanSource,
  Tracestate,
  writeSpan,
} from '@clew/wire';
import type { SpanContext } from '@opentelemetry/api';
import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import fc from 'fast-check';
import { decodeTraceRequest } from './write-decoding.js';

const scope = { name: 'tracer', version: '1.2.3', schemaUrl: 'https://opentelemetry.io/schemas/1.37.0' };
const resourceAttributes = { 'service.name': 'orders', 'process.pid': 4711, ratio: 0.5 };

/** What one span looks like to us and to the official serializer. */
interface Sample {
  readonly ours: SpanSource;
  readonly theirs: ReadableSpan;
}

interface Given {
  traceId: string;
  spanId: string;
  parentSpanId: string | undefined;
  isRemoteParent: boolean;
  traceFlags: number;
  traceState: string | undefined;
  name: string;
  kind: number;
  start: [number, number];
  end: [number, number];
  attributes: Record<string, AttributeValue>;
  events: { name: string; time: [number, number]; attributes: Record<string, AttributeValue>; dropped: number }[];
  links: { traceId: string; spanId: string; isRemote: boolean; attributes: Record<string, AttributeValue> }[];
  status: { code: number; message?: string };
  dropped: number;
}

const word = (hex: string, index: number): number => Number.parseInt(hex.slice(index * 8, index * 8 + 8), 16) | 0;
const flat = (attributes: Record<string, AttributeValue>): AttributeValue[] => Object.entries(attributes).flat(1);

function sampleOf(given: Given): Sample {
  const traceState = given.traceState === undefined ? undefined : new Tracestate(given.traceState);
  const ours: SpanSource = {
    traceId0: word(given.traceId, 0),
    traceId1: word(given.traceId, 1),
    traceId2: word(given.traceId, 2),
    traceId3: word(given.traceId, 3),
    spanId0: word(given.spanId, 0),
    spanId1: word(given.spanId, 1),
    parentSpanId0: word(given.parentSpanId ?? '0000000000000000', 0),
    parentSpanId1: word(given.parentSpanId ?? '0000000000000000', 1),
    traceState,
    traceFlags: given.traceFlags,
    hasRemoteParent: given.parentSpanId !== undefined && given.isRemoteParent,
    name: given.name,
    kind: given.kind + 1,
    startSeconds: given.start[0],
    startNanos: given.start[1],
    endSeconds: given.end[0],
    endNanos: given.end[1],
    attributes: flat(given.attributes),
    droppedAttributes: given.dropped,
    events: given.events.map(({ name, time, attributes, dropped }) => ({
      name,
      seconds: time[0],
      nanos: time[1],
      attributes: flat(attributes),
      droppedAttributes: dropped,
    })),
    droppedEvents: given.dropped,
    links: given.links.map((link) => ({
      ...link,
      traceState,
      traceFlags: given.traceFlags,
      attributes: flat(link.attributes),
      droppedAttributes: given.dropped,
    })),
    droppedLinks: given.dropped,
    statusCode: given.status.code,
    statusMessage: given.status.message ?? '',
  };
  const state = traceState === undefined ? {} : { traceState };
  const context: SpanContext = {
    traceId: given.traceId,
    spanId: given.spanId,
    traceFlags: given.traceFlags,
    ...state,
  };
  const parent = given.parentSpanId && {
    parentSpanContext: { ...context, spanId: given.parentSpanId, isRemote: given.isRemoteParent },
  };
  const theirs = {
    name: given.name,
    kind: given.kind,
    spanContext: () => context,
    ...parent,
    startTime: given.start,
    endTime: given.end,
    duration: [0, 0],
    ended: true,
    status: given.status,
    attributes: given.attributes,
    events: given.events.map((event) => ({ ...event, droppedAttributesCount: event.dropped })),
    links: given.links.map((link) => ({
      context: { ...context, traceId: link.traceId, spanId: link.spanId, isRemote: link.isRemote },
      attributes: link.attributes,
      droppedAttributesCount: given.dropped,
    })),
    droppedAttributesCount: given.dropped,
    droppedEventsCount: given.dropped,
    droppedLinksCount: given.dropped,
    resource: officialResource,
    instrumentationScope: scope,
  } as unknown as ReadableSpan;
  return { ours, theirs };
}

const officialResource = resourceFromAttributes(resourceAttributes);

function encodeOurs(spans: readonly SpanSource[]): Uint8Array {
  const writer = new ByteWriter(64, 16 * 1_048_576);
  for (const span of spans) writeSpan(writer, span);
  const encodedScope = encodeScope(scope.name, scope.version, [], scope.schemaUrl);
  return encodeTraceRequest(encodeResource(flat(resourceAttributes)), [
    { scope: encodedScope, spans: writer.copyWritten() },
  ]);
}

const plain: Given = {
  traceId: '0af7651916cd43dd8448eb211c80319c',
  spanId: 'b7ad6b7169203331',
  parentSpanId: undefined,
  isRemoteParent: false,
  traceFlags: 1,
  traceState: undefined,
  name: 'GET /orders/:id',
  kind: 1,
  start: [1_763_870_400, 123_456_789],
  end: [1_763_870_400, 999_999_999],
  attributes: {},
  events: [],
  links: [],
  status: { code: 0 },
  dropped: 0,
};

function assertSame(samples: readonly Sample[]): void {
  const theirs = ProtobufTraceSerializer.serializeRequest(samples.map((sample) => sample.theirs));
  const ours = encodeOurs(samples.map((sample) => sample.ours));
  assert.deepEqual(decodeTraceRequest(ours), decodeTraceRequest(theirs!));
}

test('a span reads as the official serializer writes it, field by field', () => {
  const everything = sampleOf({
    ...plain,
    parentSpanId: '00f067aa0ba902b7',
    isRemoteParent: true,
    traceState: 'vendor=value,other=1',
    attributes: {
      text: 'größe',
      yes: true,
      no: false,
      int: 42,
      negative: -1,
      large: Number.MAX_SAFE_INTEGER,
      beyond: 2 ** 62,
      tooLarge: 2 ** 63,
      double: 0.1,
      notANumber: Number.NaN,
      minusZero: -0,
      strings: ['a', 'b'],
      sparse: [1, null, 2],
      bytes: new Uint8Array([0, 255, 7]),
      map: { a: 1, nested: { b: [true] } },
      empty: [],
    },
    events: [
      { name: 'exception', time: [1_763_870_400, 5], attributes: { 'exception.message': 'x'.repeat(300) }, dropped: 3 },
      { name: 'plain', time: [0, 0], attributes: {}, dropped: 0 },
    ],
    links: [{ traceId: 'f'.repeat(32), spanId: '8'.repeat(16), isRemote: true, attributes: { why: 'batch' } }],
    status: { code: 2, message: 'no stock' },
    dropped: 5,
  });
  assertSame([everything, sampleOf(plain)]);
});

test('any span reads as the official serializer writes it', () => {
  const hexDigits = (length: number) =>
    fc
      .array(fc.integer({ min: 0, max: 15 }), { minLength: length, maxLength: length })
      .map((digits) => digits.map((digit) => digit.toString(16)).join(''));
  const traceId = hexDigits(31).map((digits) => `${digits}1`);
  const spanId = hexDigits(15).map((digits) => `${digits}1`);
  const text = fc.string({ unit: 'grapheme', maxLength: 200 });
  const scalar = fc.oneof(text, fc.integer(), fc.maxSafeInteger(), fc.double(), fc.boolean());
  const value: fc.Arbitrary<AttributeValue> = fc.oneof(scalar, fc.array(scalar, { maxLength: 4 }));
  // The official serializer walks objects, where keys that look like an index come first.
  const key = text.map((name) => `k${name}`);
  const attributes = fc.dictionary(key, value, { maxKeys: 20, noNullPrototype: true });
  const time = fc.tuple(fc.integer({ min: 0, max: 18_446_744_072 }), fc.integer({ min: 0, max: 999_999_999 }));
  const given: fc.Arbitrary<Given> = fc.record({
    traceId,
    spanId,
    parentSpanId: fc.option(spanId, { nil: undefined }),
    isRemoteParent: fc.boolean(),
    traceFlags: fc.integer({ min: 0, max: 255 }),
    traceState: fc.option(fc.constant('a=1,b=2'), { nil: undefined }),
    name: text,
    kind: fc.integer({ min: 0, max: 4 }),
    start: time,
    end: time,
    attributes,
    events: fc.array(fc.record({ name: text, time, attributes, dropped: fc.nat(1_000) }), { maxLength: 3 }),
    links: fc.array(fc.record({ traceId, spanId, isRemote: fc.boolean(), attributes }), { maxLength: 3 }),
    status: fc.constantFrom({ code: 0 }, { code: 1 }, { code: 2, message: 'failed' }),
    dropped: fc.nat(1_000_000),
  });
  fc.assert(
    fc.property(fc.array(given, { minLength: 1, maxLength: 3 }), (list) => assertSame(list.map(sampleOf))),
    { numRuns: 200 },
  );
});

test('scopes of one request keep their spans apart', () => {
  const one = sampleOf(plain).ours;
  const writer = new ByteWriter(64, 1_048_576);
  writeSpan(writer, one);
  const spans = writer.copyWritten();
  const request = encodeTraceRequest(encodeResource([]), [
    { scope: encodeScope('a'), spans },
    { scope: encodeScope('b', '2', ['k', 'v']), spans: Buffer.concat([spans, spans]) },
  ]);
  const [resourceSpans] = decodeTraceRequest(request).resourceSpans as { scopeSpans: Record<string, unknown>[] }[];
  const scopes = resourceSpans!.scopeSpans.map(({ scope, spans }) => [scope, (spans as unknown[]).length]);
  assert.deepEqual(scopes, [
    [{ name: 'a' }, 1],
    [{ name: 'b', version: '2', attributes: [{ key: 'k', value: { string: 'v' } }] }, 2],
  ]);
});

test('a value nested as deep as the limit is written, and what lies deeper, or holds itself, is left empty', () => {
  const nest = (depth: number): AttributeValue => (depth === 0 ? 'deepest' : [nest(depth - 1)]);
  const encoded = (value: AttributeValue) =>
    Buffer.from(encodeOurs([{ ...sampleOf(plain).ours, attributes: ['k', value] }])).includes('deepest');
  assert.equal(encoded(nest(maxWrittenDepth)), true);
  assert.equal(encoded(nest(maxWrittenDepth + 1)), false);
  const loop: AttributeValue[] = [];
  loop.push(loop);
  assert.equal(encoded(loop), false);
});

test('a span that does not fit throws, and after truncate the spans before it are whole', () => {
  const writer = new ByteWriter(64, 400);
  const { ours } = sampleOf({ ...plain, attributes: { filler: 'x'.repeat(150) } });
  writeSpan(writer, ours);
  const before = writer.position;
  const whole = writer.copyWritten();
  assert.throws(() => writeSpan(writer, ours), BufferFullError);
  writer.truncate(before);
  assert.deepEqual(writer.copyWritten(), whole);
});

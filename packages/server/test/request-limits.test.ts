import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type ElementKind,
  MalformedProtobufError,
  maxJsonElements,
  readNativeBlocks,
  requestLimits,
  stringAt,
  TooManyElementsError,
} from '@clew/wire';
import type { SpanEncoding } from '#src/receive/span-encoding.js';
import { toOtlp } from '#src/transcode/to-otlp.js';
import { TraceTranscoder } from '#src/transcode/trace-transcoder.js';

/** A field of protobuf whose content is bytes. */
function field(tag: number, ...contents: Uint8Array[]): Buffer {
  const content = Buffer.concat(contents);
  const prefix = [tag];
  let { length } = content;
  for (; length > 0x7f; length >>>= 7) prefix.push((length & 0x7f) | 0x80);
  return Buffer.concat([Buffer.from([...prefix, length]), content]);
}

/** `count` copies of `piece`, one after the other. */
const repeat = (count: number, piece: Uint8Array): Buffer => Buffer.alloc(count * piece.length, piece);

const ids = Buffer.concat([field(0x0a, Buffer.alloc(16, 1)), field(0x12, Buffer.alloc(8, 2))]);
const span = field(0x12, ids);
const link = field(0x6a, ids);
const request = (...spans: Buffer[]): Buffer => field(0x0a, field(0x12, ...spans));
const spanWith = (...fields: Buffer[]): Buffer => field(0x12, ids, ...fields);

/** Reads a request as a transcoder's thread does; gives the spans that it accepted. */
function read(encoding: SpanEncoding, bytes: Uint8Array): number {
  const { request: converted } = toOtlp(encoding, new Uint8Array(bytes));
  const transcoder = new TraceTranscoder();
  const { acceptedSpans } = transcoder.transcode(converted);
  transcoder.takeBlocks();
  return acceptedSpans;
}

function refusal(what: string, limit: number) {
  return (error: unknown): boolean => {
    assert.ok(error instanceof TooManyElementsError, String(error));
    const count = limit.toLocaleString('en');
    assert.equal(
      error.message,
      `The request has more than ${count} ${what}, which is the limit. Send smaller batches.`,
    );
    return true;
  };
}

describe('OTLP protobuf is taken up to the limit of its elements, and one more is refused', () => {
  const requests: Record<string, [ElementKind, (count: number) => Buffer, acceptedSpans: number]> = {
    'resources without spans': ['resources', (count) => repeat(count, field(0x0a)), 0],
    'scopes without spans': ['scopes', (count) => field(0x0a, repeat(count, field(0x12))), 0],
    spans: ['spans', (count) => request(repeat(count, span)), requestLimits.spans],
    'spans that are rejected': ['spans', (count) => request(repeat(count, field(0x12))), 0],
    'events of one span': ['events', (count) => request(spanWith(repeat(count, field(0x5a)))), 1],
    'links of one span': ['links', (count) => request(spanWith(repeat(count, link))), 1],
    'attributes of one span': ['attributes', (count) => request(spanWith(repeat(count, field(0x4a)))), 1],
    'attributes of a resource': [
      'attributes',
      (count) => field(0x0a, field(0x0a, repeat(count, field(0x0a))), field(0x12, span)),
      1,
    ],
    'values in an array': [
      'attributes',
      // The attribute itself is one.
      (count) => request(spanWith(field(0x4a, field(0x12, field(0x2a, repeat(count - 1, field(0x0a))))))),
      1,
    ],
    'attributes of two events': [
      'attributes',
      (count) => request(spanWith(field(0x5a, repeat(count - 1, field(0x1a))), field(0x5a, field(0x1a)))),
      1,
    ],
  };
  for (const [name, [kind, make, acceptedSpans]] of Object.entries(requests)) {
    it(name, () => {
      const limit = requestLimits[kind];
      assert.equal(read('protobuf', make(limit)), acceptedSpans);
      assert.throws(() => read('protobuf', make(limit + 1)), refusal(kind, limit));
    });
  }
});

describe('other formats are taken up to the same limits', () => {
  const { events, resources } = requestLimits;
  /** A struct's field in Thrift: a list of `count` structs that end at once. */
  const emptyStructs = (id: number, count: number): Buffer => {
    const head = Buffer.from([0x0f, 0, id, 0x0c, 0, 0, 0, 0]);
    head.writeUInt32BE(count, 4);
    return Buffer.concat([head, Buffer.alloc(count)]);
  };
  /** An unknown field, because a list may announce no more structs than the rest of the bytes could hold. */
  const padding = (bytes: number): Buffer => {
    const head = Buffer.from([0x0b, 0, 99, 0, 0, 0, 0]);
    head.writeUInt32BE(bytes, 3);
    return Buffer.concat([head, Buffer.alloc(bytes)]);
  };
  const stop = Buffer.of(0);
  const thriftIds = Buffer.concat([1, 3].map((id) => Buffer.from([0x0a, 0, id, 0, 0, 0, 0, 0, 0, 0, 1])));
  const thriftBatch = (...fields: Buffer[]): Buffer => {
    const spans = Buffer.from([0x0f, 0, 2, 0x0c, 0, 0, 0, 1]);
    const all = [Buffer.from([0x0c, 0, 1, 0]), spans, thriftIds, ...fields, stop];
    return Buffer.concat([...all, padding(events * 41 + 100), stop]);
  };
  const zipkinIds = Buffer.concat([field(0x0a, Buffer.alloc(16, 1)), field(0x1a, Buffer.alloc(8, 2))]);
  /** Annotations of several spans: one span may have 100,000. */
  const zipkinSpans = (count: number): Buffer => {
    const spans: Buffer[] = [];
    for (let left = count; left > 0; left -= 100_000) {
      spans.push(field(0x0a, zipkinIds, repeat(Math.min(left, 100_000), field(0x52))));
    }
    return Buffer.concat(spans);
  };
  /** Text with so many commas and brackets. */
  const json = (count: number, key: string): Buffer => {
    const items = repeat(count - 2, Buffer.from(',0'));
    return Buffer.concat([Buffer.from(`{"${key}":[0`), items, Buffer.from(']}')]);
  };
  const formats: Record<string, [SpanEncoding, what: string, limit: number, (count: number) => Buffer, spans: number]> =
    {
      'Jaeger protobuf, batches': ['jaeger-protobuf', 'resources', resources, (count) => repeat(count, field(0x0a)), 0],
      'Jaeger protobuf, logs': [
        'jaeger-protobuf',
        'events',
        events,
        (count) => field(0x0a, field(0x0a, ids, repeat(count, field(0x4a)))),
        1,
      ],
      'Jaeger Thrift, logs of a byte each': [
        'jaeger-thrift',
        'events',
        events,
        (count) => thriftBatch(emptyStructs(11, 600_000), emptyStructs(11, count - 600_000)),
        1,
      ],
      'Zipkin protobuf, annotations': ['zipkin-protobuf', 'events', events, zipkinSpans, 10],
      'OTLP JSON': ['json', 'JSON elements (commas and brackets)', maxJsonElements, (count) => json(count, 'x'), 0],
    };
  for (const [name, [encoding, what, limit, make, spans]] of Object.entries(formats)) {
    it(name, () => {
      assert.equal(read(encoding, make(limit)), spans);
      assert.throws(() => read(encoding, make(limit + 1)), refusal(what, limit));
    });
  }

  it('Zipkin JSON with more elements is refused before any of it is parsed', () => {
    const bytes = Buffer.concat([Buffer.from('['), repeat(maxJsonElements, Buffer.from(',')), Buffer.from(']')]);
    assert.throws(() => read('zipkin-json', bytes), refusal('JSON elements (commas and brackets)', maxJsonElements));
  });

  it('commas and brackets in strings are not counted', () => {
    const text = `{"x":"\\"${',[{'.repeat(maxJsonElements / 2)}"}`;
    assert.equal(read('json', Buffer.from(text)), 0);
  });
});

describe('resources', () => {
  const named = (name: string): Buffer =>
    field(0x0a, field(0x0a, field(0x0a, Buffer.from('service.name')), field(0x12, field(0x0a, Buffer.from(name)))));

  it('that are repeated, one after the other or not, are kept once, and those without spans are not kept', () => {
    const of = (resource: Buffer, ...spans: Buffer[]): Buffer => field(0x0a, resource, field(0x12, ...spans));
    const transcoder = new TraceTranscoder();
    const [a, b, unused] = ['a', 'b', 'unused'].map(named) as [Buffer, Buffer, Buffer];
    const result = transcoder.transcode(
      Buffer.concat([of(a, span), of(a, span), of(unused), of(b, span), of(unused), of(a, span)]),
    );
    assert.equal(result.acceptedSpans, 4);
    const blocks = transcoder.takeBlocks();
    assert.ok(blocks);
    const [resources] = readNativeBlocks(blocks.resources);
    const [spans] = readNativeBlocks(blocks.spans);
    assert.equal(resources?.rowCount, 2);
    const services = spans?.columns.get('service');
    assert.ok(services);
    assert.deepEqual(
      [0, 1, 2, 3].map((row) => stringAt(services, row)),
      ['a', 'a', 'b', 'a'],
    );
  });

  it('that are malformed refuse the request, also without spans', () => {
    const malformed = field(0x0a, field(0x0a, Buffer.from([0x0a, 0x05, 0x12])));
    assert.throws(() => new TraceTranscoder().transcode(malformed), MalformedProtobufError);
  });
});

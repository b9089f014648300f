import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MalformedOtlpJsonError, otlpJsonToProtobuf, ProtobufReader, readKeyValueList } from '@clew/wire';
import { SpanKind } from '@opentelemetry/api';
import { JsonTraceSerializer, ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';

function convert(request: unknown): Uint8Array {
  return otlpJsonToProtobuf(new TextEncoder().encode(JSON.stringify(request)));
}

/**
 * A protobuf message as nested lists of [field, content], so that two encodings compare without regard to the order
 * of fields and to fields that hold the default of their type.
 */
function normalise(bytes: Uint8Array, isMessage: (path: string) => boolean, path = ''): unknown {
  const reader = new ProtobufReader(bytes);
  const fields: [number, unknown][] = [];
  while (reader.position < bytes.length) {
    const tag = reader.readVarint32(bytes.length);
    const field = tag >>> 3;
    const fieldPath = `${path}/${field}`;
    if ((tag & 7) === 2) {
      const end = reader.readLength(bytes.length);
      const content = bytes.subarray(reader.position, end);
      reader.position = end;
      const value = isMessage(fieldPath)
        ? normalise(content, isMessage, fieldPath)
        : Buffer.from(content).toString('hex');
      if (value !== '') fields.push([field, value]);
    } else {
      const start = reader.position;
      reader.skip(tag, bytes.length);
      const hex = Buffer.from(bytes.subarray(start, reader.position)).toString('hex');
      if (!/^0*$/.test(hex)) fields.push([field, hex]);
    }
  }
  return fields.sort((a, b) => a[0] - b[0]);
}

const isRequestMessage = (path: string): boolean =>
  /^\/1(\/1|\/2(\/1|\/2(\/15|\/11|\/13)?)?)?$/.test(path) ||
  // KeyValue and its AnyValue, wherever attributes stand; then arrays and maps of values.
  /^\/1\/(1\/1|2\/1\/3|2\/2\/(9|11\/3|13\/4))(\/2(\/5(\/1)?|\/6(\/1(\/2)?)?)?)?$/.test(path);

describe('OTLP JSON to protobuf', () => {
  it('gives what the official protobuf serializer gives for the same spans', () => {
    const exporter = new InMemorySpanExporter();
    const provider = new BasicTracerProvider({
      resource: resourceFromAttributes({ 'service.name': 'shop', 'process.pid': 12, ratio: 0.5 }),
      spanProcessors: [new SimpleSpanProcessor(exporter)],
    });
    const tracer = provider.getTracer('scope', '1.2.3');
    const first = tracer.startSpan('first', { kind: SpanKind.SERVER, attributes: { yes: true, no: false, zero: 0 } });
    first.end();
    const second = tracer.startSpan('second é', {
      links: [{ context: first.spanContext(), attributes: { why: 'caused' } }],
      attributes: { text: 'a"b', list: ['x', 'y'], numbers: [1, 2.5], negative: -3, large: 2 ** 53 - 1, real: 1.5 },
    });
    second.addEvent('event', { 'exception.message': 'no' });
    second.setStatus({ code: 2, message: 'failed' });
    second.end();
    const spans = exporter.getFinishedSpans();
    const json = JsonTraceSerializer.serializeRequest(spans);
    const protobuf = ProtobufTraceSerializer.serializeRequest(spans);
    assert.ok(json && protobuf);
    assert.deepEqual(normalise(otlpJsonToProtobuf(json), isRequestMessage), normalise(protobuf, isRequestMessage));
  });

  it('takes 64-bit integers as strings and as numbers, and keeps all their digits', () => {
    const attributes = [
      { key: 'a', value: { intValue: '9223372036854775807' } },
      { key: 'b', value: { intValue: '-9223372036854775808' } },
      { key: 'c', value: { intValue: -1 } },
      { key: 'd', value: { doubleValue: 'NaN' } },
      { key: 'e', value: { bytesValue: 'AP8_' } },
      { key: 'f', value: { arrayValue: { values: [{ boolValue: true }, {}] } } },
      { key: 'g', value: { kvlistValue: { values: [{ key: 'k', value: { stringValue: 'v' } }] } } },
      { key: 'h', value: null },
    ];
    const bytes = convert({ resourceSpans: [{ resource: { attributes } }] });
    // ResourceSpans > Resource: two messages, each behind a tag and a length of one byte or two.
    const reader = new ProtobufReader(bytes);
    for (let depth = 0; depth < 2; depth++) {
      reader.readVarint32(bytes.length);
      reader.readLength(bytes.length);
    }
    assert.deepEqual(readKeyValueList(bytes.subarray(reader.position)), [
      { key: 'a', value: { type: 'int', value: 9223372036854775807n } },
      { key: 'b', value: { type: 'int', value: -9223372036854775808n } },
      { key: 'c', value: { type: 'int', value: -1n } },
      { key: 'd', value: { type: 'double', value: Number.NaN } },
      { key: 'e', value: { type: 'bytes', value: new Uint8Array([0, 255, 63]) } },
      { key: 'f', value: { type: 'array', values: [{ type: 'bool', value: true }, { type: 'empty' }] } },
      { key: 'g', value: { type: 'map', entries: [{ key: 'k', value: { type: 'string', value: 'v' } }] } },
      { key: 'h', value: { type: 'empty' } },
    ]);
  });

  it('takes ids in any case and writes one that is not hex as an empty id', () => {
    const ids = (traceId: string): unknown => ({ resourceSpans: [{ scopeSpans: [{ spans: [{ traceId }] }] }] });
    const hexOf = (traceId: string): string => Buffer.from(convert(ids(traceId))).toString('hex');
    assert.ok(hexOf('ABCDEF').endsWith('0a03abcdef'));
    assert.ok(hexOf('abcde').endsWith('0a00'));
    assert.ok(hexOf('W7Kvyg==').endsWith('0a00'));
  });

  it('ignores fields that it does not know and those that are null', () => {
    assert.equal(convert({ unknown: 1, resource_spans: [1], resourceSpans: null }).length, 0);
  });

  for (const [what, request, message] of [
    ['a body that is no object', [], /the body must be an object; got \[\]/],
    ['a list that is none', { resourceSpans: {} }, /resourceSpans must be an array/],
    [
      'an enum by its name',
      { resourceSpans: [{ scopeSpans: [{ spans: [{ kind: 'SPAN_KIND_SERVER' }] }] }] },
      /resourceSpans\[0\]\.scopeSpans\[0\]\.spans\[0\]\.kind must be an integer; got "SPAN_KIND_SERVER"/,
    ],
    [
      'a name that is a number',
      { resourceSpans: [{ scopeSpans: [{ spans: [{ name: 5 }] }] }] },
      /name must be a string; got 5/,
    ],
    [
      'a time that is negative',
      { resourceSpans: [{ scopeSpans: [{ spans: [{ startTimeUnixNano: '-1' }] }] }] },
      /startTimeUnixNano must be an integer from 0 to 18446744073709551615; got "-1"/,
    ],
    [
      'an int64 that is one too large',
      { resourceSpans: [{ resource: { attributes: [{ value: { intValue: '9223372036854775808' } }] } }] },
      /intValue must be an integer from -9223372036854775808 to 9223372036854775807/,
    ],
  ] as const) {
    it(`refuses ${what}, naming the place`, () => {
      assert.throws(() => convert(request), { name: 'MalformedOtlpJsonError', message });
    });
  }

  it('refuses what is no JSON, no UTF-8, or nested without end', () => {
    assert.throws(() => otlpJsonToProtobuf(new TextEncoder().encode('{')), MalformedOtlpJsonError);
    assert.throws(() => otlpJsonToProtobuf(new Uint8Array([0x22, 0xff, 0x22])), MalformedOtlpJsonError);
    const arrays = `{"resourceSpans":[${'['.repeat(50_000)}${']'.repeat(50_000)}]}`;
    assert.throws(() => otlpJsonToProtobuf(new TextEncoder().encode(arrays)), {
      name: 'MalformedOtlpJsonError',
      message: 'resourceSpans[0] must be an object; got […]',
    });
    const nested = (depth: number): unknown => {
      let value: unknown = { stringValue: 'deep' };
      for (let i = 0; i < depth; i++) value = { arrayValue: { values: [value] } };
      return { resourceSpans: [{ resource: { attributes: [{ key: 'k', value }] } }] };
    };
    assert.ok(convert(nested(100)).length > 0);
    assert.throws(() => convert(nested(1000)), MalformedOtlpJsonError);
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type KeyValue,
  keyValueToJson,
  MalformedJsonError,
  MalformedOtlpJsonError,
  otlpJsonToProtobuf,
  ProtobufReader,
  readKeyValueList,
} from '@clew/wire';
import { SpanKind } from '@opentelemetry/api';
import { JsonTraceSerializer, ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import fc from 'fast-check';

/** The attributes of the resource, which is all that is in the request. */
function firstResource(bytes: Uint8Array): { readonly attributes: readonly KeyValue[] } {
  // ResourceSpans > Resource: two messages, each after a tag and a length of one byte.
  return { attributes: readKeyValueList(bytes.subarray(4)) };
}

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

  it('takes ids in any case, and writes that of a link which is not hex as an empty id', () => {
    const hexOf = (span: object): string =>
      Buffer.from(convert({ resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] })).toString('hex');
    assert.ok(hexOf({ traceId: 'ABCDEF' }).endsWith('0a03abcdef'));
    assert.ok(hexOf({ traceId: '' }).endsWith('0a00'));
    assert.ok(hexOf({ links: [{ traceId: 'W7Kvyg==' }] }).endsWith('0a00'));
    assert.ok(hexOf({ links: [{ traceId: 'abcde' }] }).endsWith('0a00'));
  });

  it('takes ids in base64, which no hex can be mistaken for', () => {
    const convertIds = (traceId: string, spanId: string) =>
      convert({ resourceSpans: [{ scopeSpans: [{ spans: [{ traceId, spanId }] }] }] });
    const bytes = Buffer.from('fb8efff798038103d269b633813fc60c', 'hex');
    const expected = convertIds(bytes.toString('hex'), bytes.subarray(8).toString('hex'));
    assert.deepEqual(convertIds(bytes.toString('base64'), bytes.subarray(8).toString('base64')), expected);
    const urlSafe = bytes.toString('base64').replaceAll('+', '-').replaceAll('/', '_');
    assert.deepEqual(convertIds(urlSafe, bytes.subarray(8).toString('hex')), expected);
    assert.throws(() => convertIds(bytes.toString('base64url'), ''), /traceId must be an id in hex/);
  });

  it('ignores fields that it does not know and those that are null', () => {
    assert.equal(convert({ unknown: [{ a: 1 }], resourceSpans: null }).length, 0);
  });

  it('takes fields by their names in the .proto file, and keys with escapes', () => {
    const span = {
      trace_id: 'AB',
      start_time_unix_nano: '7',
      dropped_attributes_count: 3,
      events: [{ time_unix_nano: 1 }],
    };
    const camelCase = {
      traceId: 'AB',
      startTimeUnixNano: '7',
      droppedAttributesCount: 3,
      events: [{ timeUnixNano: 1 }],
    };
    const expected = convert({ resourceSpans: [{ scopeSpans: [{ spans: [camelCase] }] }] });
    assert.deepEqual(convert({ resource_spans: [{ scope_spans: [{ spans: [span] }] }] }), expected);
    const escaped = JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [camelCase] }] }] });
    assert.deepEqual(otlpJsonToProtobuf(Buffer.from(escaped.replaceAll('a', '\\u0061'))), expected);
  });

  it('reads every integer of 64 bits to the last digit, in every form, and refuses what is none', () => {
    const attribute = (form: string) =>
      Buffer.from(`{"resourceSpans":[{"resource":{"attributes":[{"value":{"intValue": ${form} }}]}}]}`);
    const time = (form: string) =>
      Buffer.from(`{"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano": ${form} }]}]}]}`);
    const formsOf = (integer: bigint, zeros: number) => {
      const digits = String(integer);
      const scaled = `${digits}${'0'.repeat(zeros)}e-${zeros}`;
      if (integer === 0n) return ['0', '"0"', '0.00', '"0e5"'];
      const all = [
        digits,
        `${digits}.${'0'.repeat(zeros + 1)}`,
        scaled,
        digits.replace(/^(-?\d)(\d+)$/, (_, first, rest) => `${first}.${rest}E${rest.length}`),
      ];
      return all.flatMap((form) => [form, `"${form}"`]);
    };
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.nat(5), (integer, zeros) => {
        for (const form of formsOf(integer, zeros)) {
          const { attributes } = firstResource(otlpJsonToProtobuf(attribute(form)));
          assert.deepEqual(attributes[0]!.value, { type: 'int', value: integer }, form);
        }
      }),
    );
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.nat(5), (integer, zeros) => {
        for (const form of formsOf(integer, zeros)) {
          assert.equal(Buffer.from(otlpJsonToProtobuf(time(form))).readBigUInt64LE(7), integer, form);
        }
      }),
    );
    const limits = ['9223372036854775807', '-9223372036854775808'];
    for (const form of limits) assert.ok(otlpJsonToProtobuf(attribute(form)));
    for (const form of [
      '9223372036854775808',
      '-9223372036854775809',
      '1e19',
      '"1e999999999"',
      '0.5',
      '""',
      '" 1"',
      '"0x1"',
      'true',
      '[]',
    ]) {
      assert.throws(() => otlpJsonToProtobuf(attribute(form)), /value\.intValue must be an integer/, form);
    }
    assert.ok(otlpJsonToProtobuf(time('18446744073709551615')));
    for (const form of ['18446744073709551616', '-1', '-0.5']) {
      assert.throws(() => otlpJsonToProtobuf(time(form)), /startTimeUnixNano must be an integer/, form);
    }
  });

  it('reads doubles as numbers and as text, and refuses those that 64 bits cannot hold', () => {
    const attribute = (form: string) =>
      Buffer.from(`{"resourceSpans":[{"resource":{"attributes":[{"value":{"doubleValue":${form}}}]}}]}`);
    const read = (form: string) => firstResource(otlpJsonToProtobuf(attribute(form))).attributes[0]!.value;
    fc.assert(
      fc.property(fc.double(), (value) => {
        for (const form of Number.isFinite(value) ? [String(value), `"${value}"`] : [`"${value}"`]) {
          const expected = String(value) === '0' ? 0 : value;
          assert.deepEqual(read(form), { type: 'double', value: expected });
        }
      }),
    );
    assert.deepEqual(read('-0'), { type: 'double', value: -0 });
    assert.deepEqual(read('"-Infinity"'), { type: 'double', value: Number.NEGATIVE_INFINITY });
    for (const form of ['1e400', '"-1e400"', '"infinity"', '""', 'null1', '{}']) {
      assert.throws(() => otlpJsonToProtobuf(attribute(form)), Error, form);
    }
  });

  it('reads every double that is written as JSON', () => {
    fc.assert(
      fc.property(fc.double(), (value) => {
        const json = JSON.stringify(keyValueToJson({ key: 'k', value: { type: 'double', value } }));
        const bytes = otlpJsonToProtobuf(Buffer.from(`{"resourceSpans":[{"resource":{"attributes":[${json}]}}]}`));
        assert.deepEqual(firstResource(bytes).attributes, [{ key: 'k', value: { type: 'double', value } }]);
      }),
    );
  });

  it('takes enums by number, of any 32 bits, and by name', () => {
    const kindOf = (kind: string) => {
      const json = `{"resourceSpans":[{"scopeSpans":[{"spans":[{"kind":${kind}}]}]}]}`;
      const bytes = otlpJsonToProtobuf(Buffer.from(json));
      const reader = new ProtobufReader(bytes.subarray(7));
      return reader.readVarint32(bytes.length) | 0;
    };
    for (const [form, value] of [
      ['0', 0],
      ['5', 5],
      ['-1', -1],
      ['99', 99],
      ['2147483647', 2 ** 31 - 1],
      ['-2147483648', -(2 ** 31)],
      ['"SPAN_KIND_SERVER"', 2],
      ['"SPAN_KIND_UNSPECIFIED"', 0],
      ['"3"', 3],
      ['3.0', 3],
    ] as const) {
      assert.equal(kindOf(form), value, form);
    }
    for (const form of ['2147483648', '-2147483649', '"SERVER"', '1.5', 'true'])
      assert.throws(() => kindOf(form), /\.kind must be/, form);
    const status = (code: unknown) => convert({ resourceSpans: [{ scopeSpans: [{ spans: [{ status: { code } }] }] }] });
    assert.deepEqual(status('STATUS_CODE_ERROR'), status(2));
  });

  it('leaves out what is malformed and says where, and keeps the other spans', () => {
    const good = (name: string) => ({ name });
    const rejections: [number, string][] = [];
    const request = {
      resourceSpans: [
        {
          scopeSpans: [
            {
              spans: [good('a'), { name: 5 }, good('b'), { attributes: [{ key: 'k', value: { intValue: '1.5' } }] }, 7],
            },
            { spans: [good('lost')], scope: { name: [] } },
            { spans: [good('c')] },
          ],
        },
        {
          scope_spans: [{ spans: [good('lost'), { name: 6 }] }],
          resource: { attributes: [{ value: { bytesValue: '*' } }] },
        },
        { scopeSpans: 'none' },
        null,
        { scopeSpans: [{ spans: [good('d')] }] },
      ],
    };
    const bytes = otlpJsonToProtobuf(Buffer.from(JSON.stringify(request)), (spans, reason) =>
      rejections.push([spans, reason]),
    );
    const kept = {
      resourceSpans: [
        { scopeSpans: [{ spans: [good('a'), good('b')] }, { spans: [good('c')] }] },
        { scopeSpans: [{ spans: [good('d')] }] },
      ],
    };
    assert.deepEqual(bytes, convert(kept));
    const [first] = request.resourceSpans;
    assert.ok(first);
    assert.deepEqual(rejections, [
      [1, 'resourceSpans[0].scopeSpans[0].spans[1].name must be a string; got 5'],
      [1, 'resourceSpans[0].scopeSpans[0].spans[3].attributes[0].value.intValue must be an integer; got "1.5"'],
      [1, 'resourceSpans[0].scopeSpans[0].spans[4] must be an object; got 7'],
      [1, 'resourceSpans[0].scopeSpans[1].scope.name must be a string; got []'],
      [1, 'resourceSpans[1].scope_spans[0].spans[1].name must be a string; got 6'.replace('scope_spans', 'scopeSpans')],
      [2, 'resourceSpans[1].resource.attributes[0].value.bytesValue must be base64; got "*"'],
      [1, 'resourceSpans[2].scopeSpans must be an array; got "none"'],
      [1, 'resourceSpans[3] must be an object; got null'],
    ]);
  });

  it('refuses a request with more than 10,000 spans that are malformed', () => {
    const request = (bad: number) => {
      const spans = Array.from({ length: bad }, () => ({ name: 5 }));
      return Buffer.from(JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] }));
    };
    let rejected = 0;
    otlpJsonToProtobuf(request(10_000), (spans) => {
      rejected += spans;
    });
    assert.equal(rejected, 10_000);
    assert.throws(() => otlpJsonToProtobuf(request(10_001), () => {}), { name: 'RefusedSpansError' });
  });

  for (const [what, request, message] of [
    ['a body that is no object', [], /the body must be an object; got \[\]/],
    ['a list that is none', { resourceSpans: {} }, /resourceSpans must be an array/],
    [
      'an enum by a name that it does not have',
      { resourceSpans: [{ scopeSpans: [{ spans: [{ kind: 'SERVER' }] }] }] },
      /resourceSpans\[0\]\.scopeSpans\[0\]\.spans\[0\]\.kind must be an integer or one of SPAN_KIND_UNSPECIFIED, .*; got "SERVER"/,
    ],
    [
      'an id in base64',
      { resourceSpans: [{ scopeSpans: [{ spans: [{ traceId: 'W7Kvyg==' }] }] }] },
      /traceId must be an id in hex; got "W7Kvyg=="/,
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
    assert.throws(() => otlpJsonToProtobuf(new TextEncoder().encode('{')), MalformedJsonError);
    assert.throws(() => otlpJsonToProtobuf(new TextEncoder().encode('{} x')), MalformedJsonError);
    // A value that is malformed as JSON is not one that costs its span.
    assert.throws(
      () => otlpJsonToProtobuf(Buffer.from('{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":nul}]}]}]}'), () => {}),
      MalformedJsonError,
    );
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
    assert.throws(() => convert(nested(101)), /is a value that is nested deeper than 100/);
    // Deep enough to be refused before it is looked at.
    const unknown = `{"unknown":${'['.repeat(50_000)}${']'.repeat(50_000)}}`;
    assert.throws(() => otlpJsonToProtobuf(Buffer.from(unknown)), /values nest deeper than 500/);
  });
});

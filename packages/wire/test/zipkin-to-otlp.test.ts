import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  MalformedJsonError,
  MalformedProtobufError,
  RefusedSpansError,
  readTraceRequest,
  zipkinJsonToOtlp,
  zipkinProtobufToOtlp,
} from '@clew/wire';
import fc from 'fast-check';
import { type DecodedSpan, decodeSpans } from './converted-spans.js';
import { encodeZipkinProtobuf, type JsonSpan } from './zipkin-protobuf-encoding.js';

const nowUs = 1_790_000_000_000_000;
const encoder = new TextEncoder();

function convert(spans: unknown, at = nowUs) {
  return zipkinJsonToOtlp(encoder.encode(JSON.stringify(spans)), at);
}

/** One span, converted; the ids are added. */
function convertOne(span: object): DecodedSpan {
  const [converted, ...others] = decodeSpans(convert([{ traceId: '1', id: '2', timestamp: 1, ...span }]));
  assert.equal(others.length, 0);
  return converted!;
}

/** Why the only span of a request is refused. */
function reasonOf(span: unknown): string {
  const { acceptedSpans, rejectedSpans, rejectionReason } = convert([span]);
  assert.deepEqual({ acceptedSpans, rejectedSpans }, { acceptedSpans: 0, rejectedSpans: 1 });
  return rejectionReason;
}

const hexDigits = (min: number, max: number) =>
  fc
    .string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: min, maxLength: max })
    .filter((id) => !/^0*$/.test(id));
const text = fc.string({ unit: 'grapheme', maxLength: 60 });
const timeUs = fc.integer({ min: 1, max: 4_000_000_000_000_000 });
const endpoint = fc.record(
  {
    serviceName: fc.constantFrom('orders', 'stock', 'ü'),
    ipv4: fc.ipV4(),
    ipv6: fc.ipV6().filter((address) => !address.includes('.')),
    port: fc.integer({ min: 1, max: 65_535 }),
  },
  { requiredKeys: [] },
);
const zipkinSpan = fc.record(
  {
    traceId: fc.oneof(hexDigits(16, 16), hexDigits(32, 32)),
    id: hexDigits(16, 16),
    parentId: hexDigits(16, 16),
    kind: fc.constantFrom('CLIENT', 'SERVER', 'PRODUCER', 'CONSUMER'),
    name: text,
    timestamp: timeUs,
    duration: fc.integer({ min: 1, max: 1e12 }),
    localEndpoint: endpoint,
    remoteEndpoint: endpoint,
    annotations: fc.array(fc.record({ timestamp: timeUs, value: text.filter((value) => !value.startsWith('"')) }), {
      maxLength: 4,
    }),
    tags: fc.dictionary(
      text.filter((key) => !/^(error|span\.kind|w3c\.tracestate|__proto__|otel\..*|service\.name)$/.test(key)),
      text,
      { maxKeys: 6, noNullPrototype: true },
    ),
    debug: fc.boolean(),
  },
  { requiredKeys: ['traceId', 'id', 'timestamp'] },
) as fc.Arbitrary<JsonSpan>;

const kindNumbers = { CLIENT: 3n, SERVER: 2n, PRODUCER: 4n, CONSUMER: 5n } as Record<string, bigint>;

/** What the mapping says of a span that has neither tags with a meaning nor another half. */
function expectedOf(span: JsonSpan): object {
  const strings = (entries: Record<string, string>) =>
    Object.fromEntries(Object.entries(entries).map(([key, value]) => [key, { string: value }]));
  const addresses = (prefix: string, { ipv4, ipv6, port }: NonNullable<JsonSpan['localEndpoint']> = {}) => ({
    ...((ipv4 ?? ipv6) && { [`${prefix}.address`]: { string: ipv4 ?? ipv6 } }),
    ...(port && { [`${prefix}.port`]: { int: BigInt(port) } }),
  });
  const startUs = BigInt(span.timestamp!);
  const remoteService = span.remoteEndpoint?.serviceName;
  return {
    resource: strings({ 'service.name': span.localEndpoint?.serviceName || 'unknown_service' }),
    traceId: span.traceId.padStart(32, '0'),
    spanId: span.id,
    parentSpanId: span.parentId === span.id ? undefined : span.parentId,
    name: span.name || undefined,
    kind: kindNumbers[span.kind ?? ''] ?? 1n,
    start: startUs * 1_000n,
    end: (startUs + BigInt(span.duration ?? 0)) * 1_000n,
    attributes: {
      ...addresses('network.local', span.localEndpoint),
      ...(remoteService && strings({ 'peer.service': remoteService })),
      ...addresses('network.peer', span.remoteEndpoint),
      ...(span.debug && { 'zipkin.debug': { bool: true } }),
      ...strings(span.tags ?? {}),
    },
    events: (span.annotations ?? []).map(({ timestamp, value }) => ({
      time: BigInt(timestamp) * 1_000n,
      name: value || undefined,
      attributes: {},
    })),
  };
}

/** The same fields as {@link expectedOf}; addresses as Node writes them. */
function seen(span: DecodedSpan): object {
  const { resource, traceId, spanId, parentSpanId, name, kind, start, end, attributes, events } = span;
  const named = events.map(({ time, name: eventName, attributes: of }) => ({ time, name: eventName, attributes: of }));
  return { resource, traceId, spanId, parentSpanId, name, kind, start, end, attributes, events: named };
}

const byId = (a: DecodedSpan, b: DecodedSpan) => (a.spanId < b.spanId ? -1 : 1);

describe('spans of Zipkin as OTLP', () => {
  test('JSON and protobuf keep every field, as the mapping says', () => {
    const spans = fc.uniqueArray(zipkinSpan, { selector: ({ id }) => id, minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(spans, (batch) => {
        const json = convert(batch);
        assert.equal(json.acceptedSpans, batch.length);
        assert.equal(json.rejectedSpans, 0);
        const decoded = decodeSpans(json).sort(byId);
        const sorted = batch.toSorted((a, b) => (a.id < b.id ? -1 : 1));
        assert.deepEqual(decoded.map(seen), sorted.map(expectedOf));
        // The order of tags in a map of protobuf is the writer's; IPv6 is written in the shortest form.
        const canonical = JSON.parse(JSON.stringify(batch), (key, value: unknown) =>
          key === 'ipv6' ? new URL(`http://[${value}]`).hostname.slice(1, -1) : value,
        ) as JsonSpan[];
        const protobuf = zipkinProtobufToOtlp(encodeZipkinProtobuf(batch), nowUs);
        assert.deepEqual(
          decodeSpans(protobuf).sort(byId).map(seen),
          decodeSpans(convert(canonical)).sort(byId).map(seen),
        );
      }),
      { numRuns: 300 },
    );
  });

  test('ids have 1 to 16 or 32 hex digits, of any case, and are padded on the left', () => {
    for (const [traceId, expected] of [
      ['a', 'a'.padStart(32, '0')],
      ['F'.repeat(16), 'f'.repeat(16).padStart(32, '0')],
      [`1${'0'.repeat(16)}`, `1${'0'.repeat(16)}`.padStart(32, '0')],
      ['B'.repeat(32), 'b'.repeat(32)],
    ] as const) {
      assert.equal(convertOne({ traceId }).traceId, expected);
    }
    assert.equal(convertOne({ id: 'AB', parentId: 'C' }).spanId, '00000000000000ab');
    assert.equal(convertOne({ id: 'AB', parentId: 'C' }).parentSpanId, '000000000000000c');
    for (const parentId of ['', '0', '0000000000000000', null]) {
      assert.equal(convertOne({ parentId }).parentSpanId, undefined);
    }
    // Some clients name a root span as its own parent.
    assert.equal(convertOne({ id: 'ab', parentId: '00ab' }).parentSpanId, undefined);
    const span = { traceId: '1', id: '2' };
    for (const traceId of ['', '0', '0'.repeat(32), 'a'.repeat(33), 'xyz', ' 1', '0x1', undefined, null]) {
      assert.match(reasonOf({ ...span, traceId }), /^traceId must be 1 to 32 hex digits, not all zero; got "/);
    }
    for (const id of ['', '00', 'a'.repeat(17), 'g']) {
      assert.match(reasonOf({ ...span, id }), /^id must be 1 to 16 hex digits, not all zero; got "/);
    }
    for (const parentId of ['a'.repeat(17), '0'.repeat(17), '-1']) {
      assert.match(reasonOf({ ...span, parentId }), /^parentId must be 1 to 16 hex digits, or absent; got "/);
    }
    assert.equal(reasonOf({ ...span, id: 12 }), 'id must be text of hex digits; got 12');
  });

  test('times are whole microseconds from 1970 to 2255, as numbers or text', () => {
    const last = Number.MAX_SAFE_INTEGER;
    assert.equal(convertOne({ timestamp: last }).start, BigInt(last) * 1_000n);
    assert.equal(convertOne({ timestamp: '1790000000000001', duration: '2.9' }).end, 1_790_000_000_000_003_000n);
    assert.equal(convertOne({ timestamp: 10, duration: 0 }).end, 10_000n);
    // The clock of the sender was set back: what it says is kept, as OTLP's own spans are.
    assert.equal(convertOne({ timestamp: 10, duration: -4 }).end, 6_000n);
    const span = { traceId: '1', id: '2' };
    assert.match(reasonOf({ ...span, timestamp: last + 1 }), /^timestamp must be from 0 to 9007199254740991 microsec/);
    assert.match(reasonOf({ ...span, timestamp: -1 }), /^timestamp must be .*; got -1$/);
    assert.match(reasonOf({ ...span, timestamp: last, duration: 1 }), /^timestamp \+ duration must be .* \+ 1$/);
    assert.match(reasonOf({ ...span, timestamp: 3, duration: -4 }), /^timestamp \+ duration must be .*; got 3 \+ -4$/);
    assert.equal(reasonOf({ ...span, timestamp: 'soon' }), 'timestamp must be a number of microseconds; got "soon"');
  });

  test('a span without a time begins at its first annotation, else with its trace, else now, and says so', () => {
    const absent = { 'otel.zipkin.absentField.startTime': { bool: true } };
    const annotated = convertOne({
      timestamp: undefined,
      duration: 5,
      annotations: [{ timestamp: 30, value: 'b' }, { value: 'c' }, { timestamp: 20, value: 'a' }],
    });
    assert.equal(annotated.start, 20_000n);
    assert.equal(annotated.end, 25_000n);
    assert.deepEqual(
      annotated.events.map(({ time }) => time),
      [30_000n, 20_000n, 20_000n],
    );
    assert.deepEqual(annotated.attributes, absent);
    const [first, late, other] = decodeSpans(
      convert([
        { traceId: '1', id: '1', timestamp: 50 },
        { traceId: '1', id: '2', timestamp: 0 },
        { traceId: '2', id: '3' },
      ]),
    );
    assert.deepEqual(first!.attributes, {});
    assert.equal(late!.start, 50_000n);
    assert.deepEqual(late!.attributes, absent);
    assert.equal(other!.start, BigInt(nowUs) * 1_000n);
  });

  test('a tag error is a failure with its text as message, unless another status is said', () => {
    for (const [tags, code, message, left] of [
      [{ error: 'boom' }, 2n, 'boom', {}],
      [{ error: '' }, 2n, undefined, {}],
      [{ error: 'true' }, 2n, undefined, {}],
      [{ error: 'false' }, undefined, undefined, { error: { string: 'false' } }],
      [{ 'otel.status_code': 'ERROR', error: 'boom' }, 2n, 'boom', {}],
      [{ 'otel.status_code': 'ERROR', 'otel.status_description': 'why', error: 'true' }, 2n, 'why', {}],
      [
        { 'otel.status_code': 'error', 'otel.status_description': 'why', error: 'boom' },
        2n,
        'why',
        { error: { string: 'boom' } },
      ],
      [{ 'otel.status_code': 'STATUS_CODE_OK' }, 1n, undefined, {}],
      [{ 'otel.status_code': 'OK', error: 'no' }, 1n, undefined, { error: { string: 'no' } }],
      [{ 'otel.status_code': '7' }, undefined, undefined, { 'otel.status_code': { string: '7' } }],
    ] as const) {
      const { status, attributes } = convertOne({ tags });
      assert.deepEqual([status?.code, status?.message, attributes], [code, message, left], JSON.stringify(tags));
    }
  });

  test('tags that are numbers keep all of their digits', () => {
    const tags = '{"order":9007199254740993,"price":1.10,"debug":true}';
    const json = `[{"traceId":"1","id":"2","timestamp":1,"tags":${tags}}]`;
    const [span] = decodeSpans(zipkinJsonToOtlp(Buffer.from(json), 0));
    assert.deepEqual(span!.attributes, {
      order: { string: '9007199254740993' },
      price: { string: '1.10' },
      debug: { string: 'true' },
    });
  });

  test('tags that OpenTelemetry writes for want of a field are fields again', () => {
    const span = convertOne({
      tags: {
        'otel.scope.name': 'scope',
        'otel.library.name': 'older name',
        'otel.scope.version': '1.2',
        'otel.dropped_attributes_count': '3',
        'otel.dropped_events_count': '4294967295',
        'otel.dropped_links_count': '4294967296',
        'span.kind': 'internal',
        'w3c.tracestate': 'a=b',
      },
    });
    assert.deepEqual(span.scope, { name: 'scope', version: '1.2' });
    assert.equal(span.droppedAttributes, 3n);
    assert.equal(span.droppedEvents, 4_294_967_295n);
    assert.equal(span.kind, 1n);
    assert.equal(span.traceState, 'a=b');
    assert.deepEqual(span.attributes, { 'otel.dropped_links_count': { string: '4294967296' } });
    assert.equal(convertOne({ kind: 'CLIENT', tags: { 'span.kind': 'server' } }).kind, 3n);
    assert.equal(convertOne({ kind: 'client' }).kind, 3n);
    // Unspecified, whose number 0 is not written.
    assert.equal(convertOne({ kind: 'LOCAL' }).kind, undefined);
  });

  test('the resource that an OpenTelemetry SDK has put into the tags is a resource again; tags of others stay', () => {
    const tags = { 'service.version': '2', 'host.name': 'h', 'service.name': 'orders', 'http.route': '/' };
    const localEndpoint = { serviceName: 'orders' };
    const sdk = convertOne({ localEndpoint, tags: { ...tags, 'telemetry.sdk.name': 'opentelemetry' } });
    assert.deepEqual(sdk.resource, {
      'service.name': { string: 'orders' },
      'service.version': { string: '2' },
      'host.name': { string: 'h' },
      'telemetry.sdk.name': { string: 'opentelemetry' },
    });
    assert.deepEqual(sdk.attributes, { 'http.route': { string: '/' } });
    const brave = convertOne({ localEndpoint, tags });
    assert.deepEqual(brave.resource, { 'service.name': { string: 'orders' } });
    assert.deepEqual(Object.keys(brave.attributes), Object.keys(tags));
    assert.deepEqual(convertOne({ tags }).resource, { 'service.name': { string: 'orders' } });
  });

  test('tags that are no strings, and names that are none, are kept as text', () => {
    const tags = { number: 1.5, yes: true, none: null, list: [1, 'a'], object: { a: { b: null } }, text: 'x' };
    const span = convertOne({ name: 7, tags, localEndpoint: { serviceName: 5, port: '80' }, remoteEndpoint: null });
    assert.deepEqual(span.attributes, {
      number: { string: '1.5' },
      yes: { string: 'true' },
      list: { string: '[1,"a"]' },
      object: { string: '{"a":{"b":null}}' },
      text: { string: 'x' },
      'network.local.port': { int: 80n },
    });
    assert.equal(span.name, '7');
    assert.deepEqual(span.resource, { 'service.name': { string: '5' } });
  });

  test('a tag wins over what an endpoint says under the same name', () => {
    const { attributes } = convertOne({
      remoteEndpoint: { serviceName: 'stock', ipv4: '10.0.0.1', ipv6: '::1', port: 65_536 },
      tags: { 'peer.service': 'mine' },
    });
    assert.deepEqual(attributes, {
      'peer.service': { string: 'mine' },
      'network.peer.address': { string: '10.0.0.1' },
    });
  });

  test('an annotation that OpenTelemetry has written is an event with attributes; any other text is its name', () => {
    const event = (value: string) => convertOne({ annotations: [{ timestamp: 1, value }] }).events[0]!;
    assert.deepEqual(event('"cache \\"miss\\"": {"key":"k","tries":2,"rate":0.5,"list":["a"]}'), {
      time: 1_000n,
      name: 'cache "miss"',
      attributes: {
        key: { string: 'k' },
        tries: { int: 2n },
        rate: { double: 0.5 },
        list: { array: { values: [{ string: 'a' }] } },
      },
    });
    for (const value of ['ws', '"quoted"', '"a": {"b"', '"a": {"b":1}, "c": {}', '"a": 5', '{"a":1}']) {
      assert.deepEqual(event(value), { time: 1_000n, name: value, attributes: {} });
    }
  });

  test('spans of several services are grouped by service, and those of a scope stand together', () => {
    const span = (id: number, serviceName: string, scope: string) => ({
      traceId: '1',
      id: id.toString(16),
      timestamp: 1,
      localEndpoint: { serviceName },
      tags: { 'otel.scope.name': scope },
    });
    const { request } = convert([span(1, 'a', 'x'), span(2, 'b', 'x'), span(3, 'a', 'y'), span(4, 'a', 'x')]);
    const order = decodeSpans({ request }).map(({ spanId }) => Number(spanId));
    assert.deepEqual(order, [1, 4, 3, 2]);
  });

  test('a request of thousands of services, or of more spans than are held back, loses none', () => {
    const spans = Array.from({ length: 12_345 }, (_, i) => ({
      traceId: '1',
      id: (i + 1).toString(16),
      timestamp: 1,
      localEndpoint: { serviceName: `service ${i % 3_000}` },
    }));
    const converted = convert(spans);
    assert.equal(converted.acceptedSpans, spans.length);
    const found = readTraceRequest(converted.request).flatMap(({ attributes, scopes }) =>
      scopes.flatMap((scope) => scope.spans.map(({ spanId }) => [spanId, attributes[0]!.value] as const)),
    );
    assert.equal(new Set(found.map(([id]) => id)).size, spans.length);
    for (const [id, value] of found) {
      const index = Number.parseInt(id, 16) - 1;
      assert.deepEqual(value, { type: 'string', value: `service ${index % 3_000}` });
    }
  });

  test('a request of many megabytes from one service loses none', () => {
    const text = 'x'.repeat(1_000);
    const spans = Array.from({ length: 9_000 }, (_, i) => ({ traceId: '1', id: (i + 1).toString(16), tags: { text } }));
    const resources = readTraceRequest(convert(spans).request);
    const ids = resources.flatMap(({ scopes }) => scopes.flatMap((scope) => scope.spans.map(({ spanId }) => spanId)));
    assert.equal(new Set(ids).size, spans.length);
    assert.equal(ids.length, spans.length);
  });

  test('a list of lists, as the API of Zipkin answers, is taken like one list', () => {
    const span = (id: string) => ({ traceId: '1', id, timestamp: 1 });
    const lists = [[span('1'), span('2')], [], [span('3')]];
    assert.deepEqual(decodeSpans(convert(lists)), decodeSpans(convert(lists.flat())));
  });

  test('each bad span is counted with the first reason, and the others are kept', () => {
    const good = { traceId: '1', id: '2', timestamp: 1 };
    const bad = [5, null, { ...good, tags: 'x' }, { ...good, annotations: {} }, { ...good, annotations: [1] }];
    const converted = convert([bad[0], good, ...bad.slice(1), { ...good, localEndpoint: 'here' }, good]);
    assert.equal(converted.acceptedSpans, 2);
    assert.equal(converted.rejectedSpans, 6);
    assert.equal(converted.rejectionReason, 'a span must be an object; got 5');
    assert.equal(reasonOf({ ...good, tags: ['a'] }), 'tags must be an object; got ["a"]');
    assert.match(reasonOf({ ...good, binaryAnnotations: [] }), /which is Zipkin v1; send the format v2/);
    const huge = { ...good, localEndpoint: { serviceName: 'x'.repeat(2_000_000) } };
    assert.match(reasonOf(huge), /the buffer is full: /);
  });

  test('in protobuf, a span that is malformed inside does not cost the others', () => {
    const span = (id: string): JsonSpan => ({ traceId: '00000000000000a1', id: id.padStart(16, '0'), timestamp: 1 });
    const [first, second] = [encodeZipkinProtobuf([span('1')]), encodeZipkinProtobuf([span('2')])];
    const broken = Buffer.from([0x0a, 0x03, 0x0a, 0x7f, 0x00]);
    const longId = Buffer.concat([Buffer.from([0x0a, 0x13, 0x0a, 0x11]), Buffer.alloc(17, 1)]);
    const converted = zipkinProtobufToOtlp(Buffer.concat([first, broken, longId, second]), nowUs);
    assert.equal(converted.acceptedSpans, 2);
    assert.equal(converted.rejectedSpans, 2);
    assert.match(converted.rejectionReason, /^malformed protobuf at byte 2: a field of 127 bytes where 1 are left$/);
    assert.throws(
      () => zipkinProtobufToOtlp(Buffer.concat([first, Buffer.from([0x0a, 0x05])]), nowUs),
      MalformedProtobufError,
    );
  });

  test('a span of protobuf with more than 100,000 annotations or tags is refused', () => {
    const span = (count: number, field: number) => {
      const ids = Buffer.from('0a0800000000000000011a080000000000000002', 'hex');
      const content = Buffer.concat([ids, Buffer.alloc(2 * count, Uint8Array.of(field, 0))]);
      const length = Buffer.from([
        (content.length & 0x7f) | 0x80,
        ((content.length >>> 7) & 0x7f) | 0x80,
        content.length >>> 14,
      ]);
      return zipkinProtobufToOtlp(Buffer.concat([Buffer.from([0x0a]), length, content]), nowUs);
    };
    assert.equal(span(100_000, 0x52).acceptedSpans, 1);
    assert.equal(span(100_001, 0x52).rejectionReason, 'a span has more than 100000 annotations');
    assert.equal(span(100_000, 0x5a).acceptedSpans, 1);
    assert.equal(span(100_001, 0x5a).rejectionReason, 'a span has more than 100000 tags');
  });

  test('JSON that is malformed is refused with its line, and nothing of it is taken', () => {
    for (const [body, message] of [
      ['', /line 1: an array must be there; got the end of the text/],
      ['{"traceId":"1"}', /^unexpected JSON in line 1: an array must be there; got an object/],
      ['[{"traceId":"1","id":"1"},\n{"traceId":}]', /line 2: /],
      ['[\n\n{"traceId":"1"]', /line 3: /],
      ['[{}] []', /nothing more may follow/],
      ['[1,]', /a value must be there; got "\]"/],
      ['[{} {}]', /, or \] must be there; got "\{"/],
      [`[${'['.repeat(600)}`, /values nest deeper than 500/],
    ] as const) {
      assert.throws(
        () => zipkinJsonToOtlp(encoder.encode(body), nowUs),
        (error) => error instanceof MalformedJsonError && message.test(error.message),
        body,
      );
    }
  });

  test('10,000 spans that cannot be read are counted, and one more ends the request', () => {
    assert.equal(convert(Array.from({ length: 10_000 }, () => 0)).rejectedSpans, 10_000);
    assert.throws(() => convert(Array.from({ length: 10_001 }, () => 0)), RefusedSpansError);
  });
});

describe('spans that a client and a server of Zipkin share', () => {
  const span = (id: string, service: string, more: object) => ({
    traceId: 'ab',
    id,
    timestamp: 1,
    localEndpoint: { serviceName: service },
    name: `${service} ${id}`,
    ...more,
  });
  const decode = (spans: readonly object[]) =>
    new Map(decodeSpans(convert(spans)).map((decoded) => [decoded.name!, decoded]));
  const id = (hex: string) => hex.padStart(16, '0');

  const client = span('1', 'gateway', { kind: 'CLIENT', parentId: 'f' });
  const server = span('1', 'orders', { kind: 'SERVER', parentId: 'f', shared: true });
  const below = span('2', 'orders', { parentId: '1' });

  test('become two spans, the server below the client, and what the server does next below the server', () => {
    const spans = decode([below, server, client]);
    const [clientSpan, serverSpan, belowSpan] = ['gateway 1', 'orders 1', 'orders 2'].map((name) => spans.get(name)!);
    assert.equal(clientSpan!.spanId, id('1'));
    assert.equal(clientSpan!.parentSpanId, id('f'));
    assert.notEqual(serverSpan!.spanId, id('1'));
    assert.equal(serverSpan!.parentSpanId, id('1'));
    assert.deepEqual(serverSpan!.attributes, {
      'zipkin.shared': { bool: true },
      'zipkin.parent_id': { string: id('f') },
    });
    assert.equal(belowSpan!.parentSpanId, serverSpan!.spanId);
    assert.deepEqual(belowSpan!.attributes, {});
  });

  test('are told by the client with the same id when the server does not say so, but not by a client of another trace', () => {
    const silent = { ...server, shared: undefined };
    assert.equal(decode([client, silent]).get('orders 1')!.parentSpanId, id('1'));
    assert.equal(decode([{ ...client, traceId: 'cd' }, silent]).get('orders 1')!.spanId, id('1'));
    assert.equal(decode([silent]).get('orders 1')!.parentSpanId, id('f'));
    // A client never joins a span.
    assert.equal(decode([{ ...client, shared: true }]).get('gateway 1')!.spanId, id('1'));
  });

  test('have the same ids in whatever batch they come, and other ones for another service or trace', () => {
    const serverId = decode([server]).get('orders 1')!.spanId;
    assert.equal(decode([client, below, server]).get('orders 1')!.spanId, serverId);
    const others = [
      { ...server, traceId: 'cd' },
      { ...server, id: '3' },
      { ...server, localEndpoint: { serviceName: 'stock' } },
    ].map((other) => decodeSpans(convert([other]))[0]!.spanId);
    assert.equal(new Set([serverId, ...others]).size, 4);
    assert.match(serverId, /^[0-9a-f]{16}$/);
    const ids = Array.from({ length: 10_000 }, (_, i) => ({ ...server, id: (i + 1).toString(16) }));
    const [converted] = readTraceRequest(convert(ids).request);
    assert.equal(new Set(converted!.scopes[0]!.spans.map(({ spanId }) => spanId)).size, 10_000);
  });

  test('leave a span of another service, or one whose server came in another batch, below the client', () => {
    const ofClient = span('3', 'gateway', { parentId: '1' });
    const spans = decode([client, server, ofClient]);
    assert.equal(spans.get('gateway 3')!.parentSpanId, id('1'));
    assert.equal(decode([client, below]).get('orders 2')!.parentSpanId, id('1'));
  });
});

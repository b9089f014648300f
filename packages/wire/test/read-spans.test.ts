import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MalformedProtobufError, readTraceRequest } from '@clew/wire';
import { ROOT_CONTEXT, SpanKind, SpanStatusCode, TraceFlags, trace } from '@opentelemetry/api';
import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  AlwaysOnSampler,
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';

/** Bytes that the official SDK makes of a span with everything. */
function officialRequest() {
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({
    sampler: new AlwaysOnSampler(),
    resource: resourceFromAttributes({ 'service.name': 'orders' }),
    spanProcessors: [new SimpleSpanProcessor(exporter)],
    spanLimits: { attributeCountLimit: 6 },
  });
  const parent = {
    traceId: '0af7651916cd43dd8448eb211c80319c',
    spanId: 'b7ad6b7169203331',
    traceFlags: TraceFlags.SAMPLED,
    isRemote: true,
  };
  const span = provider.getTracer('scope', '1.2', { schemaUrl: 'https://example.com/1' }).startSpan(
    'GET /orders/:id',
    {
      kind: SpanKind.SERVER,
      startTime: [1_700_000_000, 123_456_789],
      attributes: { text: 'ü', whole: -42, fraction: 0.5, yes: true, list: ['a', 'b'], one: 1, dropped: 1 },
      links: [{ context: { ...parent, traceFlags: 0 }, attributes: { why: 'cause' } }],
    },
    trace.setSpanContext(ROOT_CONTEXT, parent),
  );
  span.addEvent('miss', { key: 'k' }, [1_700_000_001, 5]);
  span.setStatus({ code: SpanStatusCode.ERROR, message: 'broken' });
  span.end([1_700_000_002, 7]);
  return { parent, span, bytes: ProtobufTraceSerializer.serializeRequest(exporter.getFinishedSpans())! };
}

test('every field of a request by the official serializer is read', () => {
  const { parent, span, bytes } = officialRequest();
  const [resource, ...rest] = readTraceRequest(bytes);
  assert.equal(rest.length, 0);
  assert.deepEqual(resource!.attributes, [{ key: 'service.name', value: { type: 'string', value: 'orders' } }]);
  const [scope] = resource!.scopes;
  assert.equal(scope!.name, 'scope');
  assert.equal(scope!.version, '1.2');
  assert.equal(scope!.schemaUrl, 'https://example.com/1');
  const [read] = scope!.spans;
  assert.deepEqual(read, {
    traceId: parent.traceId,
    spanId: span.spanContext().spanId,
    parentSpanId: parent.spanId,
    traceState: '',
    name: 'GET /orders/:id',
    kind: 2,
    startNs: 1_700_000_000_123_456_789n,
    endNs: 1_700_000_002_000_000_007n,
    attributes: [
      { key: 'text', value: { type: 'string', value: 'ü' } },
      { key: 'whole', value: { type: 'int', value: -42n } },
      { key: 'fraction', value: { type: 'double', value: 0.5 } },
      { key: 'yes', value: { type: 'bool', value: true } },
      {
        key: 'list',
        value: {
          type: 'array',
          values: [
            { type: 'string', value: 'a' },
            { type: 'string', value: 'b' },
          ],
        },
      },
      { key: 'one', value: { type: 'int', value: 1n } },
    ],
    droppedAttributes: 1,
    events: [
      {
        timeNs: 1_700_000_001_000_000_005n,
        name: 'miss',
        attributes: [{ key: 'key', value: { type: 'string', value: 'k' } }],
        droppedAttributes: 0,
      },
    ],
    droppedEvents: 0,
    links: [
      {
        traceId: parent.traceId,
        spanId: parent.spanId,
        traceState: '',
        attributes: [{ key: 'why', value: { type: 'string', value: 'cause' } }],
        droppedAttributes: 0,
        flags: 0x300,
      },
    ],
    droppedLinks: 0,
    statusCode: 2,
    statusMessage: 'broken',
    flags: 0x301,
  });
});

test('an empty request has no spans, and bytes that are cut off anywhere are refused', () => {
  assert.deepEqual(readTraceRequest(new Uint8Array()), []);
  const { bytes } = officialRequest();
  for (let length = 1; length < bytes.length; length++) {
    assert.throws(() => readTraceRequest(bytes.subarray(0, length)), MalformedProtobufError, `${length} bytes`);
  }
});

test('unknown fields are skipped', () => {
  const { bytes } = officialRequest();
  const unknown = Buffer.from([0xfa, 0x01, 0x03, 1, 2, 3, 0xf0, 0x01, 0x05]);
  assert.deepEqual(readTraceRequest(Buffer.concat([unknown, bytes])), readTraceRequest(bytes));
});

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { parseConfig, type RunningServer, startServer } from '@clew/server';
import type { AnyValue } from '@clew/wire';
import { type AttributeValue, ROOT_CONTEXT, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { JaegerExporter } from '@opentelemetry/exporter-jaeger';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  AlwaysOnSampler,
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { freePorts } from './free-ports.js';
import { fetchStoredTrace } from './stored-trace.js';

const maxRequestBytes = 100_000;
let directory: string;
let server: RunningServer;

before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'clew-jaeger-'));
  server = await startServer(parseConfig({}, { dataDir: directory, ...freePorts, maxRequestBytes, logLevel: 'warn' }));
});

after(async () => {
  await server.close();
  rmSync(directory, { recursive: true });
});

const thrift = { 'content-type': 'application/x-thrift' };

async function post(
  body: Uint8Array,
  headers: Record<string, string> = thrift,
  path = '/api/traces?format=jaeger.thrift',
): Promise<{ status: number; headers: Headers; text: string }> {
  const response = await fetch(server.jaegerUrl + path, { method: 'POST', body, headers });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

/** A batch with one span of only what is required, by the rules of the binary protocol. */
function smallBatch(traceId: number, name = 'small'): Uint8Array {
  const i64 = (id: number, value: bigint) => {
    const bytes = Buffer.from([10, 0, id, 0, 0, 0, 0, 0, 0, 0, 0]);
    bytes.writeBigInt64BE(value, 3);
    return bytes;
  };
  const string = (id: number, text: string) =>
    Buffer.concat([Buffer.from([11, 0, id, 0, 0, 0, text.length]), Buffer.from(text)]);
  return Buffer.concat([
    Buffer.from([12, 0, 1]),
    string(1, 'tiny'),
    Buffer.from([0, 15, 0, 2, 12, 0, 0, 0, 1]),
    i64(1, BigInt(traceId)),
    i64(2, 0n),
    i64(3, 1n),
    i64(4, 0n),
    string(5, name),
    Buffer.from([8, 0, 7, 0, 0, 0, 1]),
    i64(8, 1_790_000_000_000_000n),
    i64(9, 5n),
    Buffer.from([0, 0]),
  ]);
}

/** One span of each kind, and with all that Jaeger's format can carry, exported by the official exporter. */
async function exportOfficially(): Promise<readonly ReadableSpan[]> {
  const kept = new InMemorySpanExporter();
  const exporter = new JaegerExporter({
    endpoint: `${server.jaegerUrl}/api/traces`,
    tags: [{ key: 'region', value: 'eu' }],
  });
  const provider = new BasicTracerProvider({
    sampler: new AlwaysOnSampler(),
    resource: resourceFromAttributes({ 'service.name': 'orders', 'service.version': '1.2.3' }),
    spanProcessors: [new SimpleSpanProcessor(kept)],
    spanLimits: { attributeCountLimit: 4 },
  });
  const tracer = provider.getTracer('scope', '2.0');
  const link = { context: { traceId: 'f'.repeat(32), spanId: 'e'.repeat(16), traceFlags: 1 } };
  const root = tracer.startSpan('root', {
    kind: SpanKind.SERVER,
    startTime: [1_790_000_000, 123_456_000],
    links: [link],
    attributes: { 'http.route': '/orders/:id', quantity: 3, rate: 0.5, yes: true, fifth: 'dropped' },
  });
  // The exporter counts the times of events in milliseconds.
  root.addEvent('cache.miss', { key: 'ü', tries: 2 }, [1_790_000_000, 200_000_000]);
  root.setStatus({ code: SpanStatusCode.ERROR, message: 'out of stock' });
  const spans: Span[] = [root];
  for (const kind of [SpanKind.CLIENT, SpanKind.PRODUCER, SpanKind.CONSUMER, SpanKind.INTERNAL]) {
    const span = tracer.startSpan(
      `kind ${kind}`,
      { kind, startTime: [1_790_000_000, 300_000_000] },
      trace.setSpan(ROOT_CONTEXT, root),
    );
    if (kind === SpanKind.CLIENT) span.setStatus({ code: SpanStatusCode.OK });
    spans.push(span);
  }
  for (const span of spans.reverse()) span.end([1_790_000_001, 234_567_000]);
  const finished = kept.getFinishedSpans();
  const { code, error } = await new Promise<{ code: number; error?: Error }>((resolve) => {
    // Its types are those of another version of the same SDK.
    exporter.export([...finished] as Parameters<typeof exporter.export>[0], resolve);
  });
  assert.equal(code, 0, error?.message);
  await exporter.shutdown();
  return finished;
}

/** The exporter writes every number as a double. */
function asTag(value: AttributeValue | undefined): AnyValue {
  if (typeof value === 'number') return { type: 'double', value };
  return typeof value === 'boolean' ? { type: 'bool', value } : { type: 'string', value: String(value) };
}

const asTags = (attributes: Readonly<Record<string, AttributeValue | undefined>>) =>
  Object.fromEntries(Object.entries(attributes).map(([key, value]) => [key, asTag(value)]));

const byKey = (attributes: readonly { readonly key: string; readonly value: AnyValue }[]) =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, value]));

const nanoseconds = ([seconds, nanos]: readonly [number, number]) => BigInt(seconds) * 10n ** 9n + BigInt(nanos);

describe('the receiver of Jaeger Thrift over HTTP', () => {
  it('stores what the official exporter has exported', async () => {
    const exported = await exportOfficially();
    const stored = await fetchStoredTrace(server.uiUrl, exported[0]!.spanContext().traceId, exported.length);
    assert.equal(stored.size, exported.length);
    for (const span of exported) {
      const found = stored.get(span.name)!;
      assert.equal(found.spanId, span.spanContext().spanId);
      assert.equal(found.parentSpanId, span.parentSpanContext?.spanId);
      // OTLP counts kinds from 1.
      assert.equal(found.kind, span.kind + 1, span.name);
      assert.equal(found.startNs, nanoseconds(span.startTime));
      assert.equal(BigInt(found.durationNs), nanoseconds(span.duration));
      assert.equal(found.statusCode, span.status.code);
      assert.equal(found.statusMessage, span.status.message ?? '');
      // The exporter writes the resource into the tags of every span as well.
      assert.deepEqual(byKey(found.attributes), asTags({ ...span.attributes, ...span.resource.attributes }));
      assert.equal(found.droppedAttributesCount, span.droppedAttributesCount);
      assert.deepEqual(
        found.events.map(({ name, timeNs, attributes }) => [name, timeNs, byKey(attributes)]),
        span.events.map(({ name, time, attributes = {} }) => [name, nanoseconds(time), asTags(attributes)]),
      );
      assert.deepEqual(
        found.links.map(({ traceId, spanId }) => ({ traceId, spanId })),
        span.links.map(({ context: { traceId, spanId } }) => ({ traceId, spanId })),
      );
      assert.equal(found.service, 'orders');
      assert.deepEqual(byKey(found.resource), asTags({ 'service.name': 'orders', region: 'eu' }));
      assert.deepEqual([found.scope.name, found.scope.version], ['scope', '2.0']);
      assert.equal(found.flags & 0xff, 1);
    }
  });

  it('answers 202 with nothing in it for both media types, with gzip, and without the format in the address', async () => {
    const answers = [
      await post(smallBatch(0xa1)),
      await post(smallBatch(0xa1), { 'content-type': 'application/vnd.apache.thrift.binary; v=1' }),
      await post(gzipSync(smallBatch(0xa1)), { ...thrift, 'content-encoding': 'gzip' }),
      await post(smallBatch(0xa1), thrift, '/api/traces'),
    ];
    for (const { status, text } of answers) assert.deepEqual({ status, text }, { status: 202, text: '' });
    const stored = await fetchStoredTrace(server.uiUrl, 'a1'.padStart(32, '0'), 4);
    assert.equal(stored.get('small')!.service, 'tiny');
  });

  for (const [what, send, status, message] of [
    [
      'bytes that are cut off',
      () => post(smallBatch(1).subarray(0, -1)),
      400,
      /malformed Thrift at byte \d+: 1 bytes wanted, 0 left/,
    ],
    [
      'a batch in which no span is good',
      () => post(smallBatch(0)),
      400,
      /None of the 1 spans can be read. The first: the trace id is all zeros\./,
    ],
    [
      'another format',
      () => post(smallBatch(1), thrift, '/api/traces?format=zipkin.thrift'),
      400,
      /format is "zipkin.thrift", but only jaeger.thrift/,
    ],
    [
      'another type',
      () => post(smallBatch(1), { 'content-type': 'application/json' }),
      415,
      /"application\/json" is not Jaeger Thrift; send application\/x-thrift or application\/vnd.apache.thrift.binary/,
    ],
    ['a byte too many', () => post(new Uint8Array(maxRequestBytes + 1)), 413, /100001 bytes; the limit is 100000/],
    [
      'another address',
      () => post(smallBatch(1), thrift, '/api/v2/spans'),
      404,
      /nothing at \/api\/v2\/spans.*POST \/api\/traces\?format=jaeger.thrift/,
    ],
  ] as const) {
    it(`refuses ${what} with ${status} and the reason`, async () => {
      const answer = await send();
      assert.equal(answer.status, status);
      assert.equal(answer.headers.get('content-type'), 'text/plain; charset=utf-8');
      assert.match(answer.text, message);
    });
  }
});

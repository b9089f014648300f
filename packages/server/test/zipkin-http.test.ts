import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { parseConfig, type RunningServer, startServer } from '@clew/server';
import { ROOT_CONTEXT, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { ZipkinExporter } from '@opentelemetry/exporter-zipkin';
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

const maxRequestBytes = 200_000;
const shop = 'https://shop.example';
let directory: string;
let server: RunningServer;

before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'clew-zipkin-'));
  server = await startServer(
    parseConfig({}, { dataDir: directory, ...freePorts, maxRequestBytes, ingestCorsOrigins: shop, logLevel: 'warn' }),
  );
});

after(async () => {
  await server.close();
  rmSync(directory, { recursive: true });
});

async function post(
  body: Uint8Array | string,
  headers: Record<string, string> = { 'content-type': 'application/json' },
  path = '/api/v2/spans',
): Promise<{ status: number; headers: Headers; text: string }> {
  const response = await fetch(server.zipkinUrl + path, { method: 'POST', body, headers });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

/** One span of each kind, and with all that Zipkin's format can carry, exported by the official exporter. */
async function exportOfficially(): Promise<readonly ReadableSpan[]> {
  const kept = new InMemorySpanExporter();
  const exporter = new ZipkinExporter({ url: `${server.zipkinUrl}/api/v2/spans` });
  const provider = new BasicTracerProvider({
    sampler: new AlwaysOnSampler(),
    resource: resourceFromAttributes({
      'service.name': 'orders',
      'service.version': '1.2.3',
      'telemetry.sdk.name': 'opentelemetry',
      'deployment.environment.name': 'test',
    }),
    spanProcessors: [new SimpleSpanProcessor(kept)],
    spanLimits: { attributeCountLimit: 3, eventCountLimit: 2 },
  });
  const tracer = provider.getTracer('scope');
  const root = tracer.startSpan('root', { kind: SpanKind.SERVER, startTime: [1_790_000_000, 123_456_000] });
  root.setAttributes({ 'http.route': '/orders/:id', quantity: 3, ü: 'ß "x"', fourth: 'dropped' });
  for (const name of ['dropped', 'cache.miss', 'retry']) root.addEvent(name, undefined, [1_790_000_000, 200_000_000]);
  root.setStatus({ code: SpanStatusCode.ERROR, message: 'out of stock' });
  const spans: Span[] = [root];
  for (const kind of [SpanKind.CLIENT, SpanKind.PRODUCER, SpanKind.CONSUMER, SpanKind.INTERNAL]) {
    const span = tracer.startSpan(
      `kind ${kind}`,
      { kind, startTime: [1_790_000_000, 300_000_000] },
      trace.setSpan(ROOT_CONTEXT, root),
    );
    if (kind === SpanKind.CLIENT) span.setStatus({ code: SpanStatusCode.OK });
    if (kind === SpanKind.PRODUCER) span.setStatus({ code: SpanStatusCode.ERROR });
    spans.push(span);
  }
  for (const span of spans.reverse()) span.end([1_790_000_001, 234_567_000]);
  const finished = kept.getFinishedSpans();
  const { code, error } = await new Promise<{ code: number; error?: Error }>((resolve) => {
    exporter.export([...finished], resolve);
  });
  assert.equal(code, 0, error?.message);
  await exporter.shutdown();
  return finished;
}

describe('the Zipkin receiver', () => {
  it('stores what the official exporter has exported', async () => {
    const exported = await exportOfficially();
    const stored = await fetchStoredTrace(server.uiUrl, exported[0]!.spanContext().traceId, exported.length);
    assert.equal(stored.size, exported.length);
    for (const span of exported) {
      const found = stored.get(span.name)!;
      const nanoseconds = ([seconds, nanos]: readonly [number, number]) => BigInt(seconds) * 10n ** 9n + BigInt(nanos);
      assert.equal(found.spanId, span.spanContext().spanId);
      assert.equal(found.parentSpanId, span.parentSpanContext?.spanId);
      // OTLP counts kinds from 1.
      assert.equal(found.kind, span.kind + 1, span.name);
      assert.equal(found.startNs, nanoseconds(span.startTime));
      assert.equal(BigInt(found.durationNs), nanoseconds(span.duration));
      assert.equal(found.statusCode, span.status.code);
      assert.equal(found.statusMessage, span.status.message ?? '');
      assert.deepEqual(
        found.attributes.map(({ key, value }) => [key, value]),
        Object.entries(span.attributes)
          .map(([key, value]) => [key, { type: 'string', value: String(value) }] as const)
          .sort(([a], [b]) => (a < b ? -1 : 1)),
      );
      assert.deepEqual(
        found.events.map(({ name, timeNs }) => [name, timeNs]),
        span.events.map(({ name, time }) => [name, nanoseconds(time)]),
      );
      assert.equal(found.droppedAttributesCount, span.droppedAttributesCount);
      assert.equal(found.droppedEventsCount, span.droppedEventsCount);
      assert.deepEqual(
        Object.fromEntries(found.resource.map(({ key, value }) => [key, value.type === 'string' && value.value])),
        span.resource.attributes,
      );
    }
  });

  it('answers 202 with nothing in it, for JSON, JSON with gzip, and for no spans at all', async () => {
    const span = JSON.stringify([{ traceId: 'a1', id: 'b1', name: 'get', timestamp: 1_790_000_000_000_000 }]);
    const answers = [
      await post(span),
      await post(span, { 'content-type': 'Application/JSON; charset=utf-8' }),
      await post(gzipSync(span), { 'content-type': 'application/json', 'content-encoding': 'gzip' }),
      await post('[]'),
      await post('', { 'content-type': 'application/x-protobuf' }),
    ];
    for (const { status, text } of answers) assert.deepEqual({ status, text }, { status: 202, text: '' });
    const stored = await fetchStoredTrace(server.uiUrl, 'a1'.padStart(32, '0'), 3);
    assert.equal(stored.get('get')!.service, 'unknown_service');
  });

  for (const type of [
    undefined,
    '',
    'text/plain',
    'application/x-www-form-urlencoded',
    'application/octet-stream',
    'x',
  ]) {
    it(`takes JSON with ${type === undefined ? 'no Content-Type' : `the Content-Type "${type}"`}, as Zipkin does`, async () => {
      const id = randomBytes(8).toString('hex');
      const span = JSON.stringify([{ traceId: id, id: 'b1', name: 'get', timestamp: 1_790_000_000_000_000 }]);
      // Not fetch, which has a type for every text.
      const request = httpRequest(`${server.zipkinUrl}/api/v2/spans`, {
        method: 'POST',
        headers: type === undefined ? {} : { 'content-type': type },
      });
      request.end(span);
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      response.resume();
      assert.equal(response.statusCode, 202);
      assert.ok((await fetchStoredTrace(server.uiUrl, id.padStart(32, '0'), 1)).has('get'));
    });
  }

  it('keeps the good spans of a request, and refuses one in which none is good', async () => {
    const good = { traceId: 'c1', id: 'd1', name: 'good', timestamp: 1_790_000_000_000_000 };
    const bad = { traceId: 'xyz', id: 'd2' };
    assert.equal((await post(JSON.stringify([bad, good, 5]))).status, 202);
    assert.ok((await fetchStoredTrace(server.uiUrl, 'c1'.padStart(32, '0'), 1)).has('good'));
    const refused = await post(JSON.stringify([bad, bad]));
    assert.equal(refused.status, 400);
    assert.equal(
      refused.text,
      'None of the 2 spans can be read. The first: traceId must be 1 to 32 hex digits, not all zero; got "xyz".\n',
    );
  });

  const json = { 'content-type': 'application/json' };
  for (const [what, send, status, message] of [
    ['text that is no JSON', () => post('[{"traceId":'), 400, /malformed JSON in line 1: the text ends in the middle/],
    [
      'JSON that is no array',
      () => post('{"traceId":"1"}'),
      400,
      /unexpected JSON in line 1: an array must be there; got an object/,
    ],
    [
      'bytes that are no protobuf',
      () => post('[]', { 'content-type': 'application/x-protobuf' }),
      400,
      /malformed protobuf at byte/,
    ],
    [
      'thrift, which says that it is none of both and is not JSON',
      () => post(Buffer.from([0x0c, 0, 0, 0, 1]), { 'content-type': 'application/x-thrift' }),
      400,
      /malformed JSON/,
    ],
    [
      'what a page of any origin can have a browser send',
      () => post('[]', { 'content-type': 'text/plain', origin: 'https://evil.example' }),
      415,
      /"text\/plain" is not Zipkin v2; send application\/json or application\/x-protobuf/,
    ],
    ['an unknown compression', () => post('[]', { ...json, 'content-encoding': 'br' }), 415, /"br" is not supported/],
    ['a byte too many', () => post(' '.repeat(maxRequestBytes + 1)), 413, /200001 bytes; the limit is 200000/],
    [
      'a body that is too large when decompressed',
      () => post(gzipSync(' '.repeat(maxRequestBytes + 1)), { ...json, 'content-encoding': 'gzip' }),
      413,
      /when decompressed; the limit is 200000/,
    ],
    ['the format v1', () => post('[]', json, '/api/v1/spans'), 404, /send the format v2 to POST \/api\/v2\/spans/],
    ['another address', () => post('[]', json, '/v1/traces'), 404, /nothing at \/v1\/traces.*POST \/api\/v2\/spans/],
  ] as const) {
    it(`refuses ${what} with ${status} and the reason`, async () => {
      const answer = await send();
      assert.equal(answer.status, status);
      assert.equal(answer.headers.get('content-type'), 'text/plain; charset=utf-8');
      assert.match(answer.text, message);
    });
  }

  it('takes a body of exactly the limit, and refuses another method with what is allowed', async () => {
    assert.equal((await post('[]'.padEnd(maxRequestBytes))).status, 202);
    const get = await fetch(`${server.zipkinUrl}/api/v2/spans`);
    assert.equal(get.status, 405);
    assert.equal(get.headers.get('allow'), 'POST');
  });

  it('answers 413 to a sender that never says how much it sends', async () => {
    const request = httpRequest(`${server.zipkinUrl}/api/v2/spans`, { method: 'POST', headers: json });
    for (let i = 0; i < 30; i++) request.write(' '.repeat(10_000));
    request.end();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    assert.equal(response.statusCode, 413);
    response.resume();
  });
});

describe('a Zipkin receiver whose spool is full', () => {
  it('asks the sender to come again later, with 503 and Retry-After', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'clew-zipkin-full-'));
    const full = await startServer(
      parseConfig({}, { dataDir, ...freePorts, spoolMaxBytes: 1_048_576, logLevel: 'silent' }),
    );
    try {
      // One block of spans that is larger than all that the spool may hold.
      const spans = Array.from({ length: 3_000 }, (_, i) => ({
        traceId: (i + 1).toString(16),
        id: '1',
        tags: { text: `${i} `.repeat(100) },
      }));
      const response = await fetch(`${full.zipkinUrl}/api/v2/spans`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(spans),
      });
      assert.equal(response.status, 503);
      assert.equal(response.headers.get('retry-after'), '1');
      assert.match(await response.text(), /its limit is 1048576 \(CLEW_SPOOL_MAX_BYTES\)/);
    } finally {
      await full.close();
      rmSync(dataDir, { recursive: true });
    }
  });

  it('takes spans from pages of an origin that may send them, which Jaeger does not', async () => {
    const headers = { origin: shop, 'access-control-request-method': 'POST', 'access-control-request-headers': 'b3' };
    const allowed = await fetch(`${server.zipkinUrl}/api/v2/spans`, { method: 'OPTIONS', headers });
    assert.equal(allowed.status, 204);
    assert.equal(allowed.headers.get('access-control-allow-origin'), shop);
    const posted = await post('[]', { 'content-type': 'application/json', origin: shop });
    assert.equal(posted.status, 202);
    assert.equal(posted.headers.get('access-control-allow-origin'), shop);
    const other = await fetch(`${server.jaegerUrl}/api/traces`, { method: 'OPTIONS', headers });
    assert.equal(other.status, 405);
    assert.equal(other.headers.get('access-control-allow-origin'), null);
  });
});

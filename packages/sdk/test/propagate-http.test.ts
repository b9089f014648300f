import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, get, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { after, afterEach, before, test } from 'node:test';
import { context, propagation, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { startTracing, type Tracing, type TracingOptions } from '#src/index.js';
import { matchHosts } from '#src/propagate/baggage-hosts.js';
import { kind, type SinkSpan } from './otlp-decoding.js';
import { OtlpSink } from './otlp-sink.js';

const traceId = '80f198ee56343ba864fe8b2a57d3eff7';
const spanId = 'e457b5a2e4d86bd1';

let sink: OtlpSink;
let tracing: Tracing;
let seen: IncomingHttpHeaders;
let port: number;

const server = createServer((incoming, response) => {
  seen = incoming.headers;
  response.end('ok');
});

before(async () => {
  process.env.OTEL_LOG_LEVEL = 'error';
  sink = await OtlpSink.start();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
});
after(async () => {
  await sink.close();
  server.closeAllConnections();
  server.close();
});
afterEach(async () => {
  await tracing?.shutdown();
  delete process.env.OTEL_PROPAGATORS;
  delete process.env.CLEW_BAGGAGE_HOSTS;
  delete process.env.OTEL_TRACES_SAMPLER;
  sink.clear();
});

function start(options: TracingOptions = {}): void {
  tracing = startTracing({ export: { url: `${sink.endpoint}/v1/traces`, delayMs: 1 }, ...options });
}

async function getOnce(url: string): Promise<void> {
  const [response] = (await once(get(url), 'response')) as [IncomingMessage];
  for await (const _chunk of response);
}

/** A request without a client that is traced. */
async function askPlainly(head: string): Promise<void> {
  const socket = connect(port, '127.0.0.1').end(`GET /in HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${head}\r\n`);
  for await (const _chunk of socket);
}

const clients: readonly [name: string, send: (url: string) => Promise<void>][] = [
  ['node:http', getOnce],
  ['fetch', async (url) => void (await (await fetch(url)).text())],
];

for (const [name, send] of clients) {
  test(`${name}: OTEL_PROPAGATORS sends all that it names, and nothing else`, async () => {
    process.env.OTEL_PROPAGATORS = 'b3,b3multi,xray,jaeger';
    start();
    const incoming = propagation.extract(ROOT_CONTEXT, { b3: `${traceId}-${spanId}-1`, 'uberctx-user': 'alice' });
    await context.with(incoming, () => send(`http://127.0.0.1:${port}/`));
    const [span] = await sink.waitFor((spans) => spans.some(isClient)).then((spans) => spans.filter(isClient));
    assert.equal(span!.traceId, traceId);
    assert.equal(span!.parentSpanId, spanId);
    assert.equal(seen.b3, `${traceId}-${span!.spanId}-1`);
    assert.equal(seen['x-b3-traceid'], traceId);
    assert.equal(seen['x-b3-spanid'], span!.spanId);
    assert.equal(seen['x-b3-sampled'], '1');
    assert.equal(seen['uber-trace-id'], `${traceId}:${span!.spanId}:0:01`);
    assert.equal(seen['uberctx-user'], 'alice');
    const root = `1-${traceId.slice(0, 8)}-${traceId.slice(8)}`;
    assert.equal(seen['x-amzn-trace-id'], `Root=${root};Parent=${span!.spanId};Sampled=1`);
    assert.deepEqual([seen.traceparent, seen.baggage], [undefined, undefined]);
  });

  test(`${name}: baggage goes to the hosts that are allowed, and the trace to all`, async () => {
    start({ baggageHosts: ['127.0.0.1', '*.example.com'] });
    const incoming = propagation.extract(ROOT_CONTEXT, { baggage: 'user=alice' });
    await context.with(incoming, () => send(`http://127.0.0.1:${port}/`));
    assert.equal(seen.baggage, 'user=alice');
    await context.with(incoming, () => send(`http://localhost:${port}/`));
    assert.equal(seen.baggage, undefined);
    assert.match(String(seen.traceparent), /^00-/);
  });

  test(`${name}: a Host header does not let baggage out`, async () => {
    process.env.CLEW_BAGGAGE_HOSTS = 'api.example.com';
    start();
    const incoming = propagation.extract(ROOT_CONTEXT, { baggage: 'user=alice' });
    const headers = { host: 'api.example.com' };
    await context.with(incoming, async () => {
      if (name === 'fetch') await (await fetch(`http://127.0.0.1:${port}/`, { headers })).text();
      else await once(get(`http://127.0.0.1:${port}/`, { headers }), 'response');
    });
    assert.equal(seen.baggage, undefined);
  });
}

const incoming: readonly [propagators: string, head: string, parent: string | undefined][] = [
  ['b3', `b3: ${traceId}-${spanId}-1\r\n`, spanId],
  ['b3', `X-B3-TraceId: ${traceId}\r\nX-B3-SpanId: ${spanId}\r\nX-B3-Sampled: 1\r\n`, spanId],
  ['b3', `b3: ${traceId}-${spanId}\r\n`, spanId],
  ['jaeger', `uber-trace-id: ${traceId}:${spanId}:0:1\r\n`, spanId],
  ['xray', `X-Amzn-Trace-Id: Root=1-80f198ee-56343ba864fe8b2a57d3eff7;Parent=${spanId};Sampled=1\r\n`, spanId],
  ['jaeger', `b3: ${traceId}-${spanId}-1\r\n`, undefined],
  ['none', `traceparent: 00-${traceId}-${spanId}-01\r\n`, undefined],
];
for (const [propagators, head, parent] of incoming) {
  test(`with ${propagators} a server continues ${parent === undefined ? 'nothing' : 'the trace'} of ${head.trim()}`, async () => {
    process.env.OTEL_PROPAGATORS = propagators;
    start();
    await askPlainly(head);
    const [span] = await sink.waitFor(1);
    assert.equal(span!.parentSpanId, parent ?? '');
    assert.equal(span!.traceId === traceId, parent !== undefined);
  });
}

test('a caller that decided against sampling is followed, one that left it open is not', async () => {
  process.env.OTEL_PROPAGATORS = 'b3';
  start();
  await askPlainly(`b3: ${traceId}-${'1'.repeat(16)}-0\r\n`);
  await askPlainly(`b3: ${traceId}-${'2'.repeat(16)}\r\n`);
  const spans = await sink.waitFor(1);
  assert.deepEqual(
    spans.map((span) => span.parentSpanId),
    ['2'.repeat(16)],
  );
});

test('the baggage that a span of the api is in becomes attributes of it, its own attributes come first', async () => {
  start({ baggageAttributes: ['user', 'tier'] });
  const given = propagation.extract(ROOT_CONTEXT, { baggage: 'user=alice,tier=gold,secret=1' });
  const tracer = trace.getTracer('test');
  tracer.startSpan('plain', {}, given).end();
  tracer.startSpan('own', { attributes: { tier: 'own', n: 1 } }, given).end();
  tracer.startSpan('none', { attributes: { n: 1 } }, ROOT_CONTEXT).end();
  const spans = await sink.waitFor(3);
  assert.deepEqual(
    spans.map(({ attributes }) => attributes),
    [{ user: 'alice', tier: 'gold' }, { user: 'alice', tier: 'own', n: 1 }, { n: 1 }],
  );
});

test('hosts are matched by name, by what lies below a domain, and by nothing less', () => {
  const matches = matchHosts(['Api.internal', '*.example.com', '::1'])!;
  for (const host of ['api.internal', 'API.INTERNAL', 'a.example.com', 'a.b.example.com', '::1', '[::1]']) {
    assert.equal(matches(host), true, host);
  }
  for (const host of [
    'example.com',
    'badexample.com',
    '.example.com',
    'a.example.com.evil.org',
    'x.api.internal',
    '',
  ]) {
    assert.equal(matches(host), false, host);
  }
  assert.equal(matchHosts([])!('anything'), false);
  assert.equal(matchHosts(['a', '*']), undefined);
});

function isClient(span: SinkSpan): boolean {
  return span.kind === kind.client;
}

import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  type ClientRequest,
  createServer,
  get,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request,
} from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { after, before, beforeEach, test } from 'node:test';
import { startTracing, type Tracing } from '@clew/sdk';
import { context, propagation, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { kind, type SinkSpan } from './otlp-decoding.js';
import { OtlpSink } from './otlp-sink.js';

let sink: OtlpSink;
let tracing: Tracing;
let seen: IncomingHttpHeaders;

// Taken before tracing starts, as an app does that loads us late.
const sendEarly = request;

const server = createServer((incoming, response) => {
  seen = incoming.headers;
  const path = incoming.url ?? '';
  if (path.startsWith('/hang')) return;
  if (path === '/redirect') response.writeHead(302, { location: '/ok' }).end();
  else if (path === '/break') {
    response.writeHead(200, { 'content-length': '1000' });
    response.write('half', () => response.destroy());
  } else response.writeHead(path === '/ok' || path.startsWith('/?') ? 200 : Number(path.slice(1))).end('text');
});
let base: string;
let port: number;

before(async () => {
  process.env.OTEL_LOG_LEVEL = 'error';
  sink = await OtlpSink.start();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
  base = `http://127.0.0.1:${port}`;
  tracing = startTracing({ export: { url: `${sink.endpoint}/v1/traces`, delayMs: 1 }, baggageAttributes: ['user-id'] });
});
after(async () => {
  await tracing.shutdown();
  await sink.close();
  server.closeAllConnections();
  server.close();
});
beforeEach(() => sink.clear());

/** The client's span; the server in this process has one too. */
async function clientSpan(): Promise<SinkSpan> {
  const isClient = (span: SinkSpan): boolean => span.kind === kind.client;
  const spans = (await sink.waitFor((list) => list.some(isClient))).filter(isClient);
  assert.equal(spans.length, 1);
  return spans[0]!;
}

async function drain(outgoing: ClientRequest): Promise<void> {
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  for await (const _chunk of response);
}

test('a request of node:http becomes a span with the attributes of the stable HTTP conventions', async () => {
  await drain(get(`http://user:pass@127.0.0.1:${port}/?a=1&Signature=secret&b=2`));
  const span = await clientSpan();
  assert.equal(span.name, 'GET');
  assert.deepEqual(span.attributes, {
    'http.request.method': 'GET',
    'server.address': '127.0.0.1',
    'server.port': port,
    'url.full': `${base}/?a=1&Signature=REDACTED&b=2`,
    'http.response.status_code': 200,
    'network.peer.address': '127.0.0.1',
    'network.peer.port': port,
    'network.protocol.version': '1.1',
  });
  assert.equal(seen.traceparent, `00-${span.traceId}-${span.spanId}-03`);
});

test('a request of fetch becomes a span with the attributes of the stable HTTP conventions', async () => {
  await (await fetch(`${base}/?a=1&sig=secret`, { method: 'POST', body: 'x' })).text();
  const span = await clientSpan();
  assert.equal(span.name, 'POST');
  assert.deepEqual(span.attributes, {
    'http.request.method': 'POST',
    'server.address': '127.0.0.1',
    'server.port': port,
    'url.full': `${base}/?a=1&sig=REDACTED`,
    'http.response.status_code': 200,
    'network.peer.address': '127.0.0.1',
    'network.peer.port': port,
    'network.protocol.version': '1.1',
  });
  assert.equal(seen.traceparent, `00-${span.traceId}-${span.spanId}-03`);
});

const clients: readonly [name: string, send: (path: string) => Promise<void>][] = [
  ['node:http', (path) => drain(get(base + path))],
  ['a function of node:http that was taken before tracing began', (path) => drain(sendEarly(base + path).end())],
  ['fetch', async (path) => void (await (await fetch(base + path)).text())],
];
for (const [name, send] of clients) {
  test(`${name}: context, state and baggage travel with the request`, async () => {
    const incoming = propagation.extract(ROOT_CONTEXT, {
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      tracestate: 'a=1,b=2',
      baggage: 'user-id=al%20ice;p=1,other=2',
    });
    await context.with(incoming, () => send('/ok'));
    const span = await clientSpan();
    assert.equal(span.traceId, '0af7651916cd43dd8448eb211c80319c');
    assert.equal(span.parentSpanId, 'b7ad6b7169203331');
    assert.equal(seen.traceparent, `00-${span.traceId}-${span.spanId}-01`);
    assert.equal(seen.tracestate, 'a=1,b=2');
    assert.equal(seen.baggage, 'user-id=al%20ice;p=1,other=2');
    assert.equal(span.attributes['user-id'], 'al ice');
  });

  test(`${name}: an answer from 400 is an error, 399 is none`, async () => {
    for (const [status, code] of [
      [399, 0],
      [400, 2],
      [500, 2],
    ] as const) {
      sink.clear();
      await send(`/${status}`);
      const span = await clientSpan();
      assert.equal(span.status.code, code);
      assert.equal(span.attributes['error.type'], code === 2 ? String(status) : undefined);
    }
  });

  test(`${name}: an unsampled trace goes on unsampled and unrecorded`, async () => {
    const parent = {
      traceId: '0af7651916cd43dd8448eb211c80319c',
      spanId: 'b7ad6b7169203331',
      traceFlags: 0,
      isRemote: true,
    };
    await context.with(trace.setSpanContext(ROOT_CONTEXT, parent), () => send('/ok'));
    assert.match(
      seen.traceparent as string,
      /^00-0af7651916cd43dd8448eb211c80319c-(?!b7ad6b7169203331)[0-9a-f]{16}-00$/,
    );
    await tracing.forceFlush();
    assert.deepEqual(sink.spans, []);
  });
}

test('headers that the app gives as an array are sent with ours', async () => {
  const flat = ['Host', '127.0.0.1', 'X-App', '1', 'traceparent', 'stale'];
  for (const headers of [
    flat,
    [
      ['Host', 'a'],
      ['X-App', '1'],
      ['traceparent', 'stale'],
    ],
  ]) {
    sink.clear();
    await drain(request(`${base}/ok`, { headers: headers as never }).end());
    const span = await clientSpan();
    assert.equal(seen['x-app'], '1');
    assert.match(seen.traceparent as string, new RegExp(`${span.spanId}-03$`));
  }
});

test('a traceparent that the app sets itself gives way to that of the span', async () => {
  const headers = { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' };
  await drain(get(`${base}/ok`, { headers }));
  const first = await clientSpan();
  assert.equal(seen.traceparent, `00-${first.traceId}-${first.spanId}-03`);
  sink.clear();
  await (await fetch(`${base}/ok`, { headers })).text();
  const second = await clientSpan();
  assert.equal(seen.traceparent, `00-${second.traceId}-${second.spanId}-03`);
});

test('a body that is written in pieces arrives whole, and the span lasts until the answer is read', async () => {
  const outgoing = request(`${base}/ok`, { method: 'PUT' });
  outgoing.write('first');
  outgoing.end('second');
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  const readAtNs = BigInt(Date.now()) * 1_000_000n;
  await new Promise((resolve) => setTimeout(resolve, 20));
  for await (const _chunk of response);
  const span = await clientSpan();
  assert.equal(span.name, 'PUT');
  assert.ok(span.endNs - readAtNs > 10_000_000n);
});

test('a refused connection is an error, with its code', async () => {
  const closed = createTcpServer().listen(0, '127.0.0.1');
  await once(closed, 'listening');
  const closedPort = (closed.address() as AddressInfo).port;
  await new Promise((resolve) => closed.close(resolve));
  await assert.rejects(drain(get({ port: closedPort, host: '127.0.0.1' })));
  const span = await clientSpan();
  assert.equal(span.status.code, 2);
  assert.equal(span.attributes['error.type'], 'ECONNREFUSED');
  sink.clear();
  await assert.rejects(fetch(`http://127.0.0.1:${closedPort}/`));
  const second = await clientSpan();
  assert.equal(second.status.code, 2);
  assert.equal(second.attributes['error.type'], 'ECONNREFUSED');
});

test('a request that the app aborts is no error', async () => {
  const controller = new AbortController();
  const firstArrival = once(server, 'request');
  const outgoing = get(`${base}/hang`, { signal: controller.signal });
  const drained = drain(outgoing);
  await firstArrival;
  controller.abort();
  await assert.rejects(drained, { name: 'AbortError' });
  assert.equal((await clientSpan()).status.code, 0);
  sink.clear();
  const second = new AbortController();
  const arrival = once(server, 'request');
  const pending = fetch(`${base}/hang`, { signal: second.signal });
  await arrival;
  second.abort();
  await assert.rejects(pending, { name: 'AbortError' });
  assert.equal((await clientSpan()).status.code, 0);
});

test('an answer that breaks off is an error', async () => {
  await assert.rejects(drain(get(`${base}/break`)));
  const span = await clientSpan();
  assert.equal(span.attributes['http.response.status_code'], 200);
  assert.equal(span.status.code, 2);
  assert.equal(span.attributes['error.type'], 'ECONNRESET');
});

test('a redirect is two attempts with a span each, in one trace', async () => {
  await trace.getTracer('test').startActiveSpan('both', async (span) => {
    await (await fetch(`${base}/redirect`)).text();
    span.end();
  });
  const spans = await sink.waitFor((list) => list.filter((span) => span.kind === kind.client).length === 2);
  const attempts = spans.filter((span) => span.kind === kind.client);
  assert.deepEqual(attempts.map((span) => span.attributes['http.response.status_code']).sort(), [200, 302]);
  assert.equal(new Set(attempts.map((span) => span.traceId)).size, 1);
});

test('without a listener for the response its body is thrown away as ever, and the span ends', async () => {
  const outgoing = request(`${base}/ok`).end();
  await once(outgoing, 'close');
  assert.equal((await clientSpan()).attributes['http.response.status_code'], 200);
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  createSecureServer,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import { get } from 'node:https';
import type { AddressInfo } from 'node:net';
import { after, before, beforeEach, type TestContext, test } from 'node:test';
import { startTracing, type Tracing } from '@clew/sdk';
import { context, createContextKey, propagation, trace } from '@opentelemetry/api';
import Koa from 'koa';
import { kind, type SinkSpan } from './otlp-decoding.js';
import { OtlpSink } from './otlp-sink.js';
import { makeCertificate } from './tls-certificate.js';

const traceId = '0af7651916cd43dd8448eb211c80319c';
const spanId = 'b7ad6b7169203331';

let sink: OtlpSink;
let tracing: Tracing;

before(async () => {
  process.env.OTEL_LOG_LEVEL = 'error';
  sink = await OtlpSink.start();
  tracing = startTracing({ export: { url: `${sink.endpoint}/v1/traces`, delayMs: 1 } });
});
after(async () => {
  await tracing.shutdown();
  await sink.close();
});
beforeEach(() => sink.clear());

/** Starts the server and a client for it. */
async function connectTo(t: TestContext, server: Http2Server, scheme = 'http'): Promise<ClientHttp2Session> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const session = connect(`${scheme}://127.0.0.1:${port}`, { rejectUnauthorized: false });
  t.after(() => {
    session.destroy();
    server.close();
  });
  return session;
}

interface Answer {
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** Without a span of the client: these tests are about the server's. */
function untraced<Result>(run: () => Result): Result {
  return context.with(context.active().setValue(suppressKey, true), run);
}

const suppressKey = createContextKey('OpenTelemetry SDK Context Key SUPPRESS_TRACING');

async function ask(session: ClientHttp2Session, headers: OutgoingHttpHeaders, body?: string): Promise<Answer> {
  const stream = untraced(() => session.request(headers, { endStream: body === undefined }));
  if (body !== undefined) stream.end(body);
  const [answer] = (await once(stream, 'response')) as [IncomingHttpHeaders];
  let text = '';
  for await (const chunk of stream.setEncoding('utf8')) text += chunk as string;
  return { headers: answer, text };
}

async function onlySpan(): Promise<SinkSpan> {
  const spans = await sink.waitFor(1);
  assert.equal(spans.length, 1);
  return spans[0]!;
}

test('a stream becomes a span with the attributes of the stable HTTP conventions', async (t) => {
  const server = createServer((_request, response) => response.end('ok'));
  const session = await connectTo(t, server);
  const { headers } = await ask(session, {
    ':path': '/orders/1?page=2&sig=secret',
    ':authority': 'shop.example:8080',
    'user-agent': 'test/1.0',
  });
  const span = await onlySpan();
  assert.equal(span.name, 'GET');
  assert.equal(span.kind, kind.server);
  assert.deepEqual(span.attributes, {
    'http.request.method': 'GET',
    'url.path': '/orders/1',
    'url.query': 'page=2&sig=REDACTED',
    'url.scheme': 'http',
    'server.address': 'shop.example',
    'server.port': 8080,
    'client.address': '127.0.0.1',
    'network.peer.address': '127.0.0.1',
    'network.peer.port': session.socket.localPort,
    'network.protocol.version': '2',
    'user_agent.original': 'test/1.0',
    'http.response.status_code': 200,
  });
  assert.equal(span.status.code, 0);
  const id = `00-${span.traceId}-${span.spanId}-03`;
  assert.equal(headers.traceresponse, id);
  assert.equal(headers['server-timing'], `trace;desc=${id}`);
  assert.equal(headers['access-control-expose-headers'], undefined);
});

test('a server over TLS has the scheme https, and speaks HTTP/1 with a span of its own', async (t) => {
  const server = createSecureServer({ ...makeCertificate(), allowHTTP1: true }, (_request, response) =>
    response.end('ok'),
  );
  const session = await connectTo(t, server, 'https');
  await ask(session, { ':path': '/two' });
  const { port } = server.address() as AddressInfo;
  assert.deepEqual(
    (await sink.waitFor(1)).map(({ attributes }) => [
      attributes['url.path'],
      attributes['url.scheme'],
      attributes['server.port'],
      attributes['network.protocol.version'],
    ]),
    [['/two', 'https', port, '2']],
  );
  sink.clear();
  const outgoing = get({ port, host: '127.0.0.1', path: '/one', rejectUnauthorized: false });
  const [response] = await once(outgoing, 'response');
  for await (const _chunk of response);
  const spans = await sink.waitFor(2);
  const served = spans.filter((span) => span.kind === kind.server);
  assert.deepEqual(
    served.map(({ attributes }) => [
      attributes['url.path'],
      attributes['url.scheme'],
      attributes['network.protocol.version'],
    ]),
    [['/one', 'https', '1.1']],
  );
});

test('the trace and the baggage of the caller are continued', async (t) => {
  let user: string | undefined;
  const server = createServer((_request, response) => {
    user = propagation.getActiveBaggage()?.getEntry('user-id')?.value;
    response.end();
  });
  const session = await connectTo(t, server);
  await ask(session, {
    traceparent: `00-${traceId}-${spanId}-01`,
    tracestate: 'a=1',
    baggage: 'user-id=al%20ice',
  });
  const span = await onlySpan();
  assert.equal(span.traceId, traceId);
  assert.equal(span.parentSpanId, spanId);
  assert.equal(span.traceState, 'a=1');
  assert.equal(user, 'al ice');
});

test('streams of one session that are open at the same time keep their own context, in all of their events', async (t) => {
  const seen: Record<string, (string | undefined)[]> = {};
  const note = (path: string): void => {
    seen[path] = [...(seen[path] ?? []), trace.getActiveSpan()?.spanContext().spanId];
  };
  const server = createServer((request, response) => {
    const path = request.url;
    note(path);
    request.on('data', () => note(path));
    request.on('end', () => {
      note(path);
      setTimeout(() => response.end('ok'), 5);
    });
    response.on('finish', () => note(path));
    response.on('close', () => note(path));
    request.stream.on('close', () => note(path));
  });
  const session = await connectTo(t, server);
  await Promise.all(['/a', '/b', '/c'].map((path) => ask(session, { ':path': path, ':method': 'POST' }, 'body')));
  const spans = await sink.waitFor(3);
  for (const span of spans) {
    const path = span.attributes['url.path'] as string;
    assert.ok(seen[path]!.length >= 6, path);
    assert.deepEqual(new Set(seen[path]), new Set([span.spanId]), path);
  }
});

test("an app that listens for 'stream' runs in the context, and its headers stay", async (t) => {
  const server = createServer();
  server.on('stream', (stream) => {
    stream.respond({ ':status': 201, 'Server-Timing': 'db;dur=1' } as OutgoingHttpHeaders);
    stream.end(trace.getActiveSpan()?.spanContext().spanId);
  });
  const session = await connectTo(t, server);
  const { headers, text } = await ask(session, { origin: 'https://app.example' });
  const span = await onlySpan();
  assert.equal(text, span.spanId);
  assert.equal(span.attributes['http.response.status_code'], 201);
  assert.equal(headers[':status'], 201);
  assert.equal(headers['server-timing'], `db;dur=1, trace;desc=00-${span.traceId}-${span.spanId}-03`);
  assert.equal(headers['access-control-expose-headers'], 'Server-Timing, traceresponse');
});

test('server errors are errors, client errors are not', async (t) => {
  const server = createServer((request, response) => {
    response.writeHead(Number(request.url.slice(1)));
    response.end();
  });
  const session = await connectTo(t, server);
  for (const [status, code] of [
    [499, 0],
    [500, 2],
  ] as const) {
    sink.clear();
    await ask(session, { ':path': `/${status}` });
    const span = await onlySpan();
    assert.equal(span.status.code, code);
    assert.equal(span.attributes['error.type'], code === 2 ? '500' : undefined);
  }
});

test('a stream that the client cancels ends its span, without an error of the server', async (t) => {
  const server = createServer();
  const session = await connectTo(t, server);
  const arrival = once(server, 'request');
  const stream: ClientHttp2Stream = untraced(() => session.request({ ':path': '/slow' }));
  stream.on('error', () => undefined);
  await arrival;
  stream.close(constants.NGHTTP2_CANCEL);
  const span = await onlySpan();
  assert.equal(span.attributes['http.response.status_code'], undefined);
  assert.equal(span.attributes['error.type'], 'client_disconnected');
  assert.equal(span.status.code, 0);
});

const streamBreaks: readonly [what: string, answer: (stream: ServerHttp2Stream) => void, type: string][] = [
  ['closes it with a code', (stream) => stream.close(constants.NGHTTP2_CANCEL), 'response_aborted'],
  [
    'closes it with a code after the head',
    (stream) => {
      stream.respond({ ':status': 200 });
      stream.write('half', () => stream.close(constants.NGHTTP2_INTERNAL_ERROR));
    },
    'response_aborted',
  ],
  ['destroys it', (stream) => stream.destroy(), 'response_aborted'],
  ['destroys it with an error', (stream) => stream.destroy(new RangeError('no')), 'RangeError'],
];
for (const [what, answer, type] of streamBreaks) {
  test(`a server that breaks a stream off (${what}) has failed, and does not blame the client`, async (t) => {
    const server = createServer();
    server.on('stream', (stream) => {
      stream.on('error', () => undefined);
      answer(stream);
    });
    const session = await connectTo(t, server);
    untraced(() => session.request({ ':path': '/' }))
      .on('error', () => undefined)
      .resume();
    const span = await onlySpan();
    assert.equal(span.attributes['error.type'], type);
    assert.equal(span.status.code, 2);
  });
}

test('a stream that the client resets with a code of failure is still its doing', async (t) => {
  const server = createServer();
  server.on('stream', (stream) => stream.on('error', () => undefined));
  const session = await connectTo(t, server);
  const arrival = once(server, 'stream');
  const stream: ClientHttp2Stream = untraced(() => session.request({ ':path': '/slow' }));
  stream.on('error', () => undefined);
  await arrival;
  stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  const span = await onlySpan();
  assert.equal(span.attributes['error.type'], 'client_disconnected');
  assert.equal(span.status.code, 0);
});

test('an unsampled stream is not recorded, and its trace goes on', async (t) => {
  const server = createServer((_request, response) =>
    response.end(String(trace.getActiveSpan()?.spanContext().traceId)),
  );
  const session = await connectTo(t, server);
  const { text } = await ask(session, { traceparent: `00-${traceId}-${spanId}-00` });
  assert.equal(text, traceId);
  await tracing.forceFlush();
  assert.deepEqual(sink.spans, []);
});

test('a call of gRPC is left to its own instrumentation', async (t) => {
  const server = createServer((_request, response) => response.end(String(trace.getActiveSpan() === undefined)));
  const session = await connectTo(t, server);
  const { text } = await ask(session, { ':method': 'POST', 'content-type': 'application/grpc+proto' }, 'x');
  assert.equal(text, 'true');
  await tracing.forceFlush();
  assert.deepEqual(sink.spans, []);
});

test('a framework gives its route over HTTP/2 as well', async (t) => {
  const app = new Koa();
  app.use((context) => {
    Object.assign(context, { matched: [{ path: '/orders/:id', methods: ['GET'] }] });
    context.body = 'ok';
  });
  const session = await connectTo(t, createServer(app.callback() as never));
  await ask(session, { ':path': '/orders/7' });
  const span = await onlySpan();
  assert.equal(span.name, 'GET /orders/:id');
  assert.equal(span.attributes['http.route'], '/orders/:id');
});

test('a server that listens again has one span a stream still', async (t) => {
  const server = createServer((_request, response) => response.end());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  await new Promise((resolve) => server.close(resolve));
  const session = await connectTo(t, server);
  await ask(session, {});
  await tracing.forceFlush();
  await onlySpan();
});

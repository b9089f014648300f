import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  Agent,
  createServer,
  get,
  type IncomingMessage,
  type RequestListener,
  request,
  type ServerResponse,
} from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { pipeline, Readable } from 'node:stream';
import { after, before, beforeEach, type TestContext, test } from 'node:test';
import { startTracing, type Tracing } from '@clew/sdk';
import { propagation, trace } from '@opentelemetry/api';
import express from 'express';
import { fastify } from 'fastify';
import { kind, type SinkSpan } from './otlp-decoding.js';
import { OtlpSink } from './otlp-sink.js';

const traceId = '0af7651916cd43dd8448eb211c80319c';
const spanId = 'b7ad6b7169203331';

let sink: OtlpSink;
let tracing: Tracing;

before(async () => {
  process.env.OTEL_LOG_LEVEL = 'error';
  sink = await OtlpSink.start();
  tracing = startTracing({
    export: { url: `${sink.endpoint}/v1/traces`, delayMs: 1 },
    baggageAttributes: ['user-id', 'absent'],
  });
});
after(async () => {
  await tracing.shutdown();
  await sink.close();
});
beforeEach(() => sink.clear());

async function serve(t: TestContext, listener: RequestListener): Promise<number> {
  const server = createServer(listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly rawHeaders: readonly string[];
  readonly text: string;
}

/** Sends a request as it is, without a client that is traced. */
async function ask(port: number, head: string): Promise<Answer> {
  const socket = connect(port, '127.0.0.1');
  socket.end(`${head.replaceAll('\n', '\r\n')}\r\nHost: shop.example:8080\r\nConnection: close\r\n\r\n`);
  let raw = '';
  for await (const chunk of socket.setEncoding('latin1')) raw += chunk as string;
  const [top = '', text = ''] = raw.split('\r\n\r\n', 2);
  const [first = '', ...lines] = top.split('\r\n');
  const rawHeaders = lines.flatMap((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]);
  const headers: Record<string, string> = {};
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!.toLowerCase();
    headers[name] = name in headers ? `${headers[name]}, ${rawHeaders[index + 1]}` : rawHeaders[index + 1]!;
  }
  return { status: Number(first.split(' ')[1]), headers, rawHeaders, text };
}

async function onlySpan(): Promise<SinkSpan> {
  const spans = await sink.waitFor(1);
  assert.equal(spans.length, 1);
  return spans[0]!;
}

test('a request becomes a span with the attributes of the stable HTTP conventions', async (t) => {
  const port = await serve(t, (_request, response) => response.end('ok'));
  await ask(port, 'GET /orders/1?page=2&sig=secret HTTP/1.1\nUser-Agent: test/1.0');
  const span = await onlySpan();
  assert.equal(span.name, 'GET');
  assert.equal(span.kind, kind.server);
  assert.equal(span.scope, '@clew/sdk');
  assert.deepEqual(span.attributes, {
    'http.request.method': 'GET',
    'url.path': '/orders/1',
    'url.query': 'page=2&sig=REDACTED',
    'url.scheme': 'http',
    'server.address': 'shop.example',
    'server.port': 8080,
    'client.address': '127.0.0.1',
    'network.peer.address': '127.0.0.1',
    'network.peer.port': span.attributes['network.peer.port'],
    'network.protocol.version': '1.1',
    'user_agent.original': 'test/1.0',
    'http.response.status_code': 200,
  });
  assert.deepEqual(span.status, { code: 0, message: '' });
  assert.equal(span.parentSpanId, '');
  assert.equal(span.flags, 0x103);
  assert.ok(span.endNs > span.startNs);
  const nowNs = BigInt(Date.now()) * 1_000_000n;
  assert.ok(nowNs - span.endNs < 5_000_000_000n && nowNs - span.endNs > -5_000_000_000n);
});

test('the trace of the caller is continued, with its flags, state and baggage', async (t) => {
  let seen: unknown;
  const port = await serve(t, (_request, response) => {
    seen = propagation.getActiveBaggage()?.getEntry('user-id');
    response.end();
  });
  await ask(
    port,
    `GET / HTTP/1.1\nTraceparent: 00-${traceId}-${spanId}-01\ntracestate: a=1\nTraceState: b=2\nbaggage: user-id=al%20ice;p=1`,
  );
  const span = await onlySpan();
  assert.equal(span.traceId, traceId);
  assert.equal(span.parentSpanId, spanId);
  assert.equal(span.traceState, 'a=1,b=2');
  assert.equal(span.flags, 0x301);
  assert.equal(span.attributes['user-id'], 'al ice');
  assert.equal('absent' in span.attributes, false);
  assert.equal((seen as { value: string }).value, 'al ice');
  assert.equal(String((seen as { metadata: unknown }).metadata), 'p=1');
});

test('a second traceparent restarts the trace, a bad tracestate does not', async (t) => {
  const port = await serve(t, (_request, response) => response.end());
  await ask(port, `GET / HTTP/1.1\ntraceparent: 00-${traceId}-${spanId}-01\ntraceparent: 00-${traceId}-${spanId}-01`);
  assert.notEqual((await onlySpan()).traceId, traceId);
  sink.clear();
  await ask(port, `GET / HTTP/1.1\ntraceparent: 00-${traceId}-${spanId}-01\ntracestate: BAD`);
  const span = await onlySpan();
  assert.equal(span.traceId, traceId);
  assert.equal(span.traceState, '');
});

test('a caller that was not sampled is not recorded, and its trace goes on with the flag unset', async (t) => {
  const port = await serve(t, (_request, response) => {
    const context = trace.getActiveSpan()?.spanContext();
    response.end(`${context?.traceId} ${context?.traceFlags}`);
  });
  const { text, headers } = await ask(port, `GET / HTTP/1.1\ntraceparent: 00-${traceId}-${spanId}-02`);
  assert.equal(text.includes(`${traceId} 2`), true);
  assert.match(headers.traceresponse as string, new RegExp(`^00-${traceId}-(?!${spanId})[0-9a-f]{16}-02$`));
  await tracing.forceFlush();
  assert.equal(sink.spans.length, 0);
});

test('server errors are errors, client errors are not', async (t) => {
  const port = await serve(t, (request, response) => response.writeHead(Number(request.url!.slice(1))).end());
  for (const [status, code] of [
    [499, 0],
    [500, 2],
    [599, 2],
  ] as const) {
    sink.clear();
    await ask(port, `GET /${status} HTTP/1.1`);
    const span = await onlySpan();
    assert.equal(span.status.code, code);
    assert.equal(span.attributes['http.response.status_code'], status);
    assert.equal(span.attributes['error.type'], code === 2 ? String(status) : undefined);
  }
});

test('a method outside the known ones is _OTHER, and the span is called HTTP', async (t) => {
  const port = await serve(t, (_request, response) => response.end());
  await ask(port, 'PURGE / HTTP/1.1');
  const span = await onlySpan();
  assert.equal(span.name, 'HTTP');
  assert.equal(span.attributes['http.request.method'], '_OTHER');
  assert.equal(span.attributes['http.request.method_original'], 'PURGE');
});

test('the client is the first address that proxies name; a Host without a port has that of the scheme', async (t) => {
  const port = await serve(t, (_request, response) => response.end());
  const socket = connect(port, '127.0.0.1');
  socket.end(
    'GET http://proxied.example/path?q HTTP/1.1\r\nHost: [::1]\r\nX-Forwarded-For: 203.0.113.7, 10.0.0.1\r\nConnection: close\r\n\r\n',
  );
  socket.resume();
  const { attributes } = await onlySpan();
  assert.equal(attributes['client.address'], '203.0.113.7');
  assert.equal(attributes['server.address'], '::1');
  assert.equal(attributes['server.port'], 80);
  assert.equal(attributes['url.path'], '/path');
  assert.equal(attributes['url.query'], 'q');
});

test('a client that goes away ends the span, without a status and without an error of the server', async (t) => {
  let arrived = (): void => undefined;
  const arrival = new Promise<void>((resolve) => {
    arrived = resolve;
  });
  const port = await serve(t, () => arrived());
  const socket = connect(port, '127.0.0.1');
  socket.write('GET /slow HTTP/1.1\r\nHost: a\r\n\r\n');
  await arrival;
  socket.destroy();
  const span = await onlySpan();
  assert.equal(span.attributes['http.response.status_code'], undefined);
  assert.equal(span.attributes['error.type'], 'client_disconnected');
  assert.equal(span.status.code, 0);
});

const upstreamBroke = Object.assign(new Error('upstream broke'), { code: 'ECONNRESET' });
const breaks: readonly [what: string, answer: RequestListener, type: string, message: string][] = [
  [
    'destroys its response',
    (_, response) => response.destroy(),
    'response_aborted',
    'The server broke its response off',
  ],
  [
    'destroys its response after the head',
    (_, response) => response.write('half', () => response.destroy()),
    'response_aborted',
    'The server broke its response off',
  ],
  ['destroys its response with an error', (_, response) => response.destroy(new RangeError('no')), 'RangeError', 'no'],
  [
    'pipes a source that fails, with the error of a connection',
    (_, response) => void pipeline(Readable.from(failing()), response, () => undefined),
    'ECONNRESET',
    'upstream broke',
  ],
  [
    'lets its response time out',
    (_, response) => response.setTimeout(1),
    'response_aborted',
    'The server broke its response off',
  ],
  [
    'destroys the connection',
    (incoming) => incoming.socket.destroy(),
    'response_aborted',
    'The server broke its response off',
  ],
];

async function* failing(): AsyncGenerator<string> {
  yield 'half';
  throw upstreamBroke;
}

for (const [what, answer, type, message] of breaks) {
  test(`a server that ${what} has failed, and does not blame the client`, async (t) => {
    const port = await serve(t, answer);
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined).resume();
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    const span = await onlySpan();
    assert.equal(span.attributes['error.type'], type);
    assert.deepEqual(span.status, { code: 2, message });
  });
}

const departures: readonly [how: string, leave: (socket: Socket) => void][] = [
  ['ends its side', (socket) => socket.end()],
  ['resets the connection', (socket) => socket.resetAndDestroy()],
];
for (const [how, leave] of departures) {
  test(`a client that ${how} in the middle of the answer is named, and the server has not failed`, async (t) => {
    const port = await serve(t, (_, response) => response.write('half'));
    const socket = connect(port, '127.0.0.1').on('error', () => undefined);
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await once(socket, 'data');
    leave(socket);
    const span = await onlySpan();
    assert.equal(span.attributes['error.type'], 'client_disconnected');
    assert.equal(span.status.code, 0);
  });
}

test('requests on one connection are traces of their own, each with its own context', async (t) => {
  const port = await serve(t, (request, response) => {
    request.resume().on('end', () => setImmediate(() => response.end(trace.getActiveSpan()?.spanContext().traceId)));
  });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const answers: string[] = [];
  for (let index = 0; index < 3; index++) {
    const outgoing = get({ port, agent, host: '127.0.0.1' });
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
    let text = '';
    for await (const chunk of response.setEncoding('utf8')) text += chunk as string;
    assert.equal(outgoing.reusedSocket, index > 0);
    answers.push(text);
  }
  agent.destroy();
  const spans = (await sink.waitFor(6)).filter((span) => span.kind === kind.server);
  assert.deepEqual(
    spans.map((span) => span.traceId),
    answers,
  );
  assert.equal(new Set(answers).size, 3);
});

test('what an app sets on its span stays: name, attributes, status, http.route', async (t) => {
  const port = await serve(t, (request, response) => {
    const span = trace.getActiveSpan()!;
    span.setAttribute('http.route', '/things/:id').setAttribute('error.type', 'OutOfStock');
    if (request.url === '/named') span.updateName('my name');
    response.writeHead(503).end();
  });
  await ask(port, 'GET /things/7 HTTP/1.1');
  const span = await onlySpan();
  assert.equal(span.name, 'GET /things/:id');
  assert.equal(span.attributes['error.type'], 'OutOfStock');
  sink.clear();
  await ask(port, 'GET /named HTTP/1.1');
  assert.equal((await onlySpan()).name, 'my name');
});

test('Express gives the route with the path of its router, and none for a 404', async (t) => {
  const app = express();
  const router = express.Router();
  router.get('/orders/:id', (_request, response) => void setImmediate(() => response.send('ok')));
  router.get('/', (_request, response) => void response.send('ok'));
  app.use('/api', router);
  const port = await serve(t, app as unknown as RequestListener);
  for (const [path, name, route] of [
    ['/api/orders/7', 'GET /api/orders/:id', '/api/orders/:id'],
    ['/api', 'GET /api', '/api'],
    ['/nowhere', 'GET', undefined],
  ] as const) {
    sink.clear();
    await ask(port, `GET ${path} HTTP/1.1`);
    const span = await onlySpan();
    assert.equal(span.name, name);
    assert.equal(span.attributes['http.route'], route);
    assert.equal(span.attributes['url.path'], path);
  }
});

test('Fastify gives the route through its channel', async (t) => {
  const app = fastify();
  app.get('/orders/:id', async () => ({ ok: true }));
  await app.listen({ port: 0, host: '127.0.0.1' });
  t.after(() => app.close());
  await ask((app.server.address() as AddressInfo).port, 'GET /orders/7 HTTP/1.1');
  const span = await onlySpan();
  assert.equal(span.name, 'GET /orders/:id');
  assert.equal(span.attributes['http.route'], '/orders/:id');
});

const ways: readonly [how: string, answer: (response: ServerResponse) => void][] = [
  ['not at all', (response) => response.end()],
  ['with setHeader', (response) => response.setHeader('server-timing', 'db;dur=1').end()],
  ['with an object', (response) => response.writeHead(200, { 'Server-Timing': 'db;dur=1', 'X-App': '1' }).end()],
  [
    'with a reason and an object',
    (response) => response.writeHead(200, 'Fine', { 'SERVER-TIMING': 'db;dur=1', 'X-App': '1' }).end(),
  ],
  [
    'with several values',
    (response) => response.writeHead(200, { 'server-timing': ['db;dur=1', 'cache'], 'X-App': '1' }).end(),
  ],
  ['with a flat array', (response) => response.writeHead(200, ['Server-Timing', 'db;dur=1', 'X-App', '1']).end()],
  [
    'with pairs',
    (response) =>
      response
        .writeHead(200, [
          ['Server-Timing', 'db;dur=1'],
          ['X-App', '1'],
        ] as never)
        .end(),
  ],
  [
    'with setHeader and an object',
    (response) => {
      response.setHeader('Server-Timing', 'db;dur=1');
      response.writeHead(200, { 'X-App': '1' }).end();
    },
  ],
];
for (const [how, answer] of ways) {
  test(`the response tells its trace beside what the app sets into Server-Timing ${how}`, async (t) => {
    const port = await serve(t, (_request, response) => answer(response));
    const { headers, status } = await ask(port, 'GET / HTTP/1.1');
    const span = await onlySpan();
    const id = `00-${span.traceId}-${span.spanId}-03`;
    assert.equal(status, 200);
    assert.equal(headers.traceresponse, id);
    const timings = String(headers['server-timing']).split(', ');
    assert.ok(timings.includes(`trace;desc=${id}`), String(timings));
    assert.equal(timings.includes('db;dur=1'), how !== 'not at all');
    assert.equal(headers['x-app'], /object|values|array|pairs/.test(how) ? '1' : undefined);
    assert.equal(headers['access-control-expose-headers'], undefined);
  });
}

test('a request from another origin may read them, beside what the app exposes', async (t) => {
  const port = await serve(t, (_request, response) =>
    response.setHeader('Access-Control-Expose-Headers', 'ETag').end(),
  );
  const { headers } = await ask(port, 'GET / HTTP/1.1\nOrigin: https://app.example');
  assert.equal(headers['access-control-expose-headers'], 'Server-Timing, traceresponse, ETag');
});

test('a body of any kind reaches the handler whole', async (t) => {
  const port = await serve(t, async (incoming, response) => {
    let bytes = 0;
    for await (const chunk of incoming) bytes += (chunk as Buffer).length;
    response.end(`${bytes} ${trace.getActiveSpan() !== undefined}`);
  });
  const outgoing = request({ port, host: '127.0.0.1', method: 'POST' });
  outgoing.end(Buffer.alloc(3_000_000));
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) text += chunk as string;
  assert.equal(text, '3000000 true');
});

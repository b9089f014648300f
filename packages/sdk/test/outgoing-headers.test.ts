import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ClientRequest, createServer, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { after, before, beforeEach, test } from 'node:test';
import { startTracing, type Tracing } from '@clew/sdk';
import { context, propagation, ROOT_CONTEXT } from '@opentelemetry/api';
import { addToHeader } from '#src/instrument/outgoing-headers.js';
import { kind } from './otlp-decoding.js';
import { OtlpSink } from './otlp-sink.js';

let sink: OtlpSink;
let tracing: Tracing;
let port: number;
let seen: IncomingHttpHeaders;
let seenRaw: readonly string[];
const server = createServer((incoming, response) => {
  seen = incoming.headers;
  seenRaw = incoming.rawHeaders;
  response.end();
});
server.on('connect', (_request, socket) => socket.end('HTTP/1.1 200 OK\r\n\r\n'));

before(async () => {
  process.env.OTEL_LOG_LEVEL = 'error';
  sink = await OtlpSink.start();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
  tracing = startTracing({ export: { url: `${sink.endpoint}/v1/traces`, delayMs: 1 } });
});
after(async () => {
  await tracing.shutdown();
  await sink.close();
  server.closeAllConnections();
  server.close();
});

beforeEach(async () => {
  await tracing.forceFlush();
  sink.clear();
});

async function drain(outgoing: ClientRequest): Promise<void> {
  const [response] = (await once(outgoing.end(), 'response')) as [IncomingMessage];
  for await (const _chunk of response);
}

async function sendHttp2(headers: Record<string, string>): Promise<void> {
  const http2Server = createHttp2Server().listen(0, '127.0.0.1');
  await once(http2Server, 'listening');
  http2Server.on('stream', (stream, incoming, _flags, raw: readonly string[] = []) => {
    seen = incoming as IncomingHttpHeaders;
    seenRaw = raw;
    stream.respond({ ':status': 200 }, { endStream: true });
  });
  const session = connectHttp2(`http://127.0.0.1:${(http2Server.address() as AddressInfo).port}`);
  const stream = session.request({ ':path': '/', ...headers });
  stream.resume();
  await once(stream, 'close');
  session.close();
  http2Server.close();
}

const url = (): string => `http://127.0.0.1:${port}/`;
const ownTraceparent = '00-11111111111111111111111111111111-2222222222222222-01';
const clients: readonly [name: string, send: (headers: Record<string, string>) => Promise<unknown>][] = [
  ['node:http with an object of headers', (headers) => drain(request(url(), { headers }))],
  [
    'node:http with an array of headers',
    (headers) => drain(request(url(), { headers: ['Host', `127.0.0.1:${port}`, ...Object.entries(headers).flat()] })),
  ],
  ['fetch', async (headers) => await (await fetch(url(), { headers })).text()],
  ['node:http2', sendHttp2],
];

for (const [name, send] of clients) {
  test(`${name}: baggage that the app sends itself goes along with the active one`, async () => {
    const baggage = propagation.createBaggage({ tenant: { value: 'acme' }, mine: { value: 'ours' } });
    await context.with(propagation.setBaggage(ROOT_CONTEXT, baggage), () =>
      send({ baggage: 'mine=1;ttl=60, other=x=y', traceparent: ownTraceparent }),
    );
    const members = String(seen.baggage)
      .split(',')
      .map((member) => member.trim());
    assert.deepEqual(members.sort(), ['mine=1;ttl=60', 'other=x=y', 'tenant=acme']);
    const sent = seenRaw.filter((item, index) => index % 2 === 0 && item.toLowerCase() === 'traceparent');
    assert.equal(sent.length, 1, 'one traceparent');
    assert.notEqual(seen.traceparent, ownTraceparent);
  });
}

test('baggage of ours that goes over the limits of the header stays behind, and that of the app does not', () => {
  const own = Array.from({ length: 63 }, (_, index) => `own${index}=1`).join(',');
  assert.equal(addToHeader('baggage', [own], 'a=1,b=2'), `${own},a=1`);
  const long = `own=${'x'.repeat(8_192 - 'own='.length - ',a=1'.length)}`;
  assert.equal(addToHeader('baggage', [long], 'a=1'), `${long},a=1`);
  assert.equal(addToHeader('baggage', [`${long}x`], 'a=1'), `${long}x`);
  assert.equal(addToHeader('baggage', ['', ' , '], 'a=1'), 'a=1');
});

test('a CONNECT request has no url.full: what it asks for is not a URL', async () => {
  const outgoing = request({ port, host: '127.0.0.1', method: 'CONNECT', path: 'shop.example:443' }).end();
  const [, socket] = (await once(outgoing, 'connect')) as [IncomingMessage, import('node:net').Socket];
  socket.destroy();
  const spans = await sink.waitFor((list) => list.some((span) => span.kind === kind.client));
  const { name, attributes } = spans.find((span) => span.kind === kind.client)!;
  assert.equal(name, 'CONNECT');
  assert.equal(attributes['url.full'], undefined);
  assert.equal(attributes['server.address'], '127.0.0.1');
  assert.equal(attributes['server.port'], port);
});

test('a tunnel of undici has no url.full, and the request in it has that of its target', async () => {
  const { ProxyAgent } = await import('undici');
  const proxy = createServer();
  proxy.on('connect', (_incoming, socket) => {
    socket.write('HTTP/1.1 200 OK\r\n\r\n');
    socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'));
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const proxyPort = (proxy.address() as AddressInfo).port;
  const dispatcher = new ProxyAgent(`http://127.0.0.1:${proxyPort}`);
  await (await dispatcher.request({ origin: 'http://shop.example:8080', path: '/a', method: 'GET' })).body.text();
  await dispatcher.close();
  proxy.close();
  const spans = await sink.waitFor((list) => list.filter((span) => span.kind === kind.client).length >= 2);
  const [tunnel, inside] = ['CONNECT', 'GET'].map((method) => spans.find((span) => span.name === method)!);
  assert.equal(tunnel!.attributes['url.full'], undefined);
  assert.equal(tunnel!.attributes['server.port'], proxyPort);
  assert.equal(inside!.attributes['url.full'], 'http://shop.example:8080/a');
});

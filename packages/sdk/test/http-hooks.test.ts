import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, get, IncomingMessage, ServerResponse } from 'node:http';
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { after, before, beforeEach, test } from 'node:test';
import { type FetchHooks, type HttpHooks, startTracing, type Tracing } from '@clew/sdk';
import { trace } from '@opentelemetry/api';
import { kind, type SinkSpan } from './otlp-decoding.js';
import { OtlpSink } from './otlp-sink.js';

let sink: OtlpSink;
let tracing: Tracing | undefined;
let port: number;
let seenTraceparent: string | string[] | undefined;
const server = createServer((request, response) => {
  seenTraceparent = request.headers.traceparent;
  trace.getTracer('app').startSpan('inside').end();
  response.setHeader('x-reply', 'b').end();
});

before(async () => {
  process.env.OTEL_LOG_LEVEL = 'none';
  sink = await OtlpSink.start();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
});
beforeEach(async () => {
  await tracing?.shutdown();
  sink.clear();
});
after(async () => {
  await tracing?.shutdown();
  await sink.close();
  server.closeAllConnections();
  server.close();
});

function start(http: HttpHooks, fetchHooks: FetchHooks = {}): void {
  tracing = startTracing({ export: { url: `${sink.endpoint}/v1/traces`, delayMs: 1 }, http, fetch: fetchHooks });
}

async function sendHttp(path: string): Promise<void> {
  const [response] = (await once(get({ port, path, host: '127.0.0.1' }), 'response')) as [IncomingMessage];
  for await (const _chunk of response);
}

async function sendFetch(path: string): Promise<void> {
  await (await fetch(`http://127.0.0.1:${port}${path}`)).text();
}

async function sendHttp2(path: string): Promise<void> {
  const http2Server = createHttp2Server((_request, response) => response.end()).listen(0, '127.0.0.1');
  await once(http2Server, 'listening');
  const session = connectHttp2(`http://127.0.0.1:${(http2Server.address() as AddressInfo).port}`);
  const stream = session.request({ ':path': path }).resume();
  await once(stream, 'close');
  session.close();
  http2Server.close();
}

/** All spans, once everything that has ended was sent. */
async function spans(): Promise<readonly SinkSpan[]> {
  // The server's span ends a moment after its client has the answer.
  await new Promise((resolve) => setImmediate(resolve));
  await tracing!.forceFlush();
  return sink.spans;
}

const names = (list: readonly SinkSpan[]): string[] => list.map((span) => `${span.kind} ${span.name}`).sort();

for (const [what, send] of [
  ['node:http', sendHttp],
  ['node:http2', sendHttp2],
] as const) {
  test(`${what}: hooks of requests and responses add to the spans of both sides`, async () => {
    start({
      requestHook: (span, request) => span.setAttribute('asked', request.constructor.name),
      responseHook: (span, response) => span.setAttribute('answered', response.constructor.name),
    });
    await send('/a');
    const all = await sink.waitFor((list) => list.filter(({ kind: of }) => of !== kind.internal).length === 2);
    for (const span of all.filter(({ kind: of }) => of !== kind.internal)) {
      const isClient = span.kind === kind.client;
      const [asked, answered] =
        what === 'node:http2'
          ? isClient
            ? ['ClientHttp2Stream', 'ClientHttp2Stream']
            : ['ServerHttp2Stream', 'ServerHttp2Stream']
          : isClient
            ? ['ClientRequest', IncomingMessage.name]
            : [IncomingMessage.name, ServerResponse.name];
      assert.equal(span.attributes.asked, asked);
      assert.equal(span.attributes.answered, answered);
    }
  });

  test(`${what}: an outgoing request that is ignored has no span, and the server's begins a trace`, async () => {
    const seen: unknown[] = [];
    start({
      ignoreOutgoingRequestHook: (request) => {
        seen.push('path' in request ? request.path : new URL(request.url).pathname);
        return true;
      },
    });
    await send('/a');
    const list = await sink.waitFor((all) => all.some((span) => span.kind === kind.server));
    assert.deepEqual(seen, ['/a']);
    assert.equal(
      (await spans()).some((span) => span.kind === kind.client),
      false,
    );
    assert.equal(list.find((span) => span.kind === kind.server)!.parentSpanId, '');
  });

  test(`${what}: an incoming request that is ignored has no span, nor has anything that its handlers do`, async () => {
    start({
      ignoreIncomingRequestHook: ({ method, url, headers }) => method === 'GET' && url === '/health' && !!headers,
    });
    await send('/health');
    assert.deepEqual(names(await spans()), [`${kind.client} GET`]);
    sink.clear();
    await send('/other');
    const ofBothSides = [kind.client, kind.server];
    await sink.waitFor((all) => ofBothSides.every((side) => all.some((span) => span.kind === side)));
  });
}

test('fetch: hooks add to its spans, and a request that is ignored has none and carries nothing', async () => {
  start(
    { ignoreIncomingRequestHook: () => true },
    {
      requestHook: (span, request) => span.setAttribute('asked', `${request.method} ${String(request.origin)}`),
      responseHook: (span, { request, response }) =>
        span.setAttribute(
          'answered',
          `${request.path} ${response.statusCode} ${response.headers.map(String).includes('b')}`,
        ),
      ignoreRequestHook: ({ path }) => path === '/ignored',
    },
  );
  await sendFetch('/a');
  assert.notEqual(seenTraceparent, undefined);
  const [span] = await spans();
  assert.equal(span!.attributes.asked, `GET http://127.0.0.1:${port}`);
  assert.equal(span!.attributes.answered, '/a 200 true');
  sink.clear();
  await sendFetch('/ignored');
  assert.equal(seenTraceparent, undefined);
  assert.deepEqual(await spans(), []);
});

test('a hook that throws changes nothing: the request goes on and its spans are sent', async () => {
  const fail = (): never => {
    throw new Error('hook');
  };
  start(
    { requestHook: fail, responseHook: fail, ignoreIncomingRequestHook: fail, ignoreOutgoingRequestHook: fail },
    { requestHook: fail, responseHook: fail, ignoreRequestHook: fail },
  );
  await sendHttp('/a');
  await sendFetch('/a');
  await sendHttp2('/a');
  const list = await sink.waitFor((all) => all.filter((span) => span.kind !== kind.internal).length === 6);
  assert.equal(list.filter((span) => span.kind === kind.server).length, 3);
});

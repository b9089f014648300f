import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, createServer, get, type IncomingMessage, type RequestListener } from 'node:http';
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2';
import { type AddressInfo, connect } from 'node:net';
import { after, before, type TestContext, test } from 'node:test';
import { startTracing } from '@clew/sdk';
import { propagation, trace } from '@opentelemetry/api';
import fc from 'fast-check';
import { kind } from './otlp-decoding.js';
import { OtlpSink } from './otlp-sink.js';

/*
 * Requests whose headers are nearly right, or nothing at all, through real sockets: each is answered, has its span and
 * can be carried on to another service, whatever the propagators are.
 */

let sink: OtlpSink;
before(async () => {
  process.env.OTEL_LOG_LEVEL = 'error';
  sink = await OtlpSink.start();
});
after(() => sink.close());

/** Headers that the SDK reads, and those that it writes. */
const names = [
  ...['traceparent', 'tracestate', 'baggage', 'b3', 'X-B3-TraceId', 'X-B3-SpanId', 'X-B3-Sampled', 'X-B3-Flags'],
  ...['uber-trace-id', 'uberctx-user', 'uberctx-', 'X-Amzn-Trace-Id', 'Server-Timing', 'traceresponse'],
  ...['Host', 'Forwarded', 'X-Forwarded-For', 'X-Forwarded-Host', 'X-Forwarded-Proto', 'User-Agent', 'Origin'],
];

/** Any byte that does not end the line. */
const anyByte = fc.oneof(
  { weight: 9, arbitrary: fc.integer({ min: 0x20, max: 0xff }) },
  fc.integer({ min: 0, max: 0x1f }).filter((byte) => byte !== 0x0a && byte !== 0x0d),
);
const anyValue = fc.array(anyByte, { maxLength: 80 }).map((bytes) => Buffer.from(bytes).toString('latin1'));

/** Right, or nearly right: cut, with something put in, or exchanged. */
const samples = [
  '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  'cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what-comes',
  'congo=t61rcWkgMzE,rojo=00f067aa0ba902b7',
  'ot=th:c;rv:0123456789abcd, vendor@tenant=  value ',
  'user-id=al%20ice;p=1,other=%F0%9F%A7%B6',
  '0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1-05e3ac9a4f6e3b90',
  '0af7651916cd43dd8448eb211c80319c',
  'b7ad6b7169203331',
  '0af7651916cd43dd8448eb211c80319c:b7ad6b7169203331:0:3',
  'Root=1-0af76519-16cd43dd8448eb211c80319c;Parent=b7ad6b7169203331;Sampled=?',
  'for="[2001:db8::1]:4711";proto=https;host="a.example:444", for=10.0.0.1',
  'cache;desc="Cache Read";dur=23.2, db;dur=53',
  '[::1]:8080',
  '203.0.113.7:80, 10.0.0.1',
];
const nearlyRight = fc
  .tuple(fc.constantFrom(...samples), fc.nat(80), fc.nat(4), fc.oneof(fc.constant(''), anyValue))
  .map(([sample, at, removed, inserted]) => sample.slice(0, at) + inserted + sample.slice(at + removed));

const headers = fc.array(
  fc.tuple(fc.constantFrom(...names), fc.oneof(anyValue, nearlyRight, fc.constantFrom(...samples))),
  { maxLength: 12 },
);
const target = fc.oneof(
  fc.webPath({ size: 'small' }).map((path) => path || '/'),
  fc.constantFrom('*', 'http://a.example', 'http://[::1]:99999/x?', '/?sig=', '/%zz?%', '//', '/?'),
);

async function textOf(response: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) text += chunk as string;
  return text;
}

interface Place {
  readonly traceId: string | undefined;
  readonly baggage: readonly [key: string, value: string][];
}

/** The trace and the baggage that this code runs in. */
function whereAmI(): Place {
  const entries = propagation.getActiveBaggage()?.getAllEntries() ?? [];
  return {
    traceId: trace.getActiveSpan()?.spanContext().traceId,
    baggage: entries.map(([key, { value }]) => [key, value]),
  };
}

/** Whether trace and baggage have arrived. Jaeger's headers lose the case of keys, so one may hide another there. */
function hasArrived(sent: Place, received: Place): boolean {
  const values = new Map(received.baggage);
  const isAlone = (key: string): boolean =>
    sent.baggage.filter(([other]) => other.toLowerCase() === key.toLowerCase()).length === 1;
  return (
    sent.traceId !== undefined &&
    sent.traceId === received.traceId &&
    sent.baggage.every(([key, value]) => values.get(key) === value || !isAlone(key))
  );
}

/** Answers whether the requests that it makes with both clients arrive in the same trace, with the same baggage. */
function carryOn(port: () => number, agent: Agent): RequestListener {
  return (incoming, response) => {
    const here = whereAmI();
    if (incoming.headers['x-inner'] !== undefined) {
      response.end(JSON.stringify(here));
      return;
    }
    const options = { port: port(), host: '127.0.0.1', agent, headers: { 'x-inner': '1' } };
    const asked = new Promise<string>((resolve, reject) => {
      get(options, (inner) => void textOf(inner).then(resolve, reject)).on('error', reject);
    });
    const fetched = fetch(`http://127.0.0.1:${port()}/`, { headers: { 'x-inner': '1' } }).then((inner) => inner.text());
    Promise.all([asked, fetched]).then(
      (answers) => {
        const isCarriedOn = answers.every((answer) => hasArrived(here, JSON.parse(answer) as Place));
        response.end(isCarriedOn ? 'carried on' : `${JSON.stringify(here)} became ${answers}`);
      },
      (error: unknown) => response.end(String(error)),
    );
  };
}

/** A server that lets through what Node by itself would refuse. */
async function serve(t: TestContext): Promise<number> {
  const agent = new Agent({ keepAlive: true });
  let port = 0;
  const server = createServer(
    { insecureHTTPParser: true },
    carryOn(() => port, agent),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
  t.after(() => {
    agent.destroy();
    server.closeAllConnections();
    server.close();
  });
  return port;
}

const everyPropagator = 'tracecontext,baggage,b3,b3multi,jaeger,xray';
for (const propagators of ['tracecontext,baggage', everyPropagator]) {
  test(`with ${propagators} no header and no target breaks a request, and each has its span`, async (t) => {
    process.env.OTEL_PROPAGATORS = propagators;
    sink.clear();
    const tracing = startTracing({ export: { url: `${sink.endpoint}/v1/traces`, delayMs: 1 } });
    t.after(() => tracing.shutdown());
    const port = await serve(t);
    let requests = 0;
    await fc.assert(
      fc.asyncProperty(target, headers, async (path, lines) => {
        const socket = connect(port, '127.0.0.1');
        const written = [['Host', 'a'], ...lines].map(([name, value]) => `${name}: ${value}\r\n`).join('');
        socket.write(Buffer.from(`GET ${path} HTTP/1.1\r\n${written}Connection: close\r\n\r\n`, 'latin1'));
        let answer = '';
        for await (const chunk of socket.setEncoding('latin1')) answer += chunk as string;
        // What Node itself refuses never becomes a request.
        if (answer.startsWith('HTTP/1.1 400')) return;
        requests++;
        assert.match(answer, /^HTTP\/1\.1 200 OK\r\n.*\r\n\r\n(?:[0-9a-f]+\r\n)?carried on/s);
      }),
      { numRuns: 600 },
    );
    assert.ok(requests > 500, `${requests} requests`);
    await tracing.forceFlush();
    const served = sink.spans.filter((span) => span.kind === kind.server);
    const clients = new Set(sink.spans.filter((span) => span.kind === kind.client).map(({ spanId }) => spanId));
    const outer = served.filter(({ parentSpanId }) => !clients.has(parentSpanId));
    // A trace that says it is not sampled is continued without a span.
    assert.ok(outer.length > requests * 0.8 && outer.length <= requests, `${outer.length} spans of ${requests}`);
    assert.ok(served.every((span) => /^(?!0{32})[0-9a-f]{32}$/.test(span.traceId)));
  });
}

test('over HTTP/2 no header breaks a stream either', async (t) => {
  process.env.OTEL_PROPAGATORS = everyPropagator;
  const tracing = startTracing({ export: { url: `${sink.endpoint}/v1/traces`, delayMs: 1 } });
  t.after(() => tracing.shutdown());
  const server = createHttp2Server((_request, response) => response.end(String(trace.getActiveSpan() !== undefined)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const session = connectHttp2(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  t.after(() => {
    session.destroy();
    server.close();
  });
  let answered = 0;
  await fc.assert(
    fc.asyncProperty(headers, async (lines) => {
      const given: Record<string, string> = { ':path': '/' };
      for (const [name, value] of lines) if (name !== 'Host') given[name] = value;
      const stream = session.request(given);
      let text = '';
      try {
        for await (const chunk of stream.setEncoding('utf8')) text += chunk as string;
      } catch {
        // Bytes that HTTP/2 itself has no place for end the stream before it becomes a request.
        return;
      }
      if (text === '') return;
      answered++;
      assert.equal(text, 'true');
    }),
    { numRuns: 500 },
  );
  assert.ok(answered > 250, `${answered} streams`);
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { after, before, test } from 'node:test';
import { startTracing, type Tracing } from '@clew/sdk';
import { trace } from '@opentelemetry/api';
import fc from 'fast-check';
import { kind } from './otlp-decoding.js';
import { OtlpSink } from './otlp-sink.js';

let sink: OtlpSink;
let tracing: Tracing;

const server = createServer((_request, response) => response.end(String(trace.getActiveSpan() !== undefined)));

before(async () => {
  process.env.OTEL_LOG_LEVEL = 'error';
  sink = await OtlpSink.start();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  tracing = startTracing({ export: { url: `${sink.endpoint}/v1/traces`, delayMs: 1 } });
});
after(async () => {
  await tracing.shutdown();
  await sink.close();
  server.close();
});

/** Headers that the SDK reads. */
const names = [
  ...['traceparent', 'tracestate', 'baggage', 'Host', 'Forwarded', 'X-Forwarded-For', 'X-Forwarded-Host'],
  ...['X-Forwarded-Proto', 'User-Agent', 'Origin', 'Server-Timing', 'b3', 'uber-trace-id'],
];

/** What Node lets through in a value: no control characters but the tab; bytes above 127 as they are. */
const anyByte = fc.integer({ min: 0x20, max: 0xff }).filter((byte) => byte !== 0x7f);
const anyValue = fc.array(anyByte, { maxLength: 80 }).map((bytes) => Buffer.from(bytes).toString('latin1'));

/** Nearly right, cut, doubled or with one character exchanged. */
const samples = [
  '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  'congo=t61rcWkgMzE,rojo=00f067aa0ba902b7',
  'user-id=al%20ice;p=1,other=%F0%9F%A7%B6',
  'for="[2001:db8::1]:4711";proto=https;host="a.example:444", for=10.0.0.1',
  '[::1]:8080',
  '203.0.113.7:80, 10.0.0.1',
];
const nearlyRight = fc
  .tuple(fc.constantFrom(...samples), fc.nat(80), fc.integer({ min: 0, max: 4 }), anyValue)
  .map(([sample, at, removed, inserted]) => sample.slice(0, at) + inserted + sample.slice(at + removed));

const headers = fc.array(fc.tuple(fc.constantFrom(...names), fc.oneof(anyValue, nearlyRight)), { maxLength: 12 });
const target = fc.oneof(
  fc.webPath({ size: 'small' }).map((path) => path || '/'),
  fc.constantFrom('*', 'http://a.example', 'http://[::1]:99999/x?', '/?sig=', '/%zz?%', '//', '/?'),
);

test('no header and no target breaks a request, and each has its span', async () => {
  let requests = 0;
  await fc.assert(
    fc.asyncProperty(target, headers, async (path, lines) => {
      const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
      const written = [['Host', 'a'], ...lines].map(([name, value]) => `${name}: ${value}\r\n`).join('');
      socket.end(Buffer.from(`GET ${path} HTTP/1.1\r\n${written}Connection: close\r\n\r\n`, 'latin1'));
      let answer = '';
      for await (const chunk of socket.setEncoding('latin1')) answer += chunk as string;
      // What Node itself refuses never becomes a request.
      if (answer.startsWith('HTTP/1.1 400')) return;
      requests++;
      assert.match(answer, /^HTTP\/1\.1 200 OK\r\n.*\r\n\r\n.*true/s);
    }),
    { numRuns: 1_000 },
  );
  assert.ok(requests > 500, `${requests} requests`);
  await tracing.forceFlush();
  const spans = sink.spans.filter((span) => span.kind === kind.server && /^[0-9a-f]{32}$/.test(span.traceId));
  // A trace that says it is not sampled is continued without a span.
  assert.ok(spans.length > requests * 0.9 && spans.length <= requests, `${spans.length} spans of ${requests}`);
});

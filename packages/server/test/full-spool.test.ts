import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parseConfig, type RunningServer, startServer } from '@clew/server';
import { status } from '@grpc/grpc-js';
import { freePorts } from './free-ports.js';
import { exportPath, RawCaller } from './grpc-calls.js';
import { postSpansPath } from './jaeger-post-spans.js';

const spoolMaxBytes = 1_048_576;
/** A ClickHouse that is away: it takes connections and ends them. */
const away = createServer((socket) => socket.destroy());
let directory: string;
let server: RunningServer;

before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'clew-full-spool-'));
  away.listen(0, '127.0.0.1');
  await once(away, 'listening');
  const clickhouseUrl = `http://127.0.0.1:${(away.address() as { port: number }).port}`;
  server = await startServer(
    parseConfig({}, { dataDir: directory, ...freePorts, spoolMaxBytes, clickhouseUrl, logLevel: 'silent' }),
  );
  await fillSpool();
});

after(async () => {
  await server.close();
  away.close();
  rmSync(directory, { recursive: true });
});

async function fillSpool(): Promise<void> {
  for (let i = 0; ; i++) {
    const spans = [
      { traceId: 'f'.repeat(32), spanId: (i + 1).toString(16).padStart(16, '0'), name: 'a'.repeat(100_000) },
    ];
    const answer = await fetch(`${server.otlpUrl}/v1/traces`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] }),
    });
    await answer.text();
    if (answer.status === 503) return;
    assert.equal(answer.status, 200);
    assert.ok(i < 20, 'the spool took more than its limit');
  }
}

const full =
  /the spool holds \d+ bytes that the engine has not taken yet; its limit is 1048576 \(CLEW_SPOOL_MAX_BYTES\)/;

async function countWaited(): Promise<number> {
  const text = await (await fetch(`${server.uiUrl}/metrics`)).text();
  return Number(/^clew_waited_requests_total (\d+)$/m.exec(text)?.[1]);
}

describe('while the spool is full', () => {
  for (const [name, urlOf, type] of [
    ['OTLP/HTTP', () => `${server.otlpUrl}/v1/traces`, 'application/json'],
    ['Zipkin', () => `${server.zipkinUrl}/api/v2/spans`, 'application/json'],
    ['Jaeger over HTTP', () => `${server.jaegerUrl}/api/traces`, 'application/x-thrift'],
  ] as const) {
    it(`a request over ${name} waits and is then refused before its body was sent, with a time to come back`, async () => {
      const before = await countWaited();
      const headers = { 'content-type': type, 'content-length': 1_000_000 };
      const sending = request(urlOf(), { method: 'POST', headers });
      sending.on('error', () => {});
      sending.flushHeaders();
      const [answer] = (await once(sending, 'response')) as [IncomingMessage];
      const text = (await answer.setEncoding('utf8').toArray()).join('');
      sending.destroy();
      assert.equal(answer.statusCode, 503);
      assert.equal(answer.headers['retry-after'], '1');
      assert.match(text, full);
      assert.equal(await countWaited(), before + 1);
    });
  }

  it('what can never be taken is refused at once: nobody is to send it again', async () => {
    const before = await countWaited();
    for (const [headers, code] of [
      [{ 'content-length': 64 * 2 ** 20 + 1 }, 413],
      [{ 'content-length': 10, 'content-encoding': 'br' }, 415],
    ] as const) {
      const type = { 'content-type': 'application/json' };
      const sending = request(`${server.otlpUrl}/v1/traces`, { method: 'POST', headers: { ...type, ...headers } });
      sending.on('error', () => {});
      sending.flushHeaders();
      const [answer] = (await once(sending, 'response')) as [IncomingMessage];
      sending.destroy();
      assert.equal(answer.statusCode, code);
    }
    assert.equal(await countWaited(), before);
  });

  for (const [name, urlOf, path] of [
    ['OTLP/gRPC', () => server.otlpGrpcUrl, exportPath],
    ['Jaeger over gRPC', () => server.jaegerGrpcUrl, postSpansPath],
  ] as const) {
    it(`a call over ${name} waits and is then refused before its message was sent`, async () => {
      const before = await countWaited();
      const caller = new RawCaller(urlOf());
      const { ended } = caller.open({ ':path': path });
      const end = await ended;
      caller.close();
      assert.equal(end['grpc-status'], String(status.UNAVAILABLE));
      assert.match(decodeURIComponent(String(end['grpc-message'])), full);
      assert.ok(end['grpc-status-details-bin']);
      assert.equal(await countWaited(), before + 1);
    });
  }
});

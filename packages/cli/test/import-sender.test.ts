import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, it } from 'node:test';
import { encodeResource, encodeScope, encodeTraceRequest } from '@clew/wire';
import { SpanSender } from '#src/import-sender.js';

const running: Server[] = [];
afterEach(() => {
  for (const server of running.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

/** A server that answers request after request as told; the last answer counts for all that follow. */
async function startScripted(...answers: readonly ((response: ServerResponse) => void)[]) {
  const bodies: number[] = [];
  const times: number[] = [];
  const server = createServer(async (request, response) => {
    let length = 0;
    for await (const chunk of request as AsyncIterable<Buffer>) length += chunk.length;
    bodies.push(length);
    times.push(performance.now());
    answers[Math.min(bodies.length, answers.length) - 1]!(response);
  }).listen(0, '127.0.0.1');
  running.push(server);
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, bodies, times };
}

const ok = (response: ServerResponse) => response.writeHead(200).end();
const status =
  (code: number, headers = {}) =>
  (response: ServerResponse) =>
    response.writeHead(code, headers).end();
/** A `google.rpc.Status`, or with 0a around it a partial success. */
const message = (count: number, text: string) => Buffer.from([8, count, 0x12, text.length, ...Buffer.from(text)]);

const request = encodeTraceRequest(encodeResource(['service.name', 'a']), [
  { scope: encodeScope('s'), spans: Buffer.from('1202120012021200', 'hex') },
]);

describe('sending spans to a server', () => {
  for (const code of [429, 502, 503, 504]) {
    it(`tries again after ${code}, until the server takes them`, async () => {
      const { url, bodies } = await startScripted(status(code), status(code), ok);
      const result = await new SpanSender({ url, firstDelayMs: 1 }).send(request, 2);
      assert.deepEqual(result, { acceptedSpans: 2, rejectedSpans: 0, rejectionReason: '' });
      assert.deepEqual(bodies, [request.length, request.length, request.length]);
    });
  }

  it('waits as long as the server asks for', async () => {
    const { url, times } = await startScripted(status(503, { 'retry-after': '1' }), ok);
    await new SpanSender({ url, firstDelayMs: 1 }).send(request, 2);
    assert.ok(times[1]! - times[0]! >= 990, `${times[1]! - times[0]!} ms`);
  });

  it('tries again when a server that has answered before breaks a connection off', async () => {
    const { url, bodies } = await startScripted(ok, (response) => response.destroy(), ok);
    const sender = new SpanSender({ url, firstDelayMs: 1 });
    await sender.send(request, 2);
    assert.equal((await sender.send(request, 2)).acceptedSpans, 2);
    assert.equal(bodies.length, 3);
  });

  it('gives up after the time that it has, and says what the server has answered', async () => {
    const busy = (response: ServerResponse) => response.writeHead(503).end(message(14, 'the spool is full'));
    const { url, bodies } = await startScripted(busy);
    const sender = new SpanSender({ url, firstDelayMs: 20, giveUpAfterMs: 100 });
    await assert.rejects(sender.send(request, 2), /answers 503: the spool is full\. Given up after 0 s/);
    // Waits of 20 and 40 ms, and not one of 80; on a busy machine there may be time for one only.
    assert.ok(bodies.length === 2 || bodies.length === 3, `${bodies.length} attempts`);
  });

  it('does not try again what the server refuses, and says why', async () => {
    const { url, bodies } = await startScripted((response) => response.writeHead(400).end(message(3, 'malformed')));
    await assert.rejects(
      new SpanSender({ url }).send(request, 2),
      /\/v1\/traces refused the spans with 400: malformed$/,
    );
    assert.equal(bodies.length, 1);
    const proxy = await startScripted((response) => response.writeHead(401).end('<h1>who are you?</h1>'));
    await assert.rejects(
      new SpanSender({ url: proxy.url }).send(request, 2),
      /with 401: no reason; give a token with CLEW_TOKEN or --token$/,
    );
  });

  it('counts what the server has refused of a request that it took', async () => {
    const partial = message(1, 'zero id');
    const { url } = await startScripted((response) =>
      response.writeHead(200).end(Buffer.concat([Buffer.from([0x0a, partial.length]), partial])),
    );
    const result = await new SpanSender({ url }).send(request, 2);
    assert.deepEqual(result, { acceptedSpans: 1, rejectedSpans: 1, rejectionReason: 'zero id' });
  });

  it('sends what is too large in halves, and counts a span that is too large alone', async () => {
    const tooLarge = (response: ServerResponse) => response.writeHead(413).end(message(8, 'too large'));
    const { url, bodies } = await startScripted(tooLarge, ok, tooLarge);
    const result = await new SpanSender({ url }).send(request, 2);
    assert.deepEqual(result, { acceptedSpans: 1, rejectedSpans: 1, rejectionReason: 'too large' });
    assert.equal(bodies.length, 3);
  });

  it('adds the path of traces to the address of a server, and takes a whole address as it is', async () => {
    const paths: (string | undefined)[] = [];
    const { url } = await startScripted((response) => {
      paths.push(response.req.url);
      ok(response);
    });
    for (const suffix of ['', '/', '/tenant/', '/tenant/v1/traces'])
      await new SpanSender({ url: url + suffix }).send(request, 2);
    assert.deepEqual(paths, ['/v1/traces', '/v1/traces', '/tenant/v1/traces', '/tenant/v1/traces']);
  });
});

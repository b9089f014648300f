import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { deflateSync, gzipSync } from 'node:zlib';
import { detailsOf, tableFromNative } from '@clew/model';
import { parseConfig, type RunningServer, startServer } from '@clew/server';
import { ProtobufReader } from '@clew/wire';
import { freePorts } from './free-ports.js';
import { paddedRequest, toProtobuf, traceOf } from './otlp-requests.js';

const maxRequestBytes = 100_000;

let directory: string;
let server: RunningServer;

before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'clew-otlp-'));
  server = await startServer(parseConfig({}, { dataDir: directory, ...freePorts, maxRequestBytes, logLevel: 'warn' }));
});

after(async () => {
  await server.close();
  rmSync(directory, { recursive: true });
});

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Buffer;
}

async function post(body: Uint8Array | string, headers: Record<string, string>, path = '/v1/traces'): Promise<Answer> {
  const response = await fetch(server.otlpUrl + path, { method: 'POST', body, headers });
  return { status: response.status, headers: response.headers, body: Buffer.from(await response.arrayBuffer()) };
}

const protobuf = { 'content-type': 'application/x-protobuf' };
const json = { 'content-type': 'application/json' };

/** The fields 1 (varint) and 2 (string) of a message: a google.rpc.Status, or a partial success. */
function readPair(bytes: Uint8Array): { number: number; text: string } {
  const reader = new ProtobufReader(bytes);
  let number = 0;
  let text = '';
  while (reader.position < bytes.length) {
    const tag = reader.readVarint32(bytes.length);
    if (tag === 0x08) number = reader.readVarint32(bytes.length);
    else {
      assert.equal(tag, 0x12);
      const end = reader.readLength(bytes.length);
      text = Buffer.from(bytes.subarray(reader.position, end)).toString();
      reader.position = end;
    }
  }
  return { number, text };
}

/** The ids of a trace's spans as stored, once they are. */
async function storedSpanIds(traceId: string): Promise<string[]> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const response = await fetch(`${server.uiUrl}/clew/v1/traces/${traceId}`);
    if (response.status === 200) {
      const table = tableFromNative(new Uint8Array(await response.arrayBuffer()));
      return Array.from({ length: table.spanCount }, (_, row) => detailsOf(table, row).spanId);
    }
    assert.equal(response.status, 404, await response.text());
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`trace ${traceId} did not arrive`);
}

describe('OTLP over HTTP', () => {
  for (const [what, encode, headers] of [
    ['protobuf', toProtobuf, protobuf],
    ['protobuf with gzip', (text: string) => gzipSync(toProtobuf(text)), { ...protobuf, 'content-encoding': 'gzip' }],
    [
      'protobuf with deflate',
      (text: string) => deflateSync(toProtobuf(text)),
      { ...protobuf, 'content-encoding': 'deflate' },
    ],
    ['JSON', (text: string) => Buffer.from(text), json],
    [
      'JSON with gzip and a charset',
      (text: string) => gzipSync(text),
      { 'content-type': 'application/json; charset=utf-8', 'content-encoding': 'gzip' },
    ],
  ] as const) {
    it(`takes ${what}, answers in kind, and the trace can be read`, async () => {
      const { traceId, json: text } = traceOf(3);
      const answer = await post(encode(text), headers);
      assert.equal(answer.status, 200);
      const isJson = headers['content-type'].startsWith('application/json');
      assert.equal(answer.headers.get('content-type'), isJson ? 'application/json' : 'application/x-protobuf');
      assert.equal(answer.body.toString(), isJson ? '{}' : '');
      assert.deepEqual((await storedSpanIds(traceId)).sort(), [
        '0000000000000001',
        '0000000000000002',
        '0000000000000003',
      ]);
    });
  }

  it('answers an empty request with success', async () => {
    assert.equal((await post('', protobuf)).status, 200);
    assert.equal((await post('{}', json)).status, 200);
  });

  it('keeps the good spans of a request, and says how many were rejected and why', async () => {
    const { traceId, json: text } = traceOf(2);
    const request = JSON.parse(text) as { resourceSpans: [{ scopeSpans: [{ spans: { spanId: string }[] }] }] };
    request.resourceSpans[0].scopeSpans[0].spans[0]!.spanId = '00';
    const answer = await post(toProtobuf(JSON.stringify(request)), protobuf);
    assert.equal(answer.status, 200);
    assert.equal(answer.body[0], 0x0a);
    const partial = readPair(answer.body.subarray(2));
    assert.equal(partial.number, 1);
    assert.match(partial.text, /span_id must be 8 bytes, not all zero; got 1 bytes, 00/);
    const jsonAnswer = await post(JSON.stringify(request), json);
    // An int64 of protobuf is a string in JSON.
    assert.match(jsonAnswer.body.toString(), /^\{"partialSuccess":\{"rejectedSpans":"1","errorMessage":"span_id /);
    assert.ok((await storedSpanIds(traceId)).includes('0000000000000002'));
  });

  for (const [what, send, status, code, message] of [
    ['bytes that are no protobuf', () => post('{"resourceSpans":[]}', protobuf), 400, 3, /malformed protobuf at byte/],
    [
      'a body that is not gzip',
      () => post('plain', { ...protobuf, 'content-encoding': 'gzip' }),
      400,
      3,
      /The body is not gzip/,
    ],
    [
      'an unknown compression',
      () => post('x', { ...protobuf, 'content-encoding': 'br' }),
      415,
      3,
      /Content-Encoding "br" is not supported; send gzip/,
    ],
    [
      'one byte too many',
      () => post(new Uint8Array(maxRequestBytes + 1), protobuf),
      413,
      8,
      /100001 bytes; the limit is 100000/,
    ],
    [
      'a body that is too large when decompressed',
      () => post(gzipSync(new Uint8Array(maxRequestBytes + 1)), { ...protobuf, 'content-encoding': 'gzip' }),
      413,
      8,
      /when decompressed; the limit is 100000/,
    ],
    ['another address', () => post('', protobuf, '/v1/metrics'), 404, 5, /nothing at \/v1\/metrics/],
  ] as const) {
    it(`refuses ${what} with ${status} and a Status in protobuf`, async () => {
      const answer = await send();
      assert.equal(answer.status, status);
      assert.equal(answer.headers.get('content-type'), 'application/x-protobuf');
      const { number, text } = readPair(answer.body);
      assert.equal(number, code);
      assert.match(text, message);
    });
  }

  it('takes a body of exactly the limit', async () => {
    const body = paddedRequest(maxRequestBytes);
    assert.equal(body.length, maxRequestBytes);
    assert.equal((await post(body, protobuf)).status, 200);
    assert.equal((await post(gzipSync(body), { ...protobuf, 'content-encoding': 'gzip' })).status, 200);
  });

  it('refuses JSON that is none with a Status in JSON', async () => {
    const answer = await post('{"resourceSpans":5}', json);
    assert.equal(answer.status, 400);
    assert.equal(answer.headers.get('content-type'), 'application/json');
    assert.deepEqual(JSON.parse(answer.body.toString()), { code: 3, message: 'resourceSpans must be an array; got 5' });
  });

  it('refuses other content types with 415 and other methods with 405', async () => {
    const text = await post('x', { 'content-type': 'text/plain' });
    assert.equal(text.status, 415);
    assert.match(readPair(text.body).text, /Content-Type "text\/plain" is not OTLP/);
    const get = await fetch(`${server.otlpUrl}/v1/traces`);
    assert.equal(get.status, 405);
    assert.equal(get.headers.get('allow'), 'POST');
  });

  it('answers 413 to a sender that never says how much it sends', async () => {
    const request = httpRequest(`${server.otlpUrl}/v1/traces`, { method: 'POST', headers: protobuf });
    for (let i = 0; i < 20; i++) request.write(new Uint8Array(10_000));
    request.end();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    assert.equal(response.statusCode, 413);
    response.resume();
  });

  it('serves the next request after a sender that broke off in the middle of its body', async () => {
    const { port, hostname } = new URL(server.otlpUrl);
    const socket = connect(Number(port), hostname);
    socket.write(
      'POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\nContent-Length: 1000\r\n\r\nabc',
    );
    await once(socket, 'connect');
    socket.destroy();
    assert.equal((await post(toProtobuf(traceOf(1).json), protobuf)).status, 200);
  });

  it('keeps every span of many requests that come at once', async () => {
    const traces = Array.from({ length: 60 }, () => traceOf(20));
    const answers = await Promise.all(traces.map(({ json: text }) => post(toProtobuf(text), protobuf)));
    assert.ok(answers.every(({ status }) => status === 200));
    for (const { traceId } of traces) assert.equal(new Set(await storedSpanIds(traceId)).size, 20);
  });
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parseConfig, type RunningServer, startServer } from '@clew/server';
import { MalformedJsonError, MalformedProtobufError, MalformedThriftError } from '@clew/wire';
import type { SpanEncoding } from '#src/receive/span-encoding.js';
import { toOtlp } from '#src/transcode/to-otlp.js';
import { TraceTranscoder } from '#src/transcode/trace-transcoder.js';
import { freePorts } from './free-ports.js';
import { frame, RawCaller } from './grpc-calls.js';
import { encodePostSpans, postSpansPath } from './jaeger-post-spans.js';
import { mutate } from './mutate.js';

const zipkinJson = JSON.stringify([
  {
    traceId: '463ac35c9f6413ad48485a3953bb6124',
    id: 'a2fb4a1d1a96d312',
    parentId: '0020000000000001',
    kind: 'SERVER',
    name: 'get /orders',
    timestamp: 1_790_000_000_000_000,
    duration: 431_295,
    localEndpoint: { serviceName: 'orders', ipv4: '10.0.0.1', ipv6: '2001:db8::c001', port: 8080 },
    remoteEndpoint: { serviceName: 'gateway', ipv4: '10.0.0.2', port: 4711 },
    annotations: [{ timestamp: 1_790_000_000_000_001, value: '"miss": {"key":"k"}' }],
    tags: { 'http.method': 'GET', error: 'boom', ü: 'ß' },
    debug: true,
    shared: true,
  },
  { traceId: '48485a3953bb6124', id: 'a2fb4a1d1a96d313', kind: 'CLIENT', timestamp: 1_790_000_000_000_000 },
]);

/** A field of protobuf or a string of Thrift with its length, in hex; up to 127 bytes. */
const sized = (content: string) => (content.length / 2).toString(16).padStart(2, '0') + content;
const text = (value: string) => Buffer.from(value).toString('hex');

/** Two spans of zipkin.proto3, the first one with every field. */
const zipkinProtobuf = [
  `0a10463ac35c9f6413ad48485a3953bb6124${'12080020000000000001'}1a08a2fb4a1d1a96d3122002`,
  `2a${sized(text('get'))}310000a1b2c35c0600${'38bfa91a'}`,
  `42${sized(`0a${sized(text('orders'))}12040a00000120903f`)}`,
  `4a${sized(`1a1020010db800000000000000000000c001`)}`,
  `52${sized(`090000a1b2c35c060012${sized(text('ws'))}`)}`,
  `5a${sized(`0a${sized(text('error'))}12${sized(text('boom'))}`)}60016801`,
].join('');
const zipkinSpans = `0a${((zipkinProtobuf.length / 2) | 0x80).toString(16)}01${zipkinProtobuf}`;

const thriftString = (id: string, value: string) => `0b00${id}000000${sized(text(value))}`;
const thriftI64 = (id: string, value: string) => `0a00${id}${value.padStart(16, '0')}`;
const thriftTag = (key: string, type: string, value: string) =>
  `${thriftString('01', key)}080002000000${type}${value}00`;

/** A batch of Jaeger with one span that has every field. */
const jaegerBatch = [
  `0c0001${thriftString('01', 'orders')}0f00020c00000001${thriftTag('ip', '00', thriftString('03', '10.0.0.1'))}00`,
  '0f00020c00000001',
  thriftI64('01', '48485a3953bb6124'),
  thriftI64('02', '463ac35c9f6413ad'),
  thriftI64('03', 'a2fb4a1d1a96d312'),
  thriftI64('04', '0020000000000001'),
  thriftString('05', 'get'),
  `0f00060c0000000108000100000001${thriftI64('02', '5')}${thriftI64('03', '6')}${thriftI64('04', '7')}00`,
  `08000700000003${thriftI64('08', '65c5c3b2a1000')}${thriftI64('09', '6954f')}`,
  `0f000a0c00000003${thriftTag('error', '02', '02000501')}${thriftTag('d', '01', '0400043fe0000000000000')}`,
  `${thriftTag('long', '03', thriftI64('06', 'ffffffffffffffff'))}`,
  `0f000b0c00000001${thriftI64('01', '65c5c3b2a1000')}0f00020c00000001${thriftTag('event', '00', thriftString('03', 'miss'))}00`,
  '0000',
].join('');

/** A request of Jaeger's gRPC with one span that has every field. */
const jaegerRequest = encodePostSpans({
  process: { service_name: 'orders', tags: [{ key: 'ip', v_str: '10.0.0.1' }] },
  spans: [
    {
      trace_id: Buffer.from('463ac35c9f6413ad48485a3953bb6124', 'hex'),
      span_id: Buffer.from('a2fb4a1d1a96d312', 'hex'),
      operation_name: 'get',
      references: [{ trace_id: Buffer.alloc(16, 5), span_id: Buffer.alloc(8, 7), ref_type: 1 }],
      flags: 3,
      start_time: { seconds: 1_790_000_000, nanos: 5 },
      duration: { nanos: 431_295 },
      tags: [
        { key: 'error', v_type: 1, v_bool: true },
        { key: 'd', v_type: 3, v_float64: 0.5 },
        { key: 'long', v_type: 2, v_int64: -1 },
        { key: 'bytes', v_type: 4, v_binary: Buffer.from([1]) },
      ],
      logs: [{ timestamp: { seconds: 1_790_000_000 }, fields: [{ key: 'event', v_str: 'miss' }] }],
      process: { service_name: 'cart' },
      warnings: ['late'],
    },
  ],
});

interface Format {
  readonly encoding: SpanEncoding;
  readonly bytes: Uint8Array;
  readonly spanCount: number;
  readonly malformed: abstract new (...args: never[]) => Error;
}

interface HttpFormat extends Format {
  readonly url: (server: RunningServer) => string;
  readonly contentType: string;
}

const httpFormats: readonly HttpFormat[] = [
  {
    encoding: 'zipkin-json',
    bytes: Buffer.from(zipkinJson),
    spanCount: 2,
    malformed: MalformedJsonError,
    url: ({ zipkinUrl }) => `${zipkinUrl}/api/v2/spans`,
    contentType: 'application/json',
  },
  {
    encoding: 'zipkin-protobuf',
    bytes: Buffer.from(zipkinSpans, 'hex'),
    spanCount: 1,
    malformed: MalformedProtobufError,
    url: ({ zipkinUrl }) => `${zipkinUrl}/api/v2/spans`,
    contentType: 'application/x-protobuf',
  },
  {
    encoding: 'jaeger-thrift',
    bytes: Buffer.from(jaegerBatch, 'hex'),
    spanCount: 1,
    malformed: MalformedThriftError,
    url: ({ jaegerUrl }) => `${jaegerUrl}/api/traces`,
    contentType: 'application/x-thrift',
  },
];

const formats: readonly Format[] = [
  ...httpFormats,
  { encoding: 'jaeger-protobuf', bytes: jaegerRequest, spanCount: 1, malformed: MalformedProtobufError },
];

describe('mutated payloads', () => {
  for (const { encoding, bytes, spanCount, malformed } of formats) {
    it(`20,000 in ${encoding} become spans that the transcoder takes without exception, or are refused as malformed`, () => {
      const transcoder = new TraceTranscoder();
      const convert = (payload: Uint8Array) => toOtlp(encoding, new Uint8Array(payload));
      assert.equal(transcoder.transcode(convert(bytes).request).acceptedSpans, spanCount);
      const outcomes = { accepted: 0, rejected: 0, malformed: 0 };
      for (let seed = 0; seed < 20_000; seed++) {
        try {
          const { request, rejectedSpans } = convert(mutate(bytes, seed));
          const result = transcoder.transcode(request);
          assert.equal(result.rejectionReason, '', `seed ${seed}`);
          if (result.acceptedSpans > 0) outcomes.accepted++;
          if (rejectedSpans > 0) outcomes.rejected++;
        } catch (error) {
          if (!(error instanceof malformed)) throw error;
          outcomes.malformed++;
        }
        if (seed % 1_000 === 0) transcoder.takeBlocks();
      }
      // All three come about, or the mutations try nothing.
      for (const [outcome, count] of Object.entries(outcomes)) assert.ok(count > 50, `${count} ${outcome}`);
    });
  }
});

describe('a server that gets mutated payloads', () => {
  let directory: string;
  let server: RunningServer;
  const agent = new Agent({ keepAlive: true, maxSockets: 16 });

  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'clew-mutated-'));
    server = await startServer(parseConfig({}, { dataDir: directory, ...freePorts, logLevel: 'silent' }));
  });

  after(async () => {
    agent.destroy();
    await server.close();
    rmSync(directory, { recursive: true });
  });

  async function post({ url, contentType }: HttpFormat, body: Uint8Array): Promise<number | undefined> {
    const headers = { 'content-type': contentType, 'content-length': body.length };
    const request = httpRequest(url(server), { method: 'POST', headers, agent }).end(body);
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    response.resume();
    return response.statusCode;
  }

  for (const format of httpFormats) {
    it(`answers each of them in ${format.encoding} with 202 or 400, and the next good one with 202`, async () => {
      const countOf = new Map<number | undefined, number>();
      const memoryBefore = process.memoryUsage.rss();
      for (let first = 0; first < 1_000; first += 100) {
        const statuses = await Promise.all(
          Array.from({ length: 100 }, (_, i) => post(format, mutate(format.bytes, first + i))),
        );
        for (const status of statuses) countOf.set(status, (countOf.get(status) ?? 0) + 1);
        assert.equal(await post(format, format.bytes), 202);
      }
      assert.deepEqual([...countOf.keys()].sort(), [202, 400]);
      const grownMb = (process.memoryUsage.rss() - memoryBefore) / 2 ** 20;
      assert.ok(grownMb < 200, `${grownMb} MB more than before`);
    });
  }

  it('answers calls of gRPC with mutated frames and messages with what gRPC has for them, and the next good one', async () => {
    const raw = new RawCaller(server.jaegerGrpcUrl);
    const call = async (bytes: Uint8Array): Promise<string | undefined> =>
      (await raw.open({ ':path': postSpansPath, 'grpc-encoding': 'gzip' }).end(bytes))['grpc-status'] as
        | string
        | undefined;
    const good = frame(jaegerRequest);
    const statuses = new Set<string | undefined>();
    for (let first = 0; first < 1_000; first += 100) {
      const ends = await Promise.all(Array.from({ length: 100 }, (_, i) => call(mutate(good, first + i))));
      for (const end of ends) statuses.add(end);
      assert.equal(await call(good), '0');
    }
    raw.close();
    // OK, INVALID_ARGUMENT, RESOURCE_EXHAUSTED, UNIMPLEMENTED, INTERNAL (a compressed flag that is none).
    const allowed = ['0', '3', '8', '12', '13'];
    assert.deepEqual(
      [...statuses].filter((each) => each === undefined || !allowed.includes(each)),
      [],
    );
    assert.ok(statuses.size >= 4, [...statuses].join());
  });
});

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parseConfig, type RunningServer, startServer } from '@clew/server';
import { status } from '@grpc/grpc-js';
import { freePorts } from './free-ports.js';
import { exportPath, GrpcCaller, healthPath, RawCaller, readDetails } from './grpc-calls.js';
import { paddedRequest, toProtobuf, traceOf } from './otlp-requests.js';
import { fetchStoredTrace } from './stored-trace.js';

const maxRequestBytes = 100_000;
const spoolMaxBytes = 1_048_576;

let directory: string;
let server: RunningServer;
let caller: GrpcCaller;

before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'clew-grpc-'));
  const limits = { maxRequestBytes, spoolMaxBytes };
  server = await startServer(parseConfig({}, { dataDir: directory, ...freePorts, ...limits, logLevel: 'warn' }));
  caller = new GrpcCaller(server.otlpGrpcUrl);
});

after(async () => {
  caller.close();
  await server.close();
  rmSync(directory, { recursive: true });
});

describe('OTLP over gRPC', () => {
  for (const compression of ['identity', 'gzip', 'deflate'] as const) {
    it(`takes an export with ${compression}, answers with an empty message, and the trace can be read`, async () => {
      const compressing = new GrpcCaller(server.otlpGrpcUrl, compression);
      const { traceId, json } = traceOf(3);
      assert.equal((await compressing.call(exportPath, toProtobuf(json))).length, 0);
      compressing.close();
      const spans = await fetchStoredTrace(server.uiUrl, traceId, 3);
      assert.deepEqual([...spans.keys()].sort(), ['span 0', 'span 1', 'span 2']);
    });
  }

  it('answers an empty request with success', async () => {
    assert.equal((await caller.call(exportPath, new Uint8Array())).length, 0);
  });

  it('keeps the good spans of a request, and says how many were rejected and why', async () => {
    const { traceId, json } = traceOf(2);
    const request = JSON.parse(json) as { resourceSpans: [{ scopeSpans: [{ spans: { spanId: string }[] }] }] };
    request.resourceSpans[0].scopeSpans[0].spans[0]!.spanId = '00';
    const response = await caller.call(exportPath, toProtobuf(JSON.stringify(request)));
    // ExportTracePartialSuccess in field 1: rejected_spans 1, then the message.
    assert.deepEqual([response[0], response[2], response[3], response[4]], [0x0a, 0x08, 1, 0x12]);
    assert.match(response.subarray(6).toString(), /^span_id must be 8 bytes, not all zero; got 1 bytes, 00$/);
    assert.deepEqual(
      Array.from((await fetchStoredTrace(server.uiUrl, traceId, 1)).values(), ({ spanId }) => spanId),
      ['0000000000000002'],
    );
  });

  it('refuses bytes that are no protobuf with INVALID_ARGUMENT', async () => {
    const { code, details, metadata } = await caller.fail(exportPath, Buffer.from('{"resourceSpans":[]}'));
    assert.equal(code, status.INVALID_ARGUMENT);
    assert.match(details, /malformed protobuf at byte/);
    assert.equal(readDetails(metadata), undefined);
  });

  it('takes a message of exactly the limit, and refuses one byte more with RESOURCE_EXHAUSTED and no RetryInfo', async () => {
    assert.equal((await caller.call(exportPath, paddedRequest(maxRequestBytes))).length, 0);
    const { code, details, metadata } = await caller.fail(exportPath, paddedRequest(maxRequestBytes + 1));
    assert.equal(code, status.RESOURCE_EXHAUSTED);
    assert.match(details, /The body has 100001 bytes; the limit is 100000 \(CLEW_MAX_REQUEST_BYTES\)\. Send smaller/);
    assert.equal(readDetails(metadata), undefined);
  });

  it('holds a message to the limit after decompression too', async () => {
    const compressing = new GrpcCaller(server.otlpGrpcUrl, 'gzip');
    assert.equal((await compressing.call(exportPath, paddedRequest(maxRequestBytes))).length, 0);
    const { code, details } = await compressing.fail(exportPath, paddedRequest(maxRequestBytes + 1));
    assert.equal(code, status.RESOURCE_EXHAUSTED);
    assert.match(details, /more than 100000 bytes when decompressed/);
    compressing.close();
  });

  it('refuses another service and another method with UNIMPLEMENTED, and names its own', async () => {
    for (const path of ['/opentelemetry.proto.collector.logs.v1.LogsService/Export', `${exportPath}2`, '/toString']) {
      const { code, details } = await caller.fail(path, new Uint8Array());
      assert.equal(code, status.UNIMPLEMENTED, path);
      assert.equal(details, `There is no method ${path} at this port. Known: ${exportPath}, ${healthPath}.`);
    }
  });

  it('asks the sender to come back with UNAVAILABLE and RetryInfo when the spool is full', async () => {
    // Rows of many small segments wait for the engine; random bytes do not get smaller on their way.
    const attribute = (value: string) => [{ key: 'k', value: { stringValue: value } }];
    const request = (): Uint8Array => {
      const parsed = JSON.parse(traceOf(1).json) as { resourceSpans: [{ scopeSpans: [{ spans: [object] }] }] };
      Object.assign(parsed.resourceSpans[0].scopeSpans[0].spans[0], {
        attributes: attribute(randomBytes(45_000).toString('hex')),
      });
      return toProtobuf(JSON.stringify(parsed));
    };
    // Two at a time: more would wait before the spool.
    const outcomes: PromiseSettledResult<Buffer>[] = [];
    while (outcomes.length < 200 && !outcomes.some((outcome) => outcome.status === 'rejected')) {
      outcomes.push(...(await Promise.allSettled([1, 2].map(() => caller.call(exportPath, request())))));
    }
    const refused = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
    assert.ok(refused.length > 0, 'the spool took all');
    assert.ok(refused.length < outcomes.length, 'the spool took nothing');
    for (const { code, details, metadata } of refused) {
      assert.equal(code, status.UNAVAILABLE);
      assert.match(details, /the spool holds \d+ bytes that the engine has not taken yet; its limit is 1048576/);
      assert.deepEqual(readDetails(metadata), {
        code: status.UNAVAILABLE,
        message: details,
        retryDelay: { retry_delay: { seconds: 1 } },
      });
    }
  });

  it('answers the health check of gRPC, for the server and for its service, and knows no other', async () => {
    const check = (service: string) => Buffer.concat([Buffer.from([0x0a, service.length]), Buffer.from(service)]);
    const service = exportPath.split('/')[1]!;
    for (const message of [Buffer.alloc(0), check(''), check(service)]) {
      // HealthCheckResponse.status 1 is SERVING.
      assert.deepEqual(await caller.call(healthPath, message), Buffer.from([0x08, 1]));
    }
    const { code, details } = await caller.fail(healthPath, check('a.Service'));
    assert.equal(code, status.NOT_FOUND);
    assert.equal(details, `There is no service a.Service at this port. Known: ${service}.`);
  });

  it('counts what it took and what it refused, and is a part of readiness', async () => {
    const metrics = await (await fetch(`${server.uiUrl}/metrics`)).text();
    const value = (pattern: RegExp): number => Number(pattern.exec(metrics)?.[1]);
    assert.ok(value(/^clew_received_spans_total\{receiver="otlp-grpc"\} (\d+)$/m) >= 11);
    assert.ok(value(/^clew_refused_requests_total\{receiver="otlp-grpc",reason="too_large"\} (\d+)$/m) >= 2);
    assert.ok(value(/^clew_refused_requests_total\{receiver="otlp-grpc",reason="malformed"\} (\d+)$/m) >= 1);
    const { parts } = (await (await fetch(`${server.uiUrl}/ready/ingest`)).json()) as { parts: object };
    assert.deepEqual((parts as Record<string, unknown>)['otlp-grpc'], { ready: true });
  });

  it('refuses what is not gRPC with 415, and a plain HTTP/1 request without ceasing to serve', async () => {
    const raw = new RawCaller(server.otlpGrpcUrl);
    const headers = await raw.open({ 'content-type': 'application/x-protobuf' }).end(new Uint8Array());
    assert.equal(headers[':status'], 415);
    raw.close();
    await assert.rejects(fetch(`${server.otlpGrpcUrl}/v1/traces`, { method: 'POST' }));
    assert.equal((await caller.call(exportPath, new Uint8Array())).length, 0);
  });
});

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parseConfig, type RunningServer, startServer } from '@clew/server';
import { status } from '@grpc/grpc-js';
import { freePorts } from './free-ports.js';
import { exportPath, GrpcCaller, healthPath } from './grpc-calls.js';
import { encodePostSpans, postSpansPath } from './jaeger-post-spans.js';
import { fetchStoredTrace } from './stored-trace.js';

let directory: string;
let server: RunningServer;
let caller: GrpcCaller;

before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'clew-jaeger-grpc-'));
  server = await startServer(parseConfig({}, { dataDir: directory, ...freePorts, logLevel: 'warn' }));
  caller = new GrpcCaller(server.jaegerGrpcUrl);
});

after(async () => {
  caller.close();
  await server.close();
  rmSync(directory, { recursive: true });
});

const spanOf = (traceId: string, spanId: string) => ({
  trace_id: Buffer.from(traceId, 'hex'),
  span_id: Buffer.from(spanId, 'hex'),
  operation_name: `span ${spanId}`,
  start_time: { seconds: 1_790_000_000 },
  duration: { nanos: 1_500 },
  tags: [{ key: 'http.status_code', v_type: 2, v_int64: 200 }],
});

describe("Jaeger's gRPC", () => {
  it('takes spans, answers with an empty message, and the trace can be read', async () => {
    const traceId = 'a'.repeat(32);
    const spans = ['1'.repeat(16), '2'.repeat(16)].map((id) => spanOf(traceId, id));
    const response = await caller.call(postSpansPath, encodePostSpans({ spans, process: { service_name: 'orders' } }));
    assert.equal(response.length, 0);
    const stored = await fetchStoredTrace(server.uiUrl, traceId, 2);
    const { durationNs, attributes, resource } = stored.get(`span ${'1'.repeat(16)}`)!;
    assert.equal(durationNs, 1_500);
    assert.deepEqual(attributes, [{ key: 'http.status_code', value: { type: 'int', value: 200n } }]);
    assert.deepEqual(resource, [{ key: 'service.name', value: { type: 'string', value: 'orders' } }]);
  });

  it('keeps the good spans of a call, and refuses one that has none with INVALID_ARGUMENT', async () => {
    const traceId = 'b'.repeat(32);
    const bad = spanOf(traceId, '00');
    const response = await caller.call(
      postSpansPath,
      encodePostSpans({ spans: [bad, spanOf(traceId, '3'.repeat(16))] }),
    );
    assert.equal(response.length, 0);
    assert.deepEqual([...(await fetchStoredTrace(server.uiUrl, traceId, 1)).keys()], [`span ${'3'.repeat(16)}`]);
    const { code, details } = await caller.fail(postSpansPath, encodePostSpans({ spans: [bad] }));
    assert.equal(code, status.INVALID_ARGUMENT);
    assert.match(details, /^None of the 1 spans can be read\. The first: span_id must be 8 bytes; got 1 bytes, 00\.$/);
  });

  it('refuses bytes that are no protobuf, and calls of another service', async () => {
    const { code, details } = await caller.fail(postSpansPath, Buffer.from('{"batch":{}}'));
    assert.equal(code, status.INVALID_ARGUMENT);
    assert.match(details, /malformed protobuf at byte/);
    const other = await caller.fail(exportPath, new Uint8Array());
    assert.equal(other.code, status.UNIMPLEMENTED);
    assert.equal(
      other.details,
      `There is no method ${exportPath} at this port. Known: ${postSpansPath}, ${healthPath}.`,
    );
  });
});

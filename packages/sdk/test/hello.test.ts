import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { kind } from './otlp-decoding.js';
import { OtlpSink } from './otlp-sink.js';
import { runNode } from './run-app.js';

const folder = join(import.meta.dirname, '..', '..', '..', 'examples', 'hello', 'dist');

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Asks until the example listens: it says nothing when it does. */
async function askWhenUp(url: string, headers: Record<string, string>): Promise<Response> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await fetch(url, { headers });
    } catch (error) {
      if (attempt === 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

const examples = {
  'manual.ts': { args: [join(folder, 'manual.js')], service: 'my-service', name: 'GET /' },
  'auto.ts': {
    args: ['--import', '@clew/sdk/register', join(folder, 'auto.js')],
    service: '@clew-examples/hello',
    name: 'GET',
  },
};

for (const [file, { args, service, name }] of Object.entries(examples)) {
  test(`examples/hello/${file} answers, logs the user and exports the request with its work in the caller's trace`, async (t) => {
    const sink = await OtlpSink.start();
    t.after(() => sink.close());
    const port = await freePort();
    const app = runNode(t, args, { PORT: String(port), OTEL_EXPORTER_OTLP_ENDPOINT: sink.endpoint });
    const response = await askWhenUp(`http://127.0.0.1:${port}/`, {
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      baggage: 'user-id=al%20ice',
    });
    assert.equal(response.status, 200);
    assert.equal(await response.text(), 'Hello from my-service!\n');
    const spans = await sink.waitFor(2);
    const work = spans.find((span) => span.name === 'work')!;
    const request = spans.find((span) => span.name === name)!;
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    assert.equal(spans.length, 2);
    assert.equal(request.kind, kind.server);
    assert.equal(request.attributes.component, 'http-server');
    assert.deepEqual([request.traceId, request.parentSpanId], [traceId, 'b7ad6b7169203331']);
    assert.deepEqual([work.traceId, work.parentSpanId], [traceId, request.spanId]);
    assert.ok(work.endNs - work.startNs >= 99_000_000n);
    assert.equal(request.resource['service.name'], service);
    assert.equal(response.headers.get('traceresponse'), `00-${traceId}-${request.spanId}-01`);
    assert.equal(response.headers.get('server-timing'), `trace;desc=00-${traceId}-${request.spanId}-01`);
    assert.equal(app.stdout, `User ID: al ice trace_id=${traceId} span_id=${request.spanId}\n`);
  });
}

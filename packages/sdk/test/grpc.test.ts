import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { AlwaysOnSampler, ClewTracerProvider, type ExportOptions, type TlsOptions } from '@clew/sdk';
import * as grpc from '@grpc/grpc-js';
import { decodeTraceRequest, type SinkSpan } from './otlp-decoding.js';
import { runNode, writeApp } from './run-app.js';
import { makeCertificate } from './tls-certificate.js';

type Answer = { error?: Partial<grpc.ServiceError>; body?: Buffer; delayMs?: number };

/** A collector made with the official gRPC library; it takes bytes, and is told how to answer. */
class GrpcCollector {
  readonly spans: SinkSpan[] = [];
  readonly metadata: grpc.Metadata[] = [];
  readonly peers = new Set<string>();
  answer: () => Answer = () => ({});
  address = '';
  private readonly server = new grpc.Server();
  private readonly waiting = new Set<() => void>();

  static async start(t: TestContext, credentials?: grpc.ServerCredentials, where = '127.0.0.1:0') {
    const collector = new GrpcCollector();
    const identity = (bytes: Buffer): Buffer => bytes;
    collector.server.addService(
      {
        Export: {
          path: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
          requestStream: false,
          responseStream: false,
          requestSerialize: identity,
          requestDeserialize: identity,
          responseSerialize: identity,
          responseDeserialize: identity,
        },
      },
      {
        Export: (call: grpc.ServerUnaryCall<Buffer, Buffer>, callback: grpc.sendUnaryData<Buffer>) => {
          collector.metadata.push(call.metadata);
          collector.peers.add(call.getPeer());
          const { error, body = Buffer.alloc(0), delayMs = 0 } = collector.answer();
          if (error === undefined) collector.spans.push(...decodeTraceRequest(call.request));
          setTimeout(() => (error === undefined ? callback(null, body) : callback(error)), delayMs).unref();
          for (const resolve of collector.waiting) resolve();
          collector.waiting.clear();
        },
      },
    );
    const port = await new Promise<number>((resolve, reject) => {
      collector.server.bindAsync(where, credentials ?? grpc.ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
    collector.address = `127.0.0.1:${port}`;
    t.after(() => collector.stop());
    return collector;
  }

  /** Breaks its connections off. */
  stop(): void {
    this.server.forceShutdown();
  }

  async waitForCalls(count: number): Promise<void> {
    while (this.metadata.length < count) {
      await new Promise<void>((resolve) => {
        this.waiting.add(resolve);
      });
    }
  }
}

function providerFor(t: TestContext, url: string, options: ExportOptions = {}): ClewTracerProvider {
  const provider = new ClewTracerProvider({
    sampler: new AlwaysOnSampler(),
    export: { protocol: 'grpc', url, delayMs: 5, ...options },
  });
  t.after(() => provider.shutdown());
  return provider;
}

/** A google.rpc.Status with a RetryInfo of so many seconds and nanoseconds. */
function retryInfo(seconds: number, nanos: number): grpc.Metadata {
  const field = (number: number, content: Buffer): Buffer =>
    Buffer.concat([Buffer.from([(number << 3) | 2, content.length]), content]);
  const varint = (number: number, value: number): Buffer => {
    const bytes = [number << 3];
    let rest = value;
    for (; rest > 0x7f; rest = Math.floor(rest / 0x80)) bytes.push((rest & 0x7f) | 0x80);
    return Buffer.from([...bytes, rest]);
  };
  const duration = Buffer.concat([varint(1, seconds), varint(2, nanos)]);
  const any = Buffer.concat([
    field(1, Buffer.from('type.googleapis.com/google.rpc.RetryInfo')),
    field(2, field(1, duration)),
  ]);
  const metadata = new grpc.Metadata();
  metadata.set('grpc-status-details-bin', Buffer.concat([varint(1, 8), field(3, any)]));
  return metadata;
}

test('spans arrive over OTLP/gRPC, with headers as metadata, on one connection for many calls', async (t) => {
  const collector = await GrpcCollector.start(t);
  const provider = providerFor(t, `http://${collector.address}`, { headers: { 'x-tenant': '7' }, maxBatchSpans: 1 });
  const tracer = provider.getTracer('a');
  for (let index = 0; index < 50; index++) tracer.startSpan(`s${index}`).end();
  await provider.forceFlush();
  assert.equal(new Set(collector.spans.map((span) => span.name)).size, 50);
  assert.equal(collector.spans.length, 50);
  assert.deepEqual(collector.metadata[0]!.get('x-tenant'), ['7']);
  assert.equal(collector.peers.size, 1);
  assert.equal(provider.isIdle, true);
});

test('a large batch and a compressed one arrive whole', async (t) => {
  const collector = await GrpcCollector.start(t);
  for (const compression of ['none', 'gzip'] as const) {
    const provider = providerFor(t, `http://${collector.address}`, { compression, delayMs: 60_000 });
    for (let index = 0; index < 400; index++) {
      provider
        .getTracer('a')
        .startSpan('s', { attributes: { filler: `${index}`.repeat(250) } })
        .end();
    }
    await provider.forceFlush();
  }
  assert.equal(collector.spans.length, 800);
  assert.equal(collector.metadata.length, 2);
});

const retried: readonly [string, Partial<grpc.ServiceError>, minWaitMs: number][] = [
  ['UNAVAILABLE', { code: grpc.status.UNAVAILABLE }, 300],
  ['DEADLINE_EXCEEDED', { code: grpc.status.DEADLINE_EXCEEDED }, 300],
  [
    'RESOURCE_EXHAUSTED with a RetryInfo',
    { code: grpc.status.RESOURCE_EXHAUSTED, metadata: retryInfo(1, 100_000_000) },
    1_090,
  ],
];
for (const [what, error, minWaitMs] of retried) {
  test(`${what} is tried again after ${minWaitMs} ms at least`, async (t) => {
    const collector = await GrpcCollector.start(t);
    const answers: Answer[] = [{ error }];
    const times: number[] = [];
    collector.answer = () => {
      times.push(performance.now());
      return answers.shift() ?? {};
    };
    providerFor(t, `http://${collector.address}`).getTracer('a').startSpan('s').end();
    await collector.waitForCalls(2);
    assert.equal(collector.spans.length, 1);
    assert.ok(times[1]! - times[0]! >= minWaitMs, `${times[1]! - times[0]!} ms`);
  });
}

for (const [what, code] of [
  ['UNAUTHENTICATED', grpc.status.UNAUTHENTICATED],
  ['RESOURCE_EXHAUSTED without a RetryInfo', grpc.status.RESOURCE_EXHAUSTED],
] as const) {
  test(`${what} is not tried again`, async (t) => {
    const collector = await GrpcCollector.start(t);
    collector.answer = () => ({ error: { code, details: 'no, thank you' } });
    const provider = providerFor(t, `http://${collector.address}`);
    provider.getTracer('a').startSpan('s').end();
    await provider.forceFlush();
    assert.equal(provider.isIdle, true);
    assert.equal(collector.metadata.length, 1);
  });
}

const script = `import { trace } from '@opentelemetry/api';
 trace.getTracer('a').startSpan('s').end();`;

test('a refusal and a partial success are said, with their reasons', async (t) => {
  const collector = await GrpcCollector.start(t);
  const path = await writeApp(t, 'app.mjs', script);
  const run = async (answer: Answer) => {
    collector.answer = () => answer;
    const app = runNode(t, ['--import', '@clew/sdk/register', path], {
      OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://${collector.address}`,
    });
    assert.deepEqual(await app.exit(), { code: 0, signal: null });
    return app.notices.at(-1)!;
  };
  const refused = await run({ error: { code: grpc.status.PERMISSION_DENIED, details: 'wrong key: ä' } });
  assert.match(refused, /refused 1 spans \(gRPC status 7, wrong key: ä\)/);
  const partial = Buffer.from([0x0a, 0x09, 0x08, 0x01, 0x12, 0x05, ...Buffer.from('large')]);
  assert.match(await run({ body: partial }), /refused 1 spans \(large\)/);
});

test('host:port without a scheme is secure, unless OTEL_EXPORTER_OTLP_INSECURE says otherwise', async (t) => {
  const collector = await GrpcCollector.start(t);
  const path = await writeApp(t, 'app.mjs', script);
  for (const insecure of ['', 'true']) {
    const app = runNode(t, ['--import', '@clew/sdk/register', path], {
      OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'grpc',
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.address,
      OTEL_EXPORTER_OTLP_INSECURE: insecure,
    });
    assert.deepEqual(await app.exit(), { code: 0, signal: null });
    assert.equal(collector.spans.length, insecure === 'true' ? 1 : 0, app.stderr);
  }
});

const { key, cert } = makeCertificate();

async function deliveredOverTls(t: TestContext, asksForCertificate: boolean, tls: TlsOptions): Promise<number> {
  const pair = { private_key: Buffer.from(key), cert_chain: Buffer.from(cert) };
  const credentials = grpc.ServerCredentials.createSsl(Buffer.from(cert), [pair], asksForCertificate);
  const collector = await GrpcCollector.start(t, credentials);
  const provider = providerFor(t, `https://${collector.address}`, { tls, flushTimeoutMs: 300 });
  provider.getTracer('a').startSpan('s').end();
  await provider.forceFlush();
  await provider.shutdown();
  return collector.spans.length;
}

test('gRPC runs over TLS with the given authority', async (t) => {
  assert.equal(await deliveredOverTls(t, false, { ca: cert }), 1);
  assert.equal(await deliveredOverTls(t, false, {}), 0);
});

test('gRPC runs over mutual TLS: the collector gets the certificate that it asks for', async (t) => {
  assert.equal(await deliveredOverTls(t, true, { ca: cert, key, cert }), 1);
  assert.equal(await deliveredOverTls(t, true, { ca: cert }), 0);
});

test('gRPC runs through a unix socket', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'clew-grpc-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const socketPath = join(folder, 'grpc.sock');
  const local = await GrpcCollector.start(t, undefined, `unix:${socketPath}`);
  const throughSocket = providerFor(t, `unix://${socketPath}`);
  throughSocket.getTracer('a').startSpan('s').end();
  await throughSocket.forceFlush();
  assert.equal(local.spans.length, 1);
});

test('a gRPC collector that goes away and comes back gets what was kept', async (t) => {
  const first = await GrpcCollector.start(t);
  const provider = providerFor(t, `http://${first.address}`);
  provider.getTracer('a').startSpan('one').end();
  await provider.forceFlush();
  // Ends the connection as a restart does.
  first.answer = () => ({ delayMs: 60_000 });
  provider.getTracer('a').startSpan('two').end();
  await first.waitForCalls(2);
  first.stop();
  const second = await GrpcCollector.start(t, undefined, first.address);
  await second.waitForCalls(1);
  assert.equal(second.spans[0]!.name, 'two');
});

test('a gRPC connection does not keep the process alive', async (t) => {
  const collector = await GrpcCollector.start(t);
  const path = await writeApp(
    t,
    'app.mjs',
    `${script}
     setTimeout(() => console.log('last'), 100);`,
  );
  const app = runNode(t, ['--import', '@clew/sdk/register', path], {
    OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://${collector.address}`,
    OTEL_BSP_SCHEDULE_DELAY: '5',
  });
  const startMs = performance.now();
  assert.deepEqual(await app.exit(), { code: 0, signal: null });
  assert.ok(performance.now() - startMs < 1_900);
  assert.equal(collector.spans.length, 1);
});

test('gRPC delivers before process.exit() too', async (t) => {
  const collector = await GrpcCollector.start(t);
  const path = await writeApp(t, 'app.mjs', `${script} process.exit(3);`);
  const app = runNode(t, ['--import', '@clew/sdk/register', path], {
    OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://${collector.address}`,
  });
  assert.deepEqual(await app.exit(), { code: 3, signal: null });
  assert.equal(collector.spans.length, 1);
  assert.equal(app.notices.length, 1, app.stderr);
});

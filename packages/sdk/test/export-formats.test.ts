import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { AlwaysOnSampler, ClewTracerProvider, type ClewTracerProviderOptions } from '@clew/sdk';
import { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { JsonTraceSerializer, ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import { InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { CollectingServer } from './collecting-server.js';
import { decodeTraceRequest } from './otlp-decoding.js';
import { OtlpSink } from './otlp-sink.js';
import { runNode, writeApp } from './run-app.js';

/** A provider that exports as told, and an official exporter that has seen the same spans. */
function providerFor(t: TestContext, options: ClewTracerProviderOptions) {
  const official = new InMemorySpanExporter();
  const provider = new ClewTracerProvider({
    sampler: new AlwaysOnSampler(),
    resource: { 'service.name': 'orders', 'service.namespace': 'shop' },
    spanProcessors: [new SimpleSpanProcessor(official)],
    ...options,
  });
  t.after(() => provider.shutdown());
  return { provider, official };
}

/** One span of each kind and with everything that a span can have. */
function makeSpans(provider: ClewTracerProvider): void {
  const tracer = provider.getTracer('scope-a', '1.2.3', { schemaUrl: 'https://opentelemetry.io/schemas/1.37.0' });
  const other = provider.getTracer('scope-b').startSpan('linked', { startTime: [1_700_000_000, 999] });
  const parent = tracer.startSpan('GET /orders/:id', {
    kind: SpanKind.SERVER,
    startTime: [1_700_000_000, 1_234],
    attributes: {
      text: 'a "quoted" ü',
      empty: '',
      whole: 42,
      negative: -1,
      big: 2 ** 53,
      fraction: 0.5,
      yes: true,
      no: false,
      texts: ['a', 'b'],
      numbers: [1, 2.5],
    },
    links: [{ context: other.spanContext(), attributes: { why: 'cause' } }],
  });
  parent.addEvent('cache.miss', { key: 'k1', tries: 2 }, [1_700_000_000, 2_000_000]);
  parent.addEvent('plain', [1_700_000_000, 3_000_000]);
  parent.setStatus({ code: SpanStatusCode.ERROR, message: 'out of stock' });
  const context = trace.setSpan(ROOT_CONTEXT, parent);
  for (const [kind, attributes] of [
    [SpanKind.CLIENT, { 'server.address': 'stock.example', 'server.port': 8080 }],
    [SpanKind.PRODUCER, { 'network.peer.address': '10.0.0.7', 'network.peer.port': 5672 }],
    [SpanKind.CONSUMER, { 'peer.service': 'never used' }],
    [SpanKind.INTERNAL, {}],
  ] as const) {
    const child = tracer.startSpan(`kind ${kind}`, { kind, attributes, startTime: [1_700_000_000, 5_000] }, context);
    if (kind === SpanKind.INTERNAL) child.setStatus({ code: SpanStatusCode.OK });
    child.end([1_700_000_000, 5_999]);
  }
  parent.end([1_700_000_001, 1_233]);
  other.end([1_700_000_000, 999]);
}

/**
 * Without fields that hold their default: whether those are written is each writer's own choice. Integers as strings, as
 * protobuf's JSON mapping has it; the official serializer writes numbers, which are legal too.
 */
function withoutDefaults(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutDefaults);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(
    ([key, item]) => [key, key === 'intValue' ? String(item) : withoutDefaults(item)] as const,
  );
  return Object.fromEntries(
    entries.filter(
      ([key, item]) =>
        key.endsWith('Value') ||
        !(item === 0 || item === '' || (typeof item === 'object' && item !== null && Object.keys(item).length === 0)),
    ),
  );
}

test('OTLP/HTTP JSON is what the official serializer writes of the same spans', async (t) => {
  const collector = await CollectingServer.start(t);
  const { provider, official } = providerFor(t, {
    export: { protocol: 'http/json', url: `http://127.0.0.1:${collector.port}/v1/traces` },
  });
  makeSpans(provider);
  await provider.forceFlush();
  const [request] = collector.requests;
  assert.equal(request!.headers['content-type'], 'application/json');
  const theirs = JSON.parse(
    new TextDecoder().decode(JsonTraceSerializer.serializeRequest(official.getFinishedSpans())),
  ) as unknown;
  const sorted = (body: unknown) =>
    (withoutDefaults(body) as { resourceSpans: { scopeSpans: { scope: { name: string } }[] }[] }).resourceSpans.map(
      (resource) => ({
        ...resource,
        scopeSpans: resource.scopeSpans.toSorted((a, b) => a.scope.name.localeCompare(b.scope.name)),
      }),
    );
  const ours = sorted(JSON.parse(request!.body.toString()));
  assert.deepEqual(ours, sorted(theirs));
});

test('OTLP/HTTP protobuf has the same content as the official serializer writes of the same spans', async (t) => {
  const collector = await CollectingServer.start(t);
  const { provider, official } = providerFor(t, { export: { url: `http://127.0.0.1:${collector.port}/v1/traces` } });
  makeSpans(provider);
  await provider.forceFlush();
  const byName = (body: Uint8Array) =>
    decodeTraceRequest(Buffer.from(body)).toSorted((a, b) => a.name.localeCompare(b.name));
  assert.deepEqual(
    byName(collector.requests[0]!.body),
    byName(ProtobufTraceSerializer.serializeRequest(official.getFinishedSpans())!),
  );
});

test('Zipkin gets kinds, microseconds, endpoints, annotations and status tags as the specification maps them', async (t) => {
  const collector = await CollectingServer.start(t);
  const { provider } = providerFor(t, {
    export: { protocol: 'zipkin', url: `http://127.0.0.1:${collector.port}/api/v2/spans` },
  });
  collector.answer = (_request, response) => response.writeHead(202).end();
  makeSpans(provider);
  await provider.forceFlush();
  const [request] = collector.requests;
  assert.equal(request!.url, '/api/v2/spans');
  assert.equal(request!.headers['content-type'], 'application/json');
  type ZipkinSpan = Record<string, unknown> & { name: string; tags: Record<string, string> };
  const spans = JSON.parse(request!.body.toString()) as ZipkinSpan[];
  const named = (name: string): ZipkinSpan => spans.find((span) => span.name === name)!;
  const server = named('GET /orders/:id');
  assert.match(String(server.traceId), /^[0-9a-f]{32}$/);
  assert.equal(server.parentId, undefined);
  assert.equal(server.kind, 'SERVER');
  assert.equal(server.timestamp, 1_700_000_000_000_001);
  assert.equal(server.duration, 999_999);
  assert.deepEqual(server.localEndpoint, { serviceName: 'orders' });
  assert.equal(server.remoteEndpoint, undefined);
  assert.deepEqual(server.annotations, [
    { timestamp: 1_700_000_000_002_000, value: '"cache.miss": {"key":"k1","tries":2}' },
    { timestamp: 1_700_000_000_003_000, value: 'plain' },
  ]);
  const { tags } = server;
  assert.equal(tags.text, 'a "quoted" ü');
  assert.equal(tags.whole, '42');
  assert.equal(tags.fraction, '0.5');
  assert.equal(tags.yes, 'true');
  assert.equal(tags.no, 'false');
  assert.equal(tags.texts, '["a","b"]');
  assert.equal(tags.numbers, '[1,2.5]');
  assert.equal(tags['otel.status_code'], 'ERROR');
  assert.equal(tags.error, 'out of stock');
  assert.equal(tags['otel.scope.name'], 'scope-a');
  assert.equal(tags['otel.scope.version'], '1.2.3');
  assert.equal(tags['service.namespace'], 'shop');
  const client = named(`kind ${SpanKind.CLIENT}`);
  assert.equal(client.parentId, server.id);
  assert.equal(client.kind, 'CLIENT');
  assert.deepEqual(client.remoteEndpoint, { serviceName: 'stock.example', port: 8080 });
  // 999 ns: Zipkin asks for one microsecond at least.
  assert.equal(client.duration, 1);
  assert.equal(client.tags.error, undefined);
  assert.equal(client.tags['otel.status_code'], undefined);
  const producer = named(`kind ${SpanKind.PRODUCER}`);
  assert.equal(producer.kind, 'PRODUCER');
  assert.deepEqual(producer.remoteEndpoint, { ipv4: '10.0.0.7', port: 5672 });
  const consumer = named(`kind ${SpanKind.CONSUMER}`);
  assert.equal(consumer.kind, 'CONSUMER');
  assert.equal(consumer.remoteEndpoint, undefined);
  const internal = named(`kind ${SpanKind.INTERNAL}`);
  assert.equal(internal.kind, undefined);
  assert.equal(internal.tags['otel.status_code'], 'OK');
  assert.equal(internal.tags.error, undefined);
  assert.equal('annotations' in internal, false);
});

test('OTEL_TRACES_EXPORTER names several exporters, and an unknown one is said and left out', async (t) => {
  const zipkin = await CollectingServer.start(t);
  const sink = await OtlpSink.start();
  t.after(() => sink.close());
  const path = await writeApp(
    t,
    'app.mjs',
    `import { trace } from '@opentelemetry/api';
     const span = trace.getTracer('a').startSpan('to all', { attributes: { n: 1 } });
     span.addEvent('seen', { by: 'me' });
     span.setStatus({ code: 2, message: 'broken' });
     span.end();`,
  );
  const app = runNode(t, ['--import', '@clew/sdk/register', path], {
    OTEL_TRACES_EXPORTER: 'otlp, zipkin,console,carrier-pigeon',
    OTEL_EXPORTER_OTLP_ENDPOINT: sink.endpoint,
    OTEL_EXPORTER_ZIPKIN_ENDPOINT: `http://127.0.0.1:${zipkin.port}/api/v2/spans`,
  });
  assert.deepEqual(await app.exit(), { code: 0, signal: null });
  assert.equal(sink.spans[0]?.name, 'to all');
  assert.equal((JSON.parse(zipkin.requests[0]!.body.toString()) as { name: string }[])[0]!.name, 'to all');
  const [line, event] = app.stdout.split('\n');
  assert.match(
    line!,
    /^\d\d:\d\d:\d\d\.\d{3} {2}to all {2}internal {2}[\d.]+ms {2}ERROR broken {2}trace=[0-9a-f]{32} /,
  );
  assert.match(line!, /{"n":1}$/);
  assert.match(event!, /^ {2}event seen \+[\d.]+ms {2}{"by":"me"}$/);
  assert.equal(app.notices.filter((text) => text.includes('"carrier-pigeon"')).length, 1);
});

test('spans go through a unix socket', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'clew-socket-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const socketPath = join(folder, 'collector.sock');
  const collector = await CollectingServer.start(t, { socketPath });
  const { provider } = providerFor(t, { export: { url: `unix://${socketPath}` } });
  makeSpans(provider);
  await provider.forceFlush();
  assert.equal(collector.requests[0]!.url, '/v1/traces');
  assert.equal(decodeTraceRequest(collector.requests[0]!.body).length, 6);
});

test('a redirect is not followed, and said', async (t) => {
  const target = await CollectingServer.start(t);
  const collector = await CollectingServer.start(t);
  collector.answer = (_request, response) =>
    response.writeHead(307, { location: `http://127.0.0.1:${target.port}/` }).end();
  const path = await writeApp(
    t,
    'app.mjs',
    `import { trace } from '@opentelemetry/api'; trace.getTracer('a').startSpan('s').end();`,
  );
  const app = runNode(t, ['--import', '@clew/sdk/register', path], {
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${collector.port}`,
  });
  await app.exit();
  assert.equal(collector.requests.length, 1);
  assert.equal(target.requests.length, 0);
  assert.match(app.notices.at(-1)!, /refused 1 spans \(HTTP 307; no redirect is followed\)/);
});

test('a pair of the headers variable that is none is said without its value and left out, the others are sent', async (t) => {
  const collector = await CollectingServer.start(t);
  const path = await writeApp(
    t,
    'app.mjs',
    `import { trace } from '@opentelemetry/api'; trace.getTracer('a').startSpan('s').end();`,
  );
  const app = runNode(t, ['--import', '@clew/sdk/register', path], {
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${collector.port}`,
    OTEL_EXPORTER_OTLP_HEADERS: 'Api-Key=a%20b%2Cc,broken=%zz-secret, =x,bad name=1,x-tenant=7,new=a%0Ab',
  });
  await app.exit();
  const { headers } = collector.requests[0]!;
  assert.equal(headers['api-key'], 'a b,c');
  assert.equal(headers['x-tenant'], '7');
  assert.equal(headers.broken, undefined);
  const said = app.notices.filter((line) => line.includes('OTEL_EXPORTER_OTLP_HEADERS is ignored'));
  assert.equal(said.length, 4, app.stderr);
  assert.ok(!app.stderr.includes('secret'));
});

/** A certificate authority, a server's and a client's certificate, made for this test. */
async function makeCertificates(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'clew-tls-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const openssl = (...args: string[]): void => {
    const { status, stderr } = spawnSync('openssl', args, { cwd: folder, encoding: 'utf8' });
    assert.equal(status, 0, stderr);
  };
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl('req', '-x509', ...curve, '-keyout', 'ca.key', '-out', 'ca.pem', '-days', '1', '-subj', '/CN=test authority');
  for (const [name, subject] of [
    ['server', '/CN=localhost'],
    ['client', '/CN=client'],
  ] as const) {
    const extensions = ['-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost'];
    openssl('req', ...curve, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', subject, ...extensions);
    const signing = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-copy_extensions', 'copy'];
    openssl('x509', '-req', '-in', `${name}.csr`, ...signing, '-days', '1', '-out', `${name}.pem`);
  }
  const path = (file: string): string => join(folder, file);
  const read = (file: string): Promise<string> => readFile(path(file), 'utf8');
  return { path, read };
}

test('TLS trusts the given authority and shows the client certificate; without them it is refused', async (t) => {
  const { path, read } = await makeCertificates(t);
  const tls = {
    key: await read('server.key'),
    cert: await read('server.pem'),
    ca: await read('ca.pem'),
    requestCert: true,
    rejectUnauthorized: true,
  };
  const collector = await CollectingServer.start(t, { tls });
  const script = await writeApp(
    t,
    'app.mjs',
    `import { trace } from '@opentelemetry/api'; trace.getTracer('a').startSpan('s').end();`,
  );
  const run = async (env: Record<string, string>) => {
    const app = runNode(t, ['--import', '@clew/sdk/register', script], {
      OTEL_EXPORTER_OTLP_ENDPOINT: `https://127.0.0.1:${collector.port}`,
      ...env,
    });
    assert.deepEqual(await app.exit(), { code: 0, signal: null });
    return app;
  };
  const untrusting = await run({});
  assert.match(untrusting.stderr, /no collector answers .*(SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_VERIFY)/);
  await run({ OTEL_EXPORTER_OTLP_CERTIFICATE: path('ca.pem') });
  assert.equal(collector.requests.length, 0);
  await run({
    OTEL_EXPORTER_OTLP_CERTIFICATE: path('ca.pem'),
    OTEL_EXPORTER_OTLP_CLIENT_KEY: path('client.key'),
    OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE: path('client.pem'),
  });
  assert.equal(decodeTraceRequest(collector.requests[0]!.body).length, 1);
  const missing = await run({ OTEL_EXPORTER_OTLP_CERTIFICATE: '/nowhere/ca.pem' });
  assert.match(missing.stderr, /OTEL_EXPORTER_OTLP_CERTIFICATE=\/nowhere\/ca.pem is ignored: ENOENT/);
});

import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import {
  type ClientHttp2Stream,
  connect,
  constants,
  createSecureServer,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import { type AddressInfo, connect as connectSocket } from 'node:net';
import { after, before, beforeEach, type TestContext, test } from 'node:test';
import { startTracing, type Tracing } from '@clew/sdk';
import { context, propagation, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { kind, type SinkSpan } from './otlp-decoding.js';
import { OtlpSink } from './otlp-sink.js';
import { runNode, writeApp } from './run-app.js';
import { makeCertificate } from './tls-certificate.js';

let sink: OtlpSink;
let tracing: Tracing;

before(async () => {
  process.env.OTEL_LOG_LEVEL = 'error';
  sink = await OtlpSink.start();
  tracing = startTracing({ export: { url: `${sink.endpoint}/v1/traces`, delayMs: 1 }, baggageHosts: ['127.0.0.1'] });
});
after(async () => {
  await tracing.shutdown();
  await sink.close();
});
beforeEach(() => sink.clear());

type OnStream = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

const answerOk: OnStream = (stream) => {
  stream.respond({ ':status': 200 });
  stream.end('ok');
};

async function connectTo(t: TestContext, onStream: OnStream, server: Http2Server = createServer()) {
  server.on('stream', (stream, headers) => {
    stream.on('error', () => undefined);
    onStream(stream, headers);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const scheme = 'setSecureContext' in server ? 'https' : 'http';
  const session = connect(`${scheme}://127.0.0.1:${port}`, { rejectUnauthorized: false });
  session.on('error', () => undefined);
  t.after(() => {
    session.destroy();
    server.close();
  });
  return { session, port };
}

async function readAll(stream: ClientHttp2Stream): Promise<string> {
  let text = '';
  for await (const chunk of stream.setEncoding('utf8')) text += chunk as string;
  return text;
}

/** The client's span of the path: those of other tests may still be on their way. */
async function clientSpan(path: string): Promise<SinkSpan> {
  const isIt = (span: SinkSpan): boolean =>
    span.kind === kind.client && new URL(String(span.attributes['url.full'])).pathname === path;
  return (await sink.waitFor((all) => all.some(isIt))).find(isIt)!;
}

test('a stream becomes a client span with the attributes of the stable HTTP conventions', async (t) => {
  const { session, port } = await connectTo(t, answerOk);
  assert.equal(await readAll(session.request({ ':path': '/orders/1?page=2&sig=secret', ':method': 'PUT' })), 'ok');
  const span = await clientSpan('/orders/1');
  assert.equal(span.name, 'PUT');
  assert.deepEqual(span.attributes, {
    'http.request.method': 'PUT',
    'server.address': '127.0.0.1',
    'server.port': port,
    'url.full': `http://127.0.0.1:${port}/orders/1?page=2&sig=REDACTED`,
    'network.protocol.version': '2',
    'http.response.status_code': 200,
    'network.peer.address': '127.0.0.1',
    'network.peer.port': port,
  });
  assert.equal(span.status.code, 0);
});

test('the scheme is https over TLS, and an authority that the app gives stands for the server', async (t) => {
  const { session, port } = await connectTo(t, answerOk, createSecureServer(makeCertificate()));
  await readAll(session.request({ ':path': '/a' }));
  assert.equal((await clientSpan('/a')).attributes['url.full'], `https://127.0.0.1:${port}/a`);
  await readAll(session.request({ ':path': '/b', ':authority': 'shop.example' }));
  const { attributes } = await clientSpan('/b');
  assert.equal(attributes['url.full'], 'https://shop.example/b');
  assert.equal(attributes['server.port'], 443);
  await readAll(session.request({ ':path': '/c', host: 'caller.example' }));
  assert.equal((await clientSpan('/c')).attributes['url.full'], `https://127.0.0.1:${port}/c`);
});

const forms: Readonly<Record<string, (headers: OutgoingHttpHeaders) => OutgoingHttpHeaders | undefined>> = {
  'an object': (headers) => headers,
  'an object with another traceparent': (headers) => ({
    ...headers,
    Traceparent: '00-11111111111111111111111111111111-2222222222222222-01',
  }),
  'nothing at all': () => undefined,
};
for (const [form, make] of Object.entries(forms)) {
  test(`trace and baggage go along when the headers are ${form}`, async (t) => {
    const seen: IncomingHttpHeaders[] = [];
    const { session } = await connectTo(t, (stream, headers) => {
      seen.push(headers);
      answerOk(stream, headers);
    });
    const baggage = propagation.createBaggage({ 'user-id': { value: '42' } });
    await context.with(propagation.setBaggage(ROOT_CONTEXT, baggage), () =>
      readAll(session.request(make({ ':path': '/' }))),
    );
    const span = await clientSpan('/');
    assert.equal(seen[0]!.traceparent, `00-${span.traceId}-${span.spanId}-03`);
    assert.equal(seen[0]!.baggage, 'user-id=42');
    await sink.waitFor((all) => all.some((each) => each.parentSpanId === span.spanId && each.kind === kind.server));
  });
}

test('headers as [name, value, …] are kept, and ours are added, where Node takes them', async (t) => {
  if (Number.parseInt(process.versions.node, 10) < 24) return t.skip('Node takes them from 24 on');
  const seen: IncomingHttpHeaders[] = [];
  const { session, port } = await connectTo(t, (stream, headers) => {
    seen.push(headers);
    answerOk(stream, headers);
  });
  const raw = [':method', 'GET', ':path', '/raw', ':scheme', 'http', ':authority', `127.0.0.1:${port}`, 'x-a', '1'];
  await readAll(session.request(raw as never));
  const span = await clientSpan('/raw');
  assert.equal(seen[0]!['x-a'], '1');
  assert.equal(seen[0]!.traceparent, `00-${span.traceId}-${span.spanId}-03`);
  assert.equal(span.attributes['url.full'], `http://127.0.0.1:${port}/raw`);
});

test('baggage stays here when the host is not allowed to have it', async (t) => {
  const seen: IncomingHttpHeaders[] = [];
  const { session } = await connectTo(t, (stream, headers) => {
    seen.push(headers);
    answerOk(stream, headers);
  });
  const baggage = propagation.createBaggage({ 'user-id': { value: '42' } });
  await context.with(propagation.setBaggage(ROOT_CONTEXT, baggage), () =>
    readAll(session.request({ ':path': '/', ':authority': 'elsewhere.example' })),
  );
  assert.equal(seen[0]!.baggage, undefined);
  assert.notEqual(seen[0]!.traceparent, undefined);
});

test('the events of a stream run in the context of its request, not of its session', async (t) => {
  const { session } = await connectTo(t, answerOk);
  const run = (name: string): Promise<string[]> =>
    trace.getTracer('t').startActiveSpan(name, async (span) => {
      const stream = session.request({ ':path': '/' });
      const seen: string[] = [];
      const note = (): void => void seen.push(trace.getActiveSpan()!.spanContext().spanId);
      stream.on('response', note).on('data', note).on('end', note);
      await once(stream, 'close');
      span.end();
      return seen.map((id) => (id === span.spanContext().spanId ? name : 'another'));
    });
  assert.deepEqual(await Promise.all([run('one'), run('two')]), [
    ['one', 'one', 'one'],
    ['two', 'two', 'two'],
  ]);
});

test('a status from 400 on is an error of the client', async (t) => {
  const { session } = await connectTo(t, (stream) => stream.respond({ ':status': 404 }, { endStream: true }));
  await readAll(session.request({ ':path': '/missing' }));
  const span = await clientSpan('/missing');
  assert.equal(span.attributes['http.response.status_code'], 404);
  assert.equal(span.attributes['error.type'], '404');
  assert.equal(span.status.code, 2);
});

test('a stream that the server resets is an error; one that the app gives up is none', async (t) => {
  const arrived = new EventEmitter();
  const { session } = await connectTo(t, (stream, headers) => {
    if (headers[':path'] === '/reset') stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    else arrived.emit('stream');
  });
  const reset = session.request({ ':path': '/reset' });
  await assert.rejects(once(reset, 'response'), { code: 'ERR_HTTP2_STREAM_ERROR' });
  const failed = await clientSpan('/reset');
  assert.equal(failed.attributes['error.type'], 'ERR_HTTP2_STREAM_ERROR');
  assert.equal(failed.status.code, 2);
  const stop = new AbortController();
  const given = session.request({ ':path': '/hangs' }, { signal: stop.signal });
  given.on('error', () => undefined);
  await once(arrived, 'stream');
  const closed = new Promise((resolve) => given.on('close', resolve));
  stop.abort();
  await closed;
  const span = await clientSpan('/hangs');
  assert.equal(span.status.code, 0);
  assert.equal(span.attributes['error.type'], undefined);
});

test('a session that breaks ends its spans', async (t) => {
  const arrived = new EventEmitter();
  const { session } = await connectTo(t, () => void arrived.emit('stream'));
  const stream = session.request({ ':path': '/breaks' });
  stream.on('error', () => undefined);
  await once(arrived, 'stream');
  session.destroy(new Error('gone'));
  assert.equal((await clientSpan('/breaks')).attributes['error.type'], 'Error');
});

test('a call of gRPC has the span of its own instrumentation alone', async (t) => {
  const seen: IncomingHttpHeaders[] = [];
  const { session } = await connectTo(t, (stream, headers) => {
    seen.push(headers);
    answerOk(stream, headers);
  });
  await readAll(session.request({ ':path': '/s/M', 'content-type': 'application/grpc+proto' }));
  await readAll(session.request({ ':path': '/after' }));
  await clientSpan('/after');
  assert.ok(!sink.spans.some((span) => String(span.attributes['url.full']).endsWith('/s/M')));
  assert.equal(seen[0]!.traceparent, undefined);
});

const body = `
const server = createServer();
server.on('stream', (stream, headers) => {
  if (headers.traceparent === undefined) console.log('lost');
  stream.respond({ ':status': 200 });
  stream.end('ok');
});
server.listen(0, '127.0.0.1', () => {
  const session = connect('http://127.0.0.1:' + server.address().port);
  const stream = session.request({ ':path': '/first' });
  stream.resume().on('close', () => { session.close(); server.close(); });
});
`;
const apps = {
  'app.mjs': `import { connect, createServer } from 'node:http2';\n${body}`,
  'app.cjs': `const { connect, createServer } = require('http2');\n${body}`,
  'later.mjs': `const { connect, createServer } = await import('node:http2');\n${body}`,
};
for (const [fileName, source] of Object.entries(apps)) {
  for (const flag of ['--import', '--require']) {
    test(`${fileName} under ${flag}: the very first request of a session is traced`, async (t) => {
      const app = runNode(t, [flag, '@clew/sdk/register', await writeApp(t, fileName, source)], {
        OTEL_EXPORTER_OTLP_ENDPOINT: sink.endpoint,
      });
      assert.deepEqual(await app.exit(), { code: 0, signal: null });
      assert.equal(app.stdout, '');
      const spans = await sink.waitFor(2);
      const client = spans.find((span) => span.kind === kind.client)!;
      assert.equal(spans.find((span) => span.kind === kind.server)!.parentSpanId, client.spanId);
      assert.equal(app.notices.length, 1, app.stderr);
    });
  }
}

test('a session over TLS that an app makes while its modules are evaluated is traced', async (t) => {
  const seen: IncomingHttpHeaders[] = [];
  const onStream: OnStream = (stream, headers) => {
    seen.push(headers);
    answerOk(stream, headers);
  };
  const { port } = await connectTo(t, onStream, createSecureServer(makeCertificate()));
  const source = `
import { connect } from 'node:http2';
const session = connect('https://127.0.0.1:${port}', { rejectUnauthorized: false });
session.request({ ':path': '/early' }).resume().on('close', () => session.close());
`;
  const app = runNode(t, ['--import', '@clew/sdk/register', await writeApp(t, 'app.mjs', source)], {
    OTEL_EXPORTER_OTLP_ENDPOINT: sink.endpoint,
  });
  assert.deepEqual(await app.exit(), { code: 0, signal: null });
  assert.match(String(seen[0]!.traceparent), /^00-/);
});

test('an app that does not use HTTP/2 does not load it', async (t) => {
  const source = "console.log(process.moduleLoadList.includes('NativeModule http2'));";
  const app = runNode(t, ['--import', '@clew/sdk/register', await writeApp(t, 'app.mjs', source)], {
    OTEL_EXPORTER_OTLP_ENDPOINT: sink.endpoint,
  });
  await app.exit();
  assert.equal(app.stdout, 'false\n');
});

test('headers that Node refuses throw as they would, and leave a span that says so', async (t) => {
  const { session } = await connectTo(t, answerOk);
  const code = 'ERR_HTTP2_INVALID_PSEUDOHEADER';
  assert.throws(() => session.request({ ':path': '/refused', ':nonsense': '1' }), { code });
  assert.equal((await clientSpan('/refused')).attributes['error.type'], code);
});

test('a session may be made with a connection of the app', async (t) => {
  const { port } = await connectTo(t, answerOk);
  const session = connect('http://own.example', { createConnection: () => connectSocket(port, '127.0.0.1') });
  t.after(() => session.destroy());
  await readAll(session.request({ ':path': '/own' }));
  assert.equal((await clientSpan('/own')).attributes['url.full'], 'http://own.example/own');
});

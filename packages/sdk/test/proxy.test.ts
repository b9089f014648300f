import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, request } from 'node:http';
import { createSecureServer } from 'node:http2';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { proxyFromEnvironment } from '#src/export/proxy.js';
import { CollectingServer } from './collecting-server.js';
import { runNode, writeApp } from './run-app.js';
import { makeCertificate } from './tls-certificate.js';

interface Proxy {
  readonly address: string;
  readonly asked: readonly { method: string; url: string; authorization: string | undefined }[];
}

/** A forward proxy that finds every name at one port of this machine. */
async function startProxy(t: TestContext, port: number, status = 200): Promise<Proxy> {
  const asked: { method: string; url: string; authorization: string | undefined }[] = [];
  const note = ({ method = '', url = '', headers }: IncomingMessage): void => {
    asked.push({ method, url, authorization: headers['proxy-authorization'] });
  };
  const sockets = new Set<Socket>();
  const server = createServer((incoming, response) => {
    note(incoming);
    const { pathname } = new URL(incoming.url ?? '');
    const onward = request({ port, host: '127.0.0.1', method: 'POST', path: pathname, headers: incoming.headers });
    onward.on('response', (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    incoming.pipe(onward);
  });
  server.on('connect', (incoming, socket) => {
    note(incoming);
    if (status !== 200) {
      socket.end(`HTTP/1.1 ${status} No\r\n\r\n`);
      return;
    }
    const onward = connect(port, '127.0.0.1');
    for (const each of [socket as Socket, onward]) {
      sockets.add(each);
      each.on('error', () => undefined);
    }
    socket.write('HTTP/1.1 200 OK\r\n\r\n');
    socket.pipe(onward).pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.closeAllConnections();
    server.close();
  });
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

const source = `import { trace } from '@opentelemetry/api';
  trace.getTracer('app').startSpan('through').end();`;

/** Runs an app with one span, under these variables, until it ends. */
async function runApp(t: TestContext, cert: string, env: Record<string, string>, args: readonly string[] = []) {
  const path = await writeApp(t, 'app.mjs', source);
  const certificate = join(dirname(path), 'cert.pem');
  await writeFile(certificate, cert);
  const app = runNode(t, ['--import', '@clew/sdk/register', ...args, path], {
    OTEL_EXPORTER_OTLP_CERTIFICATE: certificate,
    ...env,
  });
  assert.deepEqual(await app.exit(), { code: 0, signal: null }, app.stderr);
  return app;
}

test('spans go through the proxy that HTTPS_PROXY names, in a tunnel, and the first line names it', async (t) => {
  const tls = makeCertificate();
  const collector = await CollectingServer.start(t, { tls });
  const proxy = await startProxy(t, collector.port);
  const app = await runApp(t, tls.cert, {
    OTEL_EXPORTER_OTLP_ENDPOINT: 'https://collector.example:4318',
    HTTPS_PROXY: `http://user:pass%40word@${proxy.address}`,
  });
  assert.equal(collector.requests.length, 1, app.stderr);
  assert.equal(collector.requests[0]!.url, '/v1/traces');
  const authorization = `Basic ${Buffer.from('user:pass@word').toString('base64')}`;
  assert.deepEqual(proxy.asked, [{ method: 'CONNECT', url: 'collector.example:4318', authorization }]);
  assert.match(app.notices[0]!, new RegExp(`through the proxy ${proxy.address};`));
  assert.doesNotMatch(app.stderr, /pass/);
});

test('so do those over gRPC', async (t) => {
  const tls = makeCertificate();
  const paths: string[] = [];
  const collector = createSecureServer(tls);
  collector.on('stream', (stream, headers) => {
    paths.push(String(headers[':path']));
    stream.resume().on('end', () => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end(Buffer.alloc(5));
    });
  });
  collector.listen(0, '127.0.0.1');
  await once(collector, 'listening');
  t.after(() => collector.close());
  const proxy = await startProxy(t, (collector.address() as AddressInfo).port);
  const app = await runApp(t, tls.cert, {
    OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
    OTEL_EXPORTER_OTLP_ENDPOINT: 'https://collector.example',
    https_proxy: proxy.address,
  });
  assert.deepEqual(paths, ['/opentelemetry.proto.collector.trace.v1.TraceService/Export'], app.stderr);
  assert.deepEqual(
    proxy.asked.map(({ url }) => url),
    ['collector.example:443'],
  );
});

test('a collector without TLS is asked through HTTP_PROXY only with NODE_USE_ENV_PROXY=1', async (t) => {
  const collector = await CollectingServer.start(t);
  const proxy = await startProxy(t, collector.port);
  const { cert } = makeCertificate();
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector.example:4318', HTTP_PROXY: `http://${proxy.address}` };
  await runApp(t, cert, { ...env, NODE_USE_ENV_PROXY: '1' });
  assert.deepEqual(
    proxy.asked.map(({ method, url }) => `${method} ${url}`),
    ['POST http://collector.example:4318/v1/traces'],
  );
  assert.equal(collector.requests.length, 1);
  await runApp(t, cert, env);
  assert.equal(proxy.asked.length, 1);
});

test('a proxy that refuses is named, and the app ends as ever', async (t) => {
  const proxy = await startProxy(t, 1, 407);
  const app = await runApp(t, makeCertificate().cert, {
    OTEL_EXPORTER_OTLP_ENDPOINT: 'https://collector.example:4318',
    HTTPS_PROXY: proxy.address,
    CLEW_FLUSH_TIMEOUT: '500',
  });
  assert.match(app.stderr, new RegExp(`the proxy ${proxy.address} answers HTTP 407`));
});

const cases: readonly [noProxy: string, url: string, isProxied: boolean][] = [
  ['', 'https://a.example/', true],
  ['*', 'https://a.example/', false],
  ['a.example', 'https://a.example/', false],
  ['a.example', 'https://b.a.example/', false],
  ['a.example', 'https://ba.example/', true],
  ['.a.example', 'https://a.example/', true],
  ['.a.example', 'https://b.a.example/', false],
  ['*.a.example', 'https://b.a.example/', false],
  ['a.example:4318', 'https://a.example:4318/', false],
  ['a.example:4318', 'https://a.example:4319/', true],
  ['other, A.Example', 'https://a.example/', false],
  ['10.0.0.0/8', 'https://10.255.0.1/', false],
  ['10.0.0.0/8', 'https://11.0.0.1/', true],
  ['10.0.0.0/99', 'https://10.0.0.1/', true],
  ['2001:db8::1', 'https://[2001:db8::1]/', false],
  ['2001:db8::/32', 'https://[2001:db8::1]/', false],
  ['[2001:db8::1]:443', 'https://[2001:db8::1]/', false],
  ['', 'https://localhost/', false],
  ['', 'https://a.localhost/', false],
  ['', 'https://127.8.0.1/', false],
  ['', 'https://[::1]/', false],
  ['', 'https://128.0.0.1/', true],
];
for (const [noProxy, url, isProxied] of cases) {
  test(`NO_PROXY=${noProxy}: ${url} is reached ${isProxied ? 'through the proxy' : 'straight'}`, (t) => {
    const before = { HTTPS_PROXY: process.env.HTTPS_PROXY, NO_PROXY: process.env.NO_PROXY };
    t.after(() => {
      for (const [name, value] of Object.entries(before)) {
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      }
    });
    process.env.HTTPS_PROXY = 'http://proxy.example:3128';
    process.env.NO_PROXY = noProxy;
    assert.equal(proxyFromEnvironment(new URL(url)), isProxied ? 'http://proxy.example:3128' : undefined);
  });
}

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type ClientRequest, createServer, type IncomingMessage, request, type Server } from 'node:http';
import { createSecureServer as createHttp2Server } from 'node:http2';
import { createServer as createSecureServer, request as secureRequest } from 'node:https';
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { startTracing, type Tracing } from '@clew/sdk';
import { Client as UndiciClient } from 'undici';
import { kind, type SinkSpan } from './otlp-decoding.js';
import { OtlpSink } from './otlp-sink.js';
import { runNode, writeApp } from './run-app.js';
import { makeCertificate } from './tls-certificate.js';

/*
 * OpenTelemetry's semantic conventions for HTTP spans, stable names, attribute by attribute. Every case names all
 * attributes of the span; what is not named must not be there.
 */

let sink: OtlpSink;
let tracing: Tracing;

const certificate = makeCertificate();
const answer = (incoming: IncomingMessage): { status: number; headers: Record<string, string> } => {
  const status = Number(/^\/(\d{3})\b/.exec(incoming.url ?? '')?.[1] ?? 200);
  return { status, headers: status >= 300 && status < 400 ? { location: '/200' } : {} };
};
const server = createServer((incoming, response) => {
  if (incoming.url === '/hang') return;
  const { status, headers } = answer(incoming);
  response.writeHead(status, headers).end(status === 204 || status === 304 ? undefined : 'text');
});
const secureServer = createSecureServer(certificate, (_incoming, response) => response.end('text'));
const port = (of: Server): number => (of.address() as AddressInfo).port;

before(async () => {
  process.env.OTEL_LOG_LEVEL = 'error';
  // For fetch, which takes no certificate of its own.
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
  sink = await OtlpSink.start();
  // All addresses, of IPv4 and IPv6.
  server.listen(0, '::');
  secureServer.listen(0, '::');
  await Promise.all([once(server, 'listening'), once(secureServer, 'listening')]);
  tracing = startTracing({ export: { url: `${sink.endpoint}/v1/traces`, delayMs: 1 } });
});
after(async () => {
  await tracing.shutdown();
  await sink.close();
  for (const each of [server, secureServer]) {
    each.closeAllConnections();
    each.close();
  }
});
beforeEach(() => sink.clear());

async function spansOf(wanted: number, count = 1): Promise<SinkSpan[]> {
  const isWanted = (span: SinkSpan): boolean => span.kind === wanted;
  const spans = (await sink.waitFor((list) => list.filter(isWanted).length >= count)).filter(isWanted);
  assert.equal(spans.length, count);
  return spans;
}

async function drain(outgoing: ClientRequest): Promise<void> {
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  for await (const _chunk of response);
}

/** What a server span has, unless a case says otherwise. */
const served = {
  'http.request.method': 'GET',
  'url.path': '/',
  'url.scheme': 'http',
  'server.address': 'shop.example',
  'server.port': 80,
  'client.address': '127.0.0.1',
  // The server listens on IPv6, where addresses of IPv4 are mapped.
  'network.peer.address': '::ffff:127.0.0.1',
  'network.protocol.version': '1.1',
  'http.response.status_code': 200,
};

interface ServerCase {
  readonly what: string;
  /** The first line and the headers; `Host: shop.example` is added unless there is one. */
  readonly lines: readonly string[];
  readonly expected: Readonly<Record<string, unknown>>;
  readonly name?: string;
  readonly status?: number;
}

const serverCases: readonly ServerCase[] = [
  {
    what: 'path and query',
    lines: ['GET /a/b?c=d&e HTTP/1.1'],
    expected: { 'url.path': '/a/b', 'url.query': 'c=d&e' },
  },
  { what: 'an empty query is none', lines: ['GET /? HTTP/1.1'], expected: {} },
  {
    what: 'presigned URLs of S3 and tokens are redacted, by the exact names',
    lines: [
      'GET /?X-Amz-Signature=a&X-Amz-Credential=b&X-Amz-Security-Token=c&X-Amz-Date=d&access_token=e&token=f&password=g' +
        '&page_token=h&Token=i HTTP/1.1',
    ],
    expected: {
      'url.query':
        'X-Amz-Signature=REDACTED&X-Amz-Credential=REDACTED&X-Amz-Security-Token=REDACTED&X-Amz-Date=d' +
        '&access_token=REDACTED&token=REDACTED&password=REDACTED&page_token=h&Token=i',
    },
  },
  {
    what: 'signatures in the query are redacted, whatever else is there stays',
    lines: ['GET /?AWSAccessKeyId=a&Signature=b&sig=c&X-Goog-Signature=d&design=e&xsig=f HTTP/1.1'],
    expected: {
      'url.query': 'AWSAccessKeyId=REDACTED&Signature=REDACTED&sig=REDACTED&X-Goog-Signature=REDACTED&design=e&xsig=f',
    },
  },
  {
    what: 'a Host with a port',
    lines: ['GET / HTTP/1.1', 'Host: a.example:8443'],
    expected: { 'server.address': 'a.example', 'server.port': 8443 },
  },
  {
    what: 'a Host with an empty port',
    lines: ['GET / HTTP/1.1', 'Host: a.example:'],
    expected: { 'server.address': 'a.example' },
  },
  {
    what: 'the last port that there is',
    lines: ['GET / HTTP/1.1', 'Host: a.example:65535'],
    expected: { 'server.address': 'a.example', 'server.port': 65_535 },
  },
  {
    what: 'a port that is none, from a proxy',
    lines: ['GET / HTTP/1.1', 'X-Forwarded-Proto: https', 'X-Forwarded-Host: a.example:65536'],
    expected: { 'url.scheme': 'https', 'server.address': 'a.example', 'server.port': 443 },
  },
  {
    what: 'a Host that is an IPv6 address',
    lines: ['GET / HTTP/1.1', 'Host: [2001:db8::1]'],
    expected: { 'server.address': '2001:db8::1' },
  },
  {
    what: 'a Host that is an IPv6 address with a port',
    lines: ['GET / HTTP/1.1', 'Host: [2001:db8::1]:81'],
    expected: { 'server.address': '2001:db8::1', 'server.port': 81 },
  },
  {
    what: 'a request for a proxy, with the whole URL',
    lines: ['GET http://other.example/path?q=1 HTTP/1.1'],
    expected: { 'url.path': '/path', 'url.query': 'q=1' },
  },
  { what: 'a whole URL without a path', lines: ['GET http://other.example HTTP/1.1'], expected: {} },
  {
    what: 'OPTIONS for the server as a whole',
    lines: ['OPTIONS * HTTP/1.1'],
    name: 'OPTIONS',
    expected: { 'http.request.method': 'OPTIONS', 'url.path': '*' },
  },
  { what: 'HEAD', lines: ['HEAD / HTTP/1.1'], name: 'HEAD', expected: { 'http.request.method': 'HEAD' } },
  {
    what: 'QUERY, where Node knows it',
    lines: ['QUERY / HTTP/1.1'],
    name: 'QUERY',
    expected: { 'http.request.method': 'QUERY' },
  },
  {
    what: 'an unknown method',
    lines: ['PROPFIND / HTTP/1.1'],
    name: 'HTTP',
    expected: { 'http.request.method': '_OTHER', 'http.request.method_original': 'PROPFIND' },
  },
  { what: 'HTTP/1.0', lines: ['GET / HTTP/1.0'], expected: { 'network.protocol.version': '1.0' } },
  { what: 'a user agent', lines: ['GET / HTTP/1.1', 'uSER-aGENT: x/1'], expected: { 'user_agent.original': 'x/1' } },
  {
    what: 'X-Forwarded-For',
    lines: ['GET / HTTP/1.1', 'X-Forwarded-For: 203.0.113.7, 10.0.0.1'],
    expected: { 'client.address': '203.0.113.7' },
  },
  {
    what: 'X-Forwarded-For with a port',
    lines: ['GET / HTTP/1.1', 'X-Forwarded-For: 203.0.113.7:1234'],
    expected: { 'client.address': '203.0.113.7' },
  },
  {
    what: 'X-Forwarded-For with IPv6',
    lines: ['GET / HTTP/1.1', 'x-forwarded-for: 2001:db8::7'],
    expected: { 'client.address': '2001:db8::7' },
  },
  { what: 'an empty X-Forwarded-For', lines: ['GET / HTTP/1.1', 'X-Forwarded-For: '], expected: {} },
  {
    what: 'X-Forwarded-Proto and -Host',
    lines: ['GET / HTTP/1.1', 'X-Forwarded-Proto: https, http', 'X-Forwarded-Host: www.shop.example, inner'],
    expected: { 'url.scheme': 'https', 'server.address': 'www.shop.example', 'server.port': 443 },
  },
  {
    what: 'an X-Forwarded-Proto that is no scheme of HTTP',
    lines: ['GET / HTTP/1.1', 'X-Forwarded-Proto: gopher'],
    expected: {},
  },
  {
    what: 'Forwarded, before the older headers',
    lines: [
      'GET / HTTP/1.1',
      'X-Forwarded-For: 192.0.2.1',
      'X-Forwarded-Host: older.example',
      'X-Forwarded-Proto: http',
      'Forwarded: For="[2001:db8:cafe::17]:4711";Proto=HTTPS;host="a.example:444", for=10.0.0.1;host=b',
    ],
    expected: {
      'client.address': '2001:db8:cafe::17',
      'url.scheme': 'https',
      'server.address': 'a.example',
      'server.port': 444,
    },
  },
  {
    what: 'a Forwarded whose first proxy says nothing of host and scheme',
    lines: ['GET / HTTP/1.1', 'Forwarded: for=192.0.2.60, for=10.0.0.1;proto=https;host=b'],
    expected: { 'client.address': '192.0.2.60' },
  },
  { what: 'a Forwarded that hides the client', lines: ['GET / HTTP/1.1', 'Forwarded: for=_hidden'], expected: {} },
  {
    what: 'a Forwarded that does not know the client',
    lines: ['GET / HTTP/1.1', 'Forwarded: for=unknown'],
    expected: {},
  },
  {
    what: 'a Forwarded that does not know the client, but its port',
    lines: ['GET / HTTP/1.1', 'Forwarded: for="Unknown:4711"'],
    expected: {},
  },
  {
    what: 'a Forwarded that begins with nothing, and whose extension looks like a parameter',
    lines: ['GET / HTTP/1.1', 'Forwarded: , ext!="a;proto=https";for=192.0.2.60'],
    expected: { 'client.address': '192.0.2.60' },
  },
  {
    what: 'a redirect',
    lines: ['GET /302 HTTP/1.1'],
    expected: { 'url.path': '/302', 'http.response.status_code': 302 },
  },
  {
    what: 'the last client error',
    lines: ['GET /499 HTTP/1.1'],
    expected: { 'url.path': '/499', 'http.response.status_code': 499 },
  },
  {
    what: 'the first server error',
    lines: ['GET /500 HTTP/1.1'],
    expected: { 'url.path': '/500', 'http.response.status_code': 500, 'error.type': '500' },
    status: 2,
  },
];

for (const { what, lines, expected, name = 'GET', status = 0 } of serverCases) {
  test(`server: ${what}`, async () => {
    const socket = connect(port(server), '127.0.0.1');
    const host = lines.some((line) => line.startsWith('Host:')) ? [] : ['Host: shop.example'];
    await once(socket, 'connect');
    const peer = { 'network.peer.port': socket.localPort };
    socket.end([...lines, ...host, 'Connection: close', '', ''].join('\r\n'));
    socket.resume();
    const [span] = await spansOf(kind.server);
    assert.equal(span!.name, name);
    const mapped = expected['client.address'] === undefined ? { 'client.address': '::ffff:127.0.0.1' } : {};
    assert.deepEqual(span!.attributes, { ...served, ...peer, ...expected, ...mapped });
    assert.deepEqual(span!.status, { code: status, message: '' });
  });
}

test('server: over TLS the scheme and the default port are those of https', async () => {
  await drain(
    secureRequest({
      port: port(secureServer),
      host: 'localhost',
      rejectUnauthorized: false,
      headers: { host: 'a.example' },
    }).end(),
  );
  const [span] = await spansOf(kind.server);
  // The next test must not see it.
  await spansOf(kind.client);
  assert.equal(span!.attributes['url.scheme'], 'https');
  assert.equal(span!.attributes['server.address'], 'a.example');
  assert.equal(span!.attributes['server.port'], 443);
});

/** How a case sends its request: `base` is the address of the server. */
interface ClientCase {
  readonly what: string;
  readonly send: (base: string) => Promise<unknown>;
  readonly base?: () => string;
  /** Beside `http.request.method` GET, the server's address and port, the peer's, HTTP/1.1 and status 200. */
  readonly expected: (base: string) => Readonly<Record<string, unknown>>;
  readonly name?: string;
  readonly error?: string;
}

const localhost = (): string => `http://127.0.0.1:${port(server)}`;
const overIpv6 = (): string => `http://[::1]:${port(server)}`;
const overTls = (): string => `https://localhost:${port(secureServer)}`;
const send = (url: string, options: object = {}): Promise<void> => drain(request(url, options).end());
const sendSecure = (url: string): Promise<void> => drain(secureRequest(url, { ca: certificate.cert }).end());
const fetchAll = async (url: string, options: RequestInit = {}): Promise<void> =>
  void (await (await fetch(url, options)).text());

/** As a dispatcher of fetch for proxies does that keep connections to them. */
async function sendByUndici(base: string, path: string): Promise<void> {
  const client = new UndiciClient(base);
  await (await client.request({ method: 'GET', path })).body.text();
  await client.close();
}

const clientCases: readonly ClientCase[] = [
  ...(
    [
      ['http', send],
      ['fetch', fetchAll],
    ] as const
  ).flatMap(([client, ask]): ClientCase[] => [
    {
      what: `${client}: path and query`,
      send: (base) => ask(`${base}/a?b=c`),
      expected: (base) => ({ 'url.full': `${base}/a?b=c` }),
    },
    {
      what: `${client}: the fragment is not sent`,
      send: (base) => ask(`${base}/a#b`),
      expected: (base) => ({ 'url.full': `${base}/a` }),
    },
    {
      what: `${client}: signatures are redacted`,
      send: (base) => ask(`${base}/?sig=a&x=b`),
      expected: (base) => ({ 'url.full': `${base}/?sig=REDACTED&x=b` }),
    },
    {
      what: `${client}: an IPv6 address`,
      base: overIpv6,
      send: (base) => ask(`${base}/`),
      expected: (base) => ({ 'url.full': `${base}/`, 'server.address': '::1', 'network.peer.address': '::1' }),
    },
    {
      what: `${client}: HEAD`,
      send: (base) => ask(`${base}/`, { method: 'HEAD' }),
      name: 'HEAD',
      expected: (base) => ({ 'http.request.method': 'HEAD', 'url.full': `${base}/` }),
    },
    {
      what: `${client}: OPTIONS`,
      send: (base) => ask(`${base}/`, { method: 'OPTIONS' }),
      name: 'OPTIONS',
      expected: (base) => ({ 'http.request.method': 'OPTIONS', 'url.full': `${base}/` }),
    },
    {
      what: `${client}: an unknown method`,
      send: (base) => ask(`${base}/`, { method: 'PROPFIND' }),
      name: 'HTTP',
      expected: (base) => ({
        'http.request.method': '_OTHER',
        'http.request.method_original': 'PROPFIND',
        'url.full': `${base}/`,
      }),
    },
    {
      what: `${client}: the first client error`,
      send: (base) => ask(`${base}/400`),
      error: '',
      expected: (base) => ({
        'url.full': `${base}/400`,
        'http.response.status_code': 400,
        'error.type': '400',
      }),
    },
    {
      what: `${client}: a server error`,
      send: (base) => ask(`${base}/503`),
      error: '',
      expected: (base) => ({
        'url.full': `${base}/503`,
        'http.response.status_code': 503,
        'error.type': '503',
      }),
    },
  ]),
  {
    what: 'http: credentials are left out',
    send: () => send(`http://user:secret@127.0.0.1:${port(server)}/`),
    expected: (base) => ({ 'url.full': `${base}/` }),
  },
  {
    what: 'http: a redirect is not followed, and no error',
    send: (base) => send(`${base}/302`),
    expected: (base) => ({ 'url.full': `${base}/302`, 'http.response.status_code': 302 }),
  },
  {
    what: 'http: through a proxy, the URL is that of the target, and credentials are redacted',
    send: (base) =>
      send(base, { path: 'http://user:secret@shop.example:81/a?sig=b', headers: { host: 'shop.example:81' } }),
    expected: () => ({
      'url.full': 'http://REDACTED:REDACTED@shop.example:81/a?sig=REDACTED',
      'server.address': 'shop.example',
      'server.port': 81,
    }),
  },
  {
    what: 'http: the Host header of another name does not change where the request goes',
    send: (base) => send(`${base}/a`, { headers: { host: 'shop.example:81' } }),
    expected: (base) => ({ 'url.full': `${base}/a` }),
  },
  {
    what: 'http: nor does one without the port',
    send: (base) => send(`${base}/a`, { headers: { host: '127.0.0.1' } }),
    expected: (base) => ({ 'url.full': `${base}/a` }),
  },
  {
    what: 'http: nor one in an array of headers',
    send: (base) => send(`${base}/a`, { headers: ['Host', 'shop.example'] }),
    expected: (base) => ({ 'url.full': `${base}/a` }),
  },
  {
    what: 'http: an array of headers that names host and port',
    send: (base) => send(`${base}/a`, { headers: ['Host', new URL(base).host] }),
    expected: (base) => ({ 'url.full': `${base}/a` }),
  },
  {
    what: 'http: another Host for an IPv6 address',
    base: overIpv6,
    send: (base) => send(`${base}/`, { headers: { host: 'shop.example' } }),
    expected: (base) => ({ 'url.full': `${base}/`, 'server.address': '::1', 'network.peer.address': '::1' }),
  },
  {
    what: 'fetch: through a proxy that is given the whole URL',
    send: (base) => sendByUndici(base, 'http://user:secret@shop.example:81/a?sig=b'),
    expected: () => ({
      'url.full': 'http://REDACTED:REDACTED@shop.example:81/a?sig=REDACTED',
      'server.address': 'shop.example',
      'server.port': 81,
    }),
  },
  {
    what: 'https',
    base: overTls,
    send: (base) => sendSecure(`${base}/a`),
    expected: (base) => ({ 'url.full': `${base}/a`, 'server.address': 'localhost' }),
  },
  {
    what: 'fetch over TLS',
    base: overTls,
    send: (base) => fetchAll(`${base}/a`),
    expected: (base) => ({ 'url.full': `${base}/a`, 'server.address': 'localhost' }),
  },
];

for (const { what, send: run, base = localhost, expected, name = 'GET', error } of clientCases) {
  test(`client: ${what}`, async () => {
    await run(base());
    const [span] = await spansOf(kind.client);
    assert.equal(span!.name, name);
    const { port: serverPort, hostname } = new URL(base());
    const peer = span!.attributes['network.peer.address'];
    // The name may stand for both.
    if (hostname === 'localhost') assert.ok(peer === '127.0.0.1' || peer === '::1', String(peer));
    assert.deepEqual(span!.attributes, {
      'http.request.method': 'GET',
      'server.address': '127.0.0.1',
      'server.port': Number(serverPort),
      'network.peer.address': hostname === 'localhost' ? peer : '127.0.0.1',
      'network.peer.port': Number(serverPort),
      'network.protocol.version': '1.1',
      'http.response.status_code': 200,
      ...expected(base()),
    });
    assert.deepEqual(span!.status, { code: error === undefined ? 0 : 2, message: error ?? '' });
  });
}

test('client: fetch tells the version of HTTP that was spoken, HTTP/2 where Node speaks it', async (t) => {
  const modern = createHttp2Server({ ...certificate, allowHTTP1: true }, (incoming, response) =>
    response.end(incoming.httpVersion),
  ).listen(0, '127.0.0.1');
  await once(modern, 'listening');
  t.after(() => modern.close());
  const { port: modernPort } = modern.address() as AddressInfo;
  const spoken = await (await fetch(`https://127.0.0.1:${modernPort}/`)).text();
  const [span] = await spansOf(kind.client);
  const [served] = await spansOf(kind.server);
  assert.equal(span!.attributes['network.protocol.version'], spoken.replace('.0', ''));
  assert.deepEqual(
    [span!.attributes['network.peer.address'], span!.attributes['network.peer.port']],
    ['127.0.0.1', modernPort],
  );
  assert.equal(served!.parentSpanId, span!.spanId);
});

test('through a unix socket the peer is its path, and a server knows of no client', async (t) => {
  const socketPath = join(await mkdtemp(join(tmpdir(), 'clew-unix-')), 'app.sock');
  t.after(() => rm(dirname(socketPath), { recursive: true, force: true }));
  const local = createServer((_incoming, response) => response.end('text')).listen(socketPath);
  await once(local, 'listening');
  t.after(() => local.close());
  await drain(request({ socketPath, path: '/a', agent: false }).end());
  const spans = await sink.waitFor(2);
  const attributesOf = (wanted: number) => spans.find((span) => span.kind === wanted)!.attributes;
  assert.deepEqual(attributesOf(kind.client), {
    'http.request.method': 'GET',
    'url.full': 'http://localhost/a',
    'server.address': 'localhost',
    'server.port': 80,
    'network.peer.address': socketPath,
    'network.protocol.version': '1.1',
    'http.response.status_code': 200,
  });
  const { 'client.address': client, 'network.peer.address': peer, ...others } = attributesOf(kind.server);
  assert.deepEqual([client, peer, others['network.peer.port']], [undefined, undefined, undefined]);
  assert.equal(others['server.address'], 'localhost');
});

test('client: a redirect that fetch follows is one span an attempt', async () => {
  await fetchAll(`${localhost()}/301`);
  const spans = await spansOf(kind.client, 2);
  assert.deepEqual(
    spans.map(({ attributes, status }) => [
      attributes['url.full'],
      attributes['http.response.status_code'],
      status.code,
    ]),
    [
      [`${localhost()}/301`, 301, 0],
      [`${localhost()}/200`, 200, 0],
    ],
  );
});

/** A port on which nobody listens. */
async function closedPort(): Promise<number> {
  const closed = createTcpServer().listen(0, '127.0.0.1');
  await once(closed, 'listening');
  const { port: free } = closed.address() as AddressInfo;
  await new Promise((resolve) => closed.close(resolve));
  return free;
}

const failures: readonly [what: string, type: RegExp, run: (ask: typeof send) => Promise<unknown>][] = [
  ['a refused connection', /^ECONNREFUSED$/, async (ask) => ask(`http://127.0.0.1:${await closedPort()}/`)],
  ['a name that does not exist', /^(ENOTFOUND|EAI_AGAIN)$/, (ask) => ask('http://nowhere.invalid/')],
  [
    'a timeout',
    /^TimeoutError$/,
    // A signal is kept alive by nothing in some versions; this one is.
    async (ask) => {
      const signal = AbortSignal.timeout(30);
      await Promise.all([ask(`${localhost()}/hang`, { signal }), once(signal, 'abort')]);
    },
  ],
];
for (const [what, type, run] of failures) {
  for (const [client, ask] of [
    ['http', send],
    ['fetch', fetchAll],
  ] as const) {
    test(`client: ${what} with ${client} is an error with its type`, async () => {
      await assert.rejects(run(ask as typeof send));
      const [span] = await spansOf(kind.client);
      assert.match(String(span!.attributes['error.type']), type);
      assert.equal(span!.attributes['http.response.status_code'], undefined);
      assert.equal(span!.status.code, 2);
      assert.notEqual(span!.status.message, '');
    });
  }
}

test('client: an intended abort is no error', async () => {
  for (const ask of [send, fetchAll] as (typeof send)[]) {
    sink.clear();
    const controller = new AbortController();
    const arrival = once(server, 'request');
    const asked = ask(`${localhost()}/hang`, { signal: controller.signal });
    await arrival;
    controller.abort();
    await assert.rejects(asked, { name: 'AbortError' });
    const [span] = await spansOf(kind.client);
    assert.equal(span!.attributes['error.type'], undefined);
    assert.equal(span!.status.code, 0);
  }
});

test('headers named in the environment become attributes, and the known methods are those of the environment', async (t) => {
  const path = await writeApp(
    t,
    'app.mjs',
    `import { createServer, get } from 'node:http';
     const server = createServer((request, response) => {
       response.setHeader('X-Reply', ['a', 'b']).setHeader('X-Other', '1').end('ok');
     }).listen(0, '127.0.0.1', async () => {
       const url = 'http://127.0.0.1:' + server.address().port;
       const options = { headers: { 'X-Ask': 'c', 'X-Secret': 'd' } };
       await (await fetch(url, options)).text();
       get(url, options, (response) => response.resume().on('end', () => server.close()));
     });`,
  );
  const app = runNode(t, ['--import', '@clew/sdk/register', path], {
    OTEL_EXPORTER_OTLP_ENDPOINT: sink.endpoint,
    OTEL_SERVICE_NAME: 'captured',
    OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS: 'POST,BREW',
    OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_REQUEST: 'X-Ask, absent',
    OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_RESPONSE: 'x-reply',
    OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_CLIENT_REQUEST: 'x-ask',
    OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_CLIENT_RESPONSE: 'x-reply',
  });
  await app.exit();
  const isIts = (span: SinkSpan): boolean => span.resource['service.name'] === 'captured';
  const spans = (await sink.waitFor((list) => list.filter(isIts).length >= 4)).filter(isIts);
  assert.equal(spans.length, 4);
  for (const { name, attributes, kind: spanKind } of spans) {
    assert.equal(name, 'HTTP');
    assert.equal(attributes['http.request.method'], '_OTHER');
    assert.equal(attributes['http.request.method_original'], 'GET');
    assert.deepEqual(
      Object.entries(attributes).filter(([key]) => /header/.test(key)),
      [
        ['http.request.header.x-ask', ['c']],
        ['http.response.header.x-reply', ['a', 'b']],
      ],
      String(spanKind),
    );
  }
});

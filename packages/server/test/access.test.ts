import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import { parseConfig, type RunningServer, startServer } from '@clew/server';
import { ProtobufReader } from '@clew/wire';
import { credentials } from '@grpc/grpc-js';
import { createCallerLookup, createSenderLookup } from '#src/access.js';
import { collectTokens } from '#src/access-tokens.js';
import { createLogger } from '#src/log.js';
import { createGrpcServer } from '#src/receive/grpc-server.js';
import type { Tenant } from '#src/tenants.js';
import { readTls } from '#src/tls.js';
import { freePorts } from './free-ports.js';
import { exportOverGrpc } from './official-grpc-export.js';

const directory = mkdtempSync(join(tmpdir(), 'clew-access-'));
after(() => rmSync(directory, { recursive: true }));

const ingestToken = 'ingest-token-0123456789';
const queryToken = 'query-token-0123456789';
const fileToken = 'file-token-0123456789==';

let nextDataDir = 0;

interface ServerProcess {
  readonly output: string;
  waitForText(pattern: RegExp): Promise<RegExpExecArray>;
}

/** `startServer` in a process of its own, for what it logs. */
function spawnServer(t: TestContext, dataDir: string, env: Record<string, string>): ServerProcess {
  const settings = { dataDir, ...freePorts, healthPort: 0 };
  const script = `import { parseConfig, startServer } from '@clew/server';
    const server = await startServer(parseConfig(process.env, ${JSON.stringify(settings)}));
    process.on('SIGTERM', () => server.close());`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    cwd: import.meta.dirname,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  t.after(async () => {
    child.kill('SIGTERM');
    if (child.exitCode === null) await once(child, 'exit');
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
  return {
    get output() {
      return output;
    },
    waitForText: async (pattern) => {
      for (;;) {
        const match = pattern.exec(output);
        if (match !== null) return match;
        if (child.exitCode !== null) throw new Error(`ended without ${pattern}: ${output}`);
        await Promise.race([once(child.stdout, 'data'), once(child.stderr, 'data'), once(child, 'exit')]);
      }
    },
  };
}

function start(settings: Parameters<typeof parseConfig>[1]): Promise<RunningServer> {
  const dataDir = join(directory, `data-${nextDataDir++}`);
  return startServer(parseConfig({}, { dataDir, ...freePorts, healthPort: 0, logLevel: 'silent', ...settings }));
}

describe('tokens of administrators and of metrics', () => {
  const [adminToken, metricsToken] = ['admin', 'metrics'].map((kind) => `${kind}-token-0123456789`);
  const team = { name: 'team', ingestTokens: ['team-ingest-0123456789'], queryTokens: ['team-query-0123456789'] };
  const teamAdmin = 'team-admin-0123456789';
  let server: RunningServer;
  before(async () => {
    server = await start({
      queryTokens: [queryToken],
      adminTokens: [adminToken!],
      metricsTokens: [metricsToken!],
      tenants: [{ ...team, adminTokens: [teamAdmin] }],
    });
  });
  after(() => server.close());

  const requests: readonly (readonly [right: string, method: string, path: string])[] = [
    ['query', 'GET', '/clew/v1/services'],
    ['query', 'HEAD', '/clew/v1/search'],
    ['query', 'GET', '/clew/v1/retention'],
    ['query', 'GET', '/clew/v1/redactions'],
    ['query', 'GET', '/clew/v1/stats'],
    ['metrics', 'GET', '/metrics'],
    ['change', 'PUT', '/clew/v1/retention'],
    ['change', 'POST', '/clew/v1/redactions'],
    ['change', 'DELETE', `/clew/v1/traces/${'1'.repeat(32)}`],
  ];
  const holders: Readonly<Record<string, readonly [token: string, rights: readonly string[]]>> = {
    'a query token': [queryToken, ['query', 'metrics']],
    'an admin token': [adminToken!, ['query', 'metrics', 'change']],
    'a metrics token': [metricsToken!, ['metrics']],
    "a tenant's query token": [team.queryTokens[0]!, ['query', 'metrics']],
    "a tenant's admin token": [teamAdmin, ['query', 'metrics', 'change']],
  };
  for (const [holder, [token, rights]] of Object.entries(holders)) {
    test(`${holder} may ${rights.join(', ')} and nothing else`, async () => {
      for (const [right, method, path] of requests) {
        const response = await fetch(server.uiUrl + path, {
          method,
          headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
          ...(['PUT', 'POST'].includes(method) && { body: '{"nothing":1}' }),
        });
        const isRefused = response.status === 403;
        assert.equal(isRefused, !rights.includes(right), `${method} ${path}: ${response.status}`);
        assert.notEqual(response.status, 401);
        if (!isRefused || method === 'HEAD') continue;
        const { code, message } = (await response.json()) as { code: string; message: string };
        assert.equal(code, 'CLEW_FORBIDDEN');
        const variable = { query: 'QUERY', metrics: 'METRICS', change: 'ADMIN' }[right];
        assert.match(message, new RegExp(`CLEW_${variable}_TOKENS`));
        assert.doesNotMatch(message, /0123456789/);
      }
    });
  }

  test('the log names who changed what by the number of the token, and no token', async (t) => {
    const dataDir = join(directory, `data-${nextDataDir++}`);
    const child = spawnServer(t, dataDir, {
      CLEW_QUERY_TOKENS: queryToken,
      CLEW_ADMIN_TOKENS: `${fileToken},${adminToken}`,
    });
    const uiUrl = (await child.waitForText(/"uiUrl":"([^"]+)"/))[1]!;
    const path = `/clew/v1/traces/${'1'.repeat(32)}`;
    await fetch(uiUrl + path, { method: 'DELETE', headers: { authorization: `Bearer ${adminToken}` } });
    await child.waitForText(new RegExp(`"by":"admin token 2","method":"DELETE","path":"${path}"`));
    assert.doesNotMatch(child.output, /0123456789/);
    assert.doesNotMatch(child.output, /Every query token can delete/);
  });

  test('the start warns when every query token can delete traces', async (t) => {
    const child = spawnServer(t, join(directory, `data-${nextDataDir++}`), { CLEW_QUERY_TOKENS: queryToken });
    await child.waitForText(/"unset":\["CLEW_ADMIN_TOKENS"\].*Every query token can delete and redact traces/);
  });
});

describe('bearer tokens', () => {
  let server: RunningServer;
  const tokensFile = join(directory, 'tokens');

  before(async () => {
    writeFileSync(tokensFile, `# rotated on Mondays\n\n  ${fileToken}\r\n`);
    server = await start({
      ingestTokens: `other-token-0123456789,${ingestToken}`,
      queryTokens: [queryToken],
      queryTokensFile: tokensFile,
    });
  });
  after(() => server.close());

  const post = (authorization: string | undefined, contentType: string): Promise<Response> =>
    fetch(`${server.otlpUrl}/v1/traces`, {
      method: 'POST',
      headers: { 'content-type': contentType, ...(authorization !== undefined && { authorization }) },
      body: contentType.endsWith('json') ? '{}' : new Uint8Array(),
    });

  test('let spans in with one of them, by any spelling of the scheme, and no other way', async () => {
    for (const good of [`Bearer ${ingestToken}`, `bearer  ${ingestToken}`, 'BEARER other-token-0123456789']) {
      assert.equal((await post(good, 'application/json')).status, 200, good);
    }
    const wrong = [undefined, '', ingestToken, `Basic ${ingestToken}`, 'Bearer', `Bearer ${queryToken}`];
    for (const bad of [...wrong, `Bearer ${ingestToken}x`, `Bearer ${ingestToken.slice(0, -1)}`]) {
      const response = await post(bad, 'application/json');
      assert.equal(response.status, 401, bad);
      assert.equal(response.headers.get('www-authenticate'), 'Bearer realm="clew"');
      assert.equal(response.headers.get('connection'), 'close');
      const { code, message } = (await response.json()) as { code: number; message: string };
      assert.equal(code, 16);
      assert.match(message, /CLEW_INGEST_TOKENS/);
      assert.doesNotMatch(message, /0123456789/);
    }
  });

  test('are asked for by the receivers of Zipkin and Jaeger too', async () => {
    const post = (authorization?: string): Promise<Response> =>
      fetch(`${server.zipkinUrl}/api/v2/spans`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...(authorization !== undefined && { authorization }) },
        body: '[]',
      });
    const refused = await post();
    assert.equal(refused.status, 401);
    assert.match(refused.headers.get('www-authenticate') ?? '', /^Bearer/);
    assert.equal((await post(`Bearer ${ingestToken}`)).status, 202);
    assert.equal((await fetch(`${server.jaegerUrl}/api/traces`, { method: 'POST' })).status, 401);
  });

  test('are asked for over gRPC too, in the metadata', async () => {
    const plain = credentials.createInsecure();
    assert.equal(await exportOverGrpc(server.otlpGrpcUrl, plain, `Bearer ${ingestToken}`), undefined);
    for (const bad of [undefined, `Bearer ${queryToken}`]) {
      assert.match(
        (await exportOverGrpc(server.otlpGrpcUrl, plain, bad)) ?? '',
        /16 UNAUTHENTICATED.*CLEW_INGEST_TOKENS/,
      );
    }
  });

  test('a refusal is a Status in the encoding of the request, before its body or path is looked at', async () => {
    const response = await post(undefined, 'application/x-protobuf');
    assert.equal(response.status, 401);
    assert.equal(response.headers.get('content-type'), 'application/x-protobuf');
    const reader = new ProtobufReader(new Uint8Array(await response.arrayBuffer()));
    assert.equal(reader.readVarint32(1000), 0x08);
    assert.equal(reader.readVarint32(1000), 16);
    assert.equal((await fetch(`${server.otlpUrl}/v1/nothing`)).status, 401);
    // The server answers while the body is still to come.
    const status = await new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/json', 'content-length': 1_000_000 };
      const sent = httpRequest(`${server.otlpUrl}/v1/traces`, { method: 'POST', headers }, (answer) => {
        resolve(answer.statusCode);
        sent.destroy();
      });
      sent.on('error', reject).write('{');
    });
    assert.equal(status, 401);
  });

  test('are asked for at every address of the API and the metrics, not for the page and the probes', async () => {
    const closed = [
      '/clew/v1/services',
      '/clew/v1/search',
      '/clew/v1/stats',
      `/clew/v1/traces/${'1'.repeat(32)}`,
      '/metrics',
    ];
    for (const path of closed) {
      const refused = await fetch(server.uiUrl + path);
      assert.equal(refused.status, 401, path);
      assert.equal(refused.headers.get('www-authenticate'), 'Bearer realm="clew"');
      assert.equal(((await refused.json()) as { code: string }).code, 'CLEW_UNAUTHENTICATED');
      const head = await fetch(server.uiUrl + path, { method: 'HEAD' });
      assert.equal(head.status, 401, `HEAD ${path}`);
      for (const token of [queryToken, fileToken]) {
        const { status } = await fetch(server.uiUrl + path, { headers: { authorization: `Bearer ${token}` } });
        assert.ok(status === 200 || status === 404, `${path} ${status}`);
      }
      const wrong = await fetch(server.uiUrl + path, { headers: { authorization: `Bearer ${ingestToken}` } });
      assert.equal(wrong.status, 401, path);
    }
    const changes: readonly (readonly [method: string, path: string])[] = [
      ['DELETE', `/clew/v1/traces/${'1'.repeat(32)}`],
      ['PUT', '/clew/v1/retention'],
      ['POST', '/clew/v1/redactions'],
    ];
    for (const [method, path] of changes) {
      const headers = { 'content-type': 'application/json' };
      const init = method === 'DELETE' ? { method } : { method, headers, body: '{}' };
      assert.equal((await fetch(server.uiUrl + path, init)).status, 401, `${method} ${path}`);
    }
    for (const path of ['/health', '/ready', '/ready/ingest', '/ready/queries', '/', '/search', '/favicon.svg']) {
      const open = await fetch(server.uiUrl + path, { headers: { accept: 'text/html,*/*' } });
      assert.equal(open.status, 200, path);
    }
    assert.equal((await fetch(`${server.healthUrl}/ready`)).status, 200);
    assert.equal((await fetch(`${server.uiUrl}/clew/v1/nothing`)).status, 404);
  });

  test('without any, everyone may come', async () => {
    const main = { name: 'main' };
    const tenant: Tenant = {
      name: 'team',
      ingestTokens: [ingestToken],
      queryTokens: [queryToken],
      adminTokens: [],
      metricsTokens: [],
    };
    const lookup = (tokens: readonly string[], tenants: readonly Tenant[]) =>
      createSenderLookup<object>({ ingest: tokens, query: [], admin: [], metrics: [], tenants }, main, tenants);
    assert.equal(lookup([], [])(undefined), main);
    assert.equal(lookup([fileToken], [])(undefined), undefined);
    assert.equal(lookup([], [tenant])(undefined), undefined, "the spans of a tenant are nobody else's to add to");
    assert.equal(lookup([], [tenant])(`Bearer ${ingestToken}`), tenant);
    assert.equal(lookup([fileToken], [tenant])(`Bearer ${fileToken}`), main);
    assert.equal(lookup([fileToken], [tenant])(`Bearer ${queryToken}`), undefined);
  });

  test('give the rights of their lists, and are named by their numbers', () => {
    const main = { name: 'main' };
    const [query, admin, metrics] = ['query', 'admin', 'metrics'].map((kind) => `${kind}-token-0123456789`);
    const rightsOf = (
      lists: { query?: string[]; admin?: string[]; metrics?: string[] },
      token?: string,
    ): [string, string] | undefined => {
      const tokens = { ingest: [], query: [], admin: [], metrics: [], tenants: [], ...lists };
      const caller = createCallerLookup(tokens, main, [])(token === undefined ? undefined : `Bearer ${token}`);
      return caller && [[...caller.rights].sort().join(' '), caller.name];
    };
    const all = { query: [fileToken, query!], admin: [admin!], metrics: [metrics!] };
    assert.deepEqual(rightsOf(all, query), ['metrics query', 'query token 2']);
    assert.deepEqual(rightsOf(all, admin), ['change metrics query', 'admin token 1']);
    assert.deepEqual(rightsOf(all, metrics), ['metrics', 'metrics token 1']);
    assert.equal(rightsOf(all), undefined);
    assert.equal(rightsOf(all, ingestToken), undefined);
    // A token of two lists has the rights of both.
    assert.deepEqual(rightsOf({ ...all, admin: [query!] }, query)?.[0], 'change metrics query');
    // Until there are admin tokens, query tokens have their rights.
    assert.deepEqual(rightsOf({ query: [query!] }, query)?.[0], 'change metrics query');
    assert.deepEqual(rightsOf({ metrics: [metrics!], query: [query!] }, metrics)?.[0], 'metrics');
    // Without query tokens everyone reads, and only what has tokens of its own is closed.
    assert.deepEqual(rightsOf({}), ['change metrics query', 'a caller without a token']);
    assert.deepEqual(rightsOf({ admin: [admin!] })?.[0], 'metrics query');
    assert.deepEqual(rightsOf({ metrics: [metrics!] })?.[0], 'change query');
    assert.deepEqual(
      rightsOf({ metrics: [metrics!] }, metrics)?.[0]
        .split(' ')
        .sort(),
      ['change', 'metrics', 'query'],
    );
  });

  test('a file of them is refused with its line and reason, and without what stands in it', () => {
    const collect = (text: string): readonly string[] => {
      writeFileSync(tokensFile, text);
      return collectTokens([ingestToken], tokensFile, 'CLEW_QUERY_TOKENS_FILE');
    };
    const longest = 'x'.repeat(512);
    assert.deepEqual(collect(`${'s'.repeat(16)}\n${longest}`), [ingestToken, 's'.repeat(16), longest]);
    for (const [text, reason] of [
      [`good-token-0123456789\n${'s'.repeat(15)}`, /line 2 is no token/],
      [`${longest}x`, /line 1 is no token/],
      ['with space-0123456789', /line 1 is no token/],
      ['# none\n', /it holds no token/],
      [
        Array.from({ length: 100 }, (_, i) => `token-0123456789-${i}`).join('\n'),
        /there are 101 tokens; the limit is 100/,
      ],
    ] as const) {
      assert.throws(
        () => collect(text),
        ({ message }: Error) =>
          reason.test(message) && /CLEW_QUERY_TOKENS_FILE/.test(message) && !/0123456789/.test(message),
        String(reason),
      );
    }
    assert.throws(() => collectTokens([], join(directory, 'none'), 'V'), { code: 'CLEW_TOKEN_FILE_UNUSABLE' });
  });
});

describe('TLS', () => {
  const file = (name: string): string => join(directory, name);

  /** A certificate for this machine, a client's, and one that nobody knows. */
  before(() => {
    const openssl = (...args: string[]): void => {
      const { status, stderr } = spawnSync('openssl', args, { cwd: directory, encoding: 'utf8' });
      assert.equal(status, 0, stderr);
    };
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    for (const authority of ['ca', 'stranger']) {
      openssl(
        'req',
        '-x509',
        ...curve,
        '-keyout',
        `${authority}.key`,
        '-out',
        `${authority}.pem`,
        '-days',
        '1',
        '-subj',
        `/CN=${authority}`,
      );
    }
    const issued = [
      ['server', 'ca', 'subjectAltName=IP:127.0.0.1'],
      ['client', 'ca', 'subjectAltName=DNS:client'],
      ['intruder', 'stranger', 'subjectAltName=DNS:client'],
    ] as const;
    for (const [name, authority, names] of issued) {
      openssl(
        'req',
        ...curve,
        '-keyout',
        `${name}.key`,
        '-out',
        `${name}.csr`,
        '-subj',
        `/CN=${name}`,
        '-addext',
        names,
      );
      const signing = [
        '-CA',
        `${authority}.pem`,
        '-CAkey',
        `${authority}.key`,
        '-CAcreateserial',
        '-copy_extensions',
        'copy',
      ];
      openssl('x509', '-req', '-in', `${name}.csr`, ...signing, '-days', '1', '-out', `${name}.pem`);
    }
  });

  function send(url: string, options: RequestOptions, body = ''): Promise<number | undefined> {
    return new Promise((resolve, reject) => {
      const ca = readFileSync(file('ca.pem'));
      const sent = httpsRequest(url, { ca, agent: false, ...options }, (answer) => {
        answer.resume().on('end', () => resolve(answer.statusCode));
      });
      sent.on('error', reject).end(body);
    });
  }
  const exportOptions: RequestOptions = { method: 'POST', headers: { 'content-type': 'application/json' } };
  const identityOf = (name: string): RequestOptions => ({
    cert: readFileSync(file(`${name}.pem`)),
    key: readFileSync(file(`${name}.key`)),
  });

  test('with a certificate, spans and queries go over HTTPS only, and probes reach their port without', async () => {
    const server = await start({ tlsCert: file('server.pem'), tlsKey: file('server.key') });
    try {
      assert.match(server.uiUrl, /^https:\/\/127\.0\.0\.1:\d+$/);
      assert.match(server.otlpUrl, /^https:\/\/127\.0\.0\.1:\d+$/);
      assert.equal(await send(`${server.uiUrl}/clew/v1/services`, {}), 200);
      assert.equal(await send(`${server.otlpUrl}/v1/traces`, exportOptions, '{}'), 200);
      await assert.rejects(fetch(server.uiUrl.replace('https', 'http')));
      await assert.rejects(fetch(server.otlpUrl.replace('https', 'http')));
      assert.match(server.otlpGrpcUrl, /^https:/);
      assert.equal(
        await exportOverGrpc(server.otlpGrpcUrl, credentials.createSsl(readFileSync(file('ca.pem')))),
        undefined,
      );
      assert.notEqual(
        await exportOverGrpc(server.otlpGrpcUrl.replace('https', 'http'), credentials.createInsecure()),
        undefined,
      );
      assert.equal((await fetch(`${server.healthUrl}/ready`)).status, 200);
    } finally {
      await server.close();
    }
  });

  test('a connection that never begins a handshake does not hold up the end of the receiver for gRPC', async () => {
    const tls = readTls({ cert: file('server.pem'), key: file('server.key'), clientCa: undefined });
    const log = createLogger('silent');
    const receiver = createGrpcServer({ answer: (stream) => stream.close(), tls, maxConnections: 9, log });
    receiver.server.listen(0, '127.0.0.1');
    await once(receiver.server, 'listening');
    const connected = once(receiver.server, 'connection');
    const silent = connect((receiver.server.address() as AddressInfo).port, '127.0.0.1').on('error', () => {});
    await connected;
    const startedMs = performance.now();
    await receiver.close(100);
    // Its time for the handshake is ten seconds.
    assert.ok(performance.now() - startedMs < 5_000);
    silent.destroy();
  });

  test('with authorities for clients, only those with a certificate of theirs may connect', async () => {
    const server = await start({
      tlsCert: file('server.pem'),
      tlsKey: file('server.key'),
      tlsClientCa: file('ca.pem'),
    });
    try {
      for (const [url, options, body] of [
        [`${server.uiUrl}/clew/v1/services`, {}, ''],
        [`${server.otlpUrl}/v1/traces`, exportOptions, '{}'],
      ] as const) {
        assert.equal(await send(url, { ...options, ...identityOf('client') }, body), 200);
        await assert.rejects(send(url, options, body), url);
        await assert.rejects(send(url, { ...options, ...identityOf('intruder') }, body), url);
      }
      const ca = readFileSync(file('ca.pem'));
      const channelOf = (name: string) =>
        credentials.createSsl(ca, readFileSync(file(`${name}.key`)), readFileSync(file(`${name}.pem`)));
      assert.equal(await exportOverGrpc(server.otlpGrpcUrl, channelOf('client')), undefined);
      for (const channel of [credentials.createSsl(ca), channelOf('intruder')]) {
        assert.notEqual(await exportOverGrpc(server.otlpGrpcUrl, channel), undefined);
      }
    } finally {
      await server.close();
    }
  });

  test('files that are missing, broken or do not fit each other stop the start with their names', async () => {
    const read = (cert: string, key: string, clientCa?: string) =>
      readTls({ cert: file(cert), key: file(key), clientCa: clientCa && file(clientCa) });
    assert.throws(() => read('none.pem', 'server.key'), {
      code: 'CLEW_TLS_UNUSABLE',
      message: /none\.pem \(CLEW_TLS_CERT\).*ENOENT/,
    });
    assert.throws(() => read('server.pem', 'none.key'), { message: /none\.key \(CLEW_TLS_KEY\)/ });
    assert.throws(() => read('server.pem', 'client.key'), {
      message: /server\.pem, .*client\.key, cannot be used: .*mismatch/i,
    });
    assert.throws(() => read('server.key', 'server.key'), { code: 'CLEW_TLS_UNUSABLE' });
    assert.throws(() => read('server.pem', 'server.key', 'none.pem'), { message: /CLEW_TLS_CLIENT_CA/ });
    assert.equal(readTls({ cert: undefined, key: undefined, clientCa: undefined }), undefined);
    await assert.rejects(start({ tlsCert: file('none.pem'), tlsKey: file('server.key') }), {
      code: 'CLEW_TLS_UNUSABLE',
    });
  });
});

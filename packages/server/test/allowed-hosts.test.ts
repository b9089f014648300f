import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { parseConfig, type RunningServer, startServer } from '@clew/server';
import { status as grpcStatus } from '@grpc/grpc-js';
import { createHostCheck } from '#src/allowed-hosts.js';
import { freePorts } from './free-ports.js';
import { frame, healthPath, RawCaller } from './grpc-calls.js';

const ofThisMachine = [
  'localhost',
  'localhost:4318',
  'LOCALHOST.',
  'shop.localhost:1',
  '127.0.0.1',
  '127.0.0.1:4318',
  '10.1.2.3:4318',
  '[::1]',
  '[::1]:4318',
  '[fe80::1]:1',
  'host.docker.internal:4318',
  'host.containers.internal',
  'host.lima.internal',
];

const ofStrangers = [
  'evil.example',
  'evil.example:4318',
  'localhost.evil.example',
  '127.0.0.1.evil.example',
  'evil-localhost',
  'host.docker.internal.evil.example',
  'user@localhost',
  'localhost:4318:1',
  '[::1',
  '[evil.example]',
  '::1',
  '',
];

describe('a host', () => {
  test('is taken by a server on a loopback address when nobody can point it there from outside', () => {
    for (const bound of ['127.0.0.1', '::1', 'localhost', '127.1.2.3']) {
      const allows = createHostCheck(bound, []);
      for (const host of ofThisMachine) assert.equal(allows(host), true, host);
      for (const host of ofStrangers) assert.equal(allows(host), false, host);
      assert.equal(allows(undefined), true);
    }
  });

  test('can be any where a server is bound to an outside address and names none', () => {
    const allows = createHostCheck('0.0.0.0', []);
    for (const host of [...ofThisMachine, ...ofStrangers]) assert.equal(allows(host), true, host);
  });

  test('that is named is taken on any address, and then no other name', () => {
    for (const bound of ['127.0.0.1', '0.0.0.0', '::', 'clew.internal']) {
      const allows = createHostCheck(bound, ['traces.example']);
      for (const host of ['traces.example', 'Traces.Example:443', 'traces.example.', ...ofThisMachine]) {
        assert.equal(allows(host), true, host);
      }
      for (const host of ['x.traces.example', 'traces.example.evil', ...ofStrangers]) {
        assert.equal(allows(host), false, host);
      }
    }
    assert.equal(createHostCheck('clew.internal', ['traces.example'])('clew.internal:4318'), true);
  });
});

describe('every port', () => {
  let dataDir: string;
  let server: RunningServer;

  before(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'clew-hosts-'));
    const settings = { dataDir, ...freePorts, healthPort: 0, logLevel: 'silent' };
    const ofPage = { ingestCorsOrigins: 'http://evil.example', allowedHosts: 'Traces.Example' };
    server = await startServer(parseConfig({}, { ...settings, ...ofPage, clickhouseUrl: 'http://127.0.0.1:1/' }));
  });
  after(async () => {
    await server.close();
    await rm(dataDir, { recursive: true });
  });

  async function ask(url: string, host: string, method = 'POST', headers: Record<string, string> = {}) {
    const asked = request(url, { method, headers: { host, 'content-type': 'application/json', ...headers } });
    asked.end();
    const [response] = (await once(asked, 'response')) as [IncomingMessage];
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    return { status: response.statusCode!, headers: response.headers, text: Buffer.concat(chunks).toString() };
  }

  test('refuses a name of a stranger, and takes one that is named', async () => {
    for (const [url, method, status] of [
      [`${server.otlpUrl}/v1/traces`, 'POST', 400],
      [`${server.zipkinUrl}/api/v2/spans`, 'POST', 400],
      [`${server.jaegerUrl}/api/traces`, 'POST', 415],
      [`${server.uiUrl}/health`, 'GET', 200],
      [`${server.healthUrl}/health`, 'GET', 200],
    ] as const) {
      const refused = await ask(url, 'evil.example:80', method);
      assert.equal(refused.status, 403, url);
      assert.match(refused.text, /evil\.example:80.*--allowed-hosts or CLEW_ALLOWED_HOSTS/);
      assert.equal((await ask(url, 'traces.example', method)).status, status, url);
    }
  });

  test('answers no preflight under the name of a stranger', async () => {
    const headers = { origin: 'http://evil.example', 'access-control-request-method': 'POST' };
    const refused = await ask(`${server.otlpUrl}/v1/traces`, 'evil.example', 'OPTIONS', headers);
    assert.equal(refused.status, 403);
    assert.equal(refused.headers['access-control-allow-origin'], undefined);
    assert.equal((await ask(`${server.otlpUrl}/v1/traces`, 'localhost', 'OPTIONS', headers)).status, 204);
  });

  test('of gRPC looks at the authority, for spans and for health checks', async () => {
    for (const url of [server.otlpGrpcUrl, server.jaegerGrpcUrl]) {
      const raw = new RawCaller(url);
      const call = (authority: string) =>
        raw.open({ ':path': healthPath, ':authority': authority }).end(frame(Buffer.alloc(0)));
      const refused = await call('evil.example:4317');
      assert.equal(refused['grpc-status'], String(grpcStatus.PERMISSION_DENIED));
      assert.match(decodeURIComponent(String(refused['grpc-message'])), /"evil\.example:4317"/);
      for (const authority of ['localhost:4317', 'traces.example']) {
        assert.equal((await call(authority))['grpc-status'], '0', authority);
      }
      raw.close();
    }
  });
});

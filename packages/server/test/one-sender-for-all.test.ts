import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type ClientRequest, request } from 'node:http';
import type { ClientHttp2Stream } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { parseConfig, type RunningServer, startServer } from '@clew/server';
import { freePorts } from './free-ports.js';
import { frame, healthPath, RawCaller } from './grpc-calls.js';

const mib = 2 ** 20;
const maxRequestBytes = 32 * mib;
const tokens = { alpha: 'alpha-ingest-0123456789', beta: 'beta-ingest-0123456789' };

describe('one sender, whoever it is, does not stop the others', () => {
  let dataDir: string;
  let server: RunningServer;
  const callers: RawCaller[] = [];
  const requests: ClientRequest[] = [];

  before(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'clew-one-'));
    const tenants = Object.entries(tokens).map(([name, token]) => ({
      name,
      ingestTokens: [token],
      queryTokens: [`${name}-query-0123456789`],
    }));
    const settings = { dataDir, ...freePorts, healthPort: 0, logLevel: 'silent', maxRequestBytes, tenants };
    server = await startServer(parseConfig({}, { ...settings, clickhouseUrl: 'http://127.0.0.1:1/' }));
  });
  afterEach(() => {
    for (const caller of callers.splice(0)) caller.close();
    for (const each of requests.splice(0)) each.destroy();
  });
  after(async () => {
    await server.close();
    await rm(dataDir, { recursive: true });
  });

  async function expectBetaServed(): Promise<void> {
    for (let round = 0; round < 30; round++) {
      const answer = await fetch(`${server.otlpUrl}/v1/traces`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${tokens.beta}` },
        body: `{"resourceSpans":[]}${' '.repeat(200_000)}`,
      });
      assert.equal(answer.status, 200, await answer.text());
    }
    assert.equal((await fetch(`${server.healthUrl}/ready/ingest`)).status, 200);
  }

  /** Sends as much as the other side reads, or ends it. */
  async function write(stream: ClientHttp2Stream | ClientRequest, bytes: number): Promise<void> {
    const ended = once(stream, 'close').then(() => true);
    for (let left = bytes; left > 0; left -= mib) {
      const written = new Promise<boolean>((resolve) => stream.write(Buffer.alloc(mib), () => resolve(false)));
      if (await Promise.race([written, ended])) return;
    }
  }

  it('by health checks that announce the largest message and stop in its midst, without a token', async () => {
    for (const url of [server.otlpGrpcUrl, server.jaegerGrpcUrl]) {
      const caller = new RawCaller(url);
      callers.push(caller);
      const ends = Array.from({ length: 4 }, async () => {
        const { stream, ended } = caller.open({ ':path': healthPath });
        stream.write(frame(Buffer.alloc(0), 0, maxRequestBytes));
        await write(stream, 16 * mib);
        return await ended;
      });
      for (const end of await Promise.all(ends)) assert.equal(end['grpc-status'], '8');
    }
    await expectBetaServed();
  });

  it('by thousands of health checks that say nothing', async () => {
    for (let connection = 0; connection < 10; connection++) {
      const caller = new RawCaller(connection % 2 === 0 ? server.otlpGrpcUrl : server.jaegerGrpcUrl);
      callers.push(caller);
      for (let call = 0; call < 200; call++) caller.open({ ':path': healthPath, 'x-long': 'x'.repeat(7_000) });
    }
    const probe = new RawCaller(server.otlpGrpcUrl);
    callers.push(probe);
    assert.equal((await probe.open({ ':path': healthPath }).end(frame(Buffer.alloc(0))))['grpc-status'], '0');
    await expectBetaServed();
  });

  it('by bodies of a tenant that are announced, and stop in their midst', async () => {
    const stalled = Array.from({ length: 4 }, async () => {
      const each = request(`${server.otlpUrl}/v1/traces`, {
        method: 'POST',
        headers: {
          'content-type': 'application/x-protobuf',
          'content-length': maxRequestBytes,
          authorization: `Bearer ${tokens.alpha}`,
        },
      });
      each.on('error', () => {});
      requests.push(each);
      await write(each, 26 * mib);
    });
    await Promise.all(stalled);
    await expectBetaServed();
  });

  it('by preflights, unknown addresses and wrong tokens whose bodies never come', async () => {
    for (const url of [server.otlpUrl, server.zipkinUrl, server.jaegerUrl]) {
      for (const method of ['OPTIONS', 'POST', 'PUT']) {
        for (let index = 0; index < 50; index++) {
          const headers = { 'content-length': maxRequestBytes, authorization: 'Bearer nobody-0123456789' };
          const each = request(`${url}/v1/${index}`, { method, headers, agent: false });
          each.on('error', () => {}).on('response', (response) => response.resume());
          each.flushHeaders();
          requests.push(each);
        }
      }
    }
    await expectBetaServed();
  });
});

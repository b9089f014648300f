import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { StatsResponse } from '@clew/model';
import { ClewError, parseConfig, type RunningServer, startServer } from '@clew/server';
import { freePorts } from './free-ports.js';

let dataDir: string;

before(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'clew-test-'));
});

after(async () => {
  await rm(dataDir, { recursive: true, force: true });
});

function start(overrides: Parameters<typeof parseConfig>[1] = {}): Promise<RunningServer> {
  return startServer(parseConfig({}, { dataDir, ...freePorts, logLevel: 'silent', ...overrides }));
}

async function takePort(): Promise<{ server: Server; port: number }> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, port: (server.address() as AddressInfo).port };
}

describe('startServer', () => {
  test('takes free ports, answers on each, and leaves nothing behind when closed', async () => {
    const server = await start();
    assert.match(server.uiUrl, /^http:\/\/127\.0\.0\.1:[1-9]\d*$/);
    assert.equal((await fetch(`${server.uiUrl}/health`)).status, 200);
    const receivers = [
      `${server.otlpUrl}/v1/traces`,
      `${server.zipkinUrl}/api/v2/spans`,
      `${server.jaegerUrl}/api/traces`,
    ];
    for (const url of receivers) assert.equal((await fetch(url)).status, 405, url);
    await server.close();
    for (const url of [`${server.uiUrl}/health`, ...receivers]) await assert.rejects(fetch(url), url);
    // The data directory is free again.
    const again = await start();
    await again.close();
    await again.close();
  });

  test('says which port is taken and what chooses another, and stops what it had started', async () => {
    const { server, port } = await takePort();
    const taken = [
      { setting: { httpPort: port }, flag: '--http-port', variable: 'CLEW_HTTP_PORT' },
      { setting: { otlpHttpPort: port }, flag: '--otlp-http-port', variable: 'CLEW_OTLP_HTTP_PORT' },
      { setting: { otlpGrpcPort: port }, flag: '--otlp-grpc-port', variable: 'CLEW_OTLP_GRPC_PORT' },
      { setting: { zipkinPort: port }, flag: '--zipkin-port', variable: 'CLEW_ZIPKIN_PORT' },
      { setting: { jaegerHttpPort: port }, flag: '--jaeger-http-port', variable: 'CLEW_JAEGER_HTTP_PORT' },
      { setting: { jaegerGrpcPort: port }, flag: '--jaeger-grpc-port', variable: 'CLEW_JAEGER_GRPC_PORT' },
    ];
    for (const { setting, flag, variable } of taken) {
      await assert.rejects(start(setting), (error) => {
        assert.ok(error instanceof ClewError);
        assert.equal(error.code, 'CLEW_PORT_TAKEN');
        for (const part of [String(port), flag, variable]) assert.ok(error.message.includes(part), part);
        return true;
      });
    }
    server.close();
    await (await start()).close();
  });

  test('with tail sampling, removes traces that no rule keeps, after a restart too, and says so', async () => {
    const sampling = {
      tailSamplingAfter: '5m',
      tailSamplingKeep: [{ error: true }],
      dataDir: join(dataDir, 'sampled'),
    };
    const [ok, failed] = ['a'.repeat(32), 'b'.repeat(32)];
    const startNs = (Date.now() - 10 * 60_000) * 1e6;
    const spanOf = (traceId: string, code: number) => ({
      traceId,
      spanId: 'c'.repeat(16),
      name: 'GET /',
      startTimeUnixNano: String(startNs),
      endTimeUnixNano: String(startNs + 1e6),
      status: { code },
    });
    const spans = [spanOf(ok, 1), spanOf(failed, 2)];
    const first = await start(sampling);
    const sent = await fetch(`${first.otlpUrl}/v1/traces`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] }),
    });
    assert.equal(sent.status, 200);
    const statusOf = async ({ uiUrl }: RunningServer, traceId: string) => {
      const response = await fetch(`${uiUrl}/clew/v1/traces/${traceId}`);
      await response.arrayBuffer();
      return response.status;
    };
    while ((await statusOf(first, ok)) !== 200) await sleep(50);
    await first.close();
    // As if it had been started an hour ago.
    const decidedUntilMs = Math.floor(Date.now() / 60_000 - 60) * 60_000;
    await writeFile(
      join(sampling.dataDir, 'tail-sampling.json'),
      JSON.stringify({ decidedUntilMs, removingUntilMs: null }),
    );
    const second = await start(sampling);
    while ((await statusOf(second, ok)) !== 404) await sleep(50);
    assert.equal(await statusOf(second, failed), 200);
    const samplingOf = async ({ uiUrl }: RunningServer) =>
      ((await (await fetch(`${uiUrl}/clew/v1/stats`)).json()) as StatsResponse).tailSampling;
    while ((await samplingOf(second))?.outcomes.removed !== 1) await sleep(50);
    assert.deepEqual((await samplingOf(second))?.outcomes, { error: 1, removed: 1 });
    assert.match(
      await (await fetch(`${second.uiUrl}/metrics`)).text(),
      /clew_tail_sampled_traces_total\{outcome="removed"\} 1/,
    );
    await second.close();
    const third = await start({ dataDir: sampling.dataDir });
    assert.equal(await samplingOf(third), null);
    await third.close();
    await assert.rejects(readFile(join(sampling.dataDir, 'tail-sampling.json')), { code: 'ENOENT' });
  });

  test('an address that is not of this machine is refused with the reason', async () => {
    await assert.rejects(start({ host: '192.0.2.1' }), {
      code: 'CLEW_ADDRESS_UNUSABLE',
      message: /192\.0\.2\.1:\d+.*EADDRNOTAVAIL.* with --host or CLEW_HOST/,
    });
  });
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { StatsResponse } from '@clew/model';
import { ClewError, parseConfig, type RunningServer, startServer } from '@clew/server';
import { createLogger } from '#src/log.js';
import { undoAll } from '#src/undo.js';
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

  test('ends all of its parts, whatever became of one of them', async () => {
    const server = await start({ clickhouseUrl: 'http://127.0.0.1:1/' });
    const span = { traceId: 'ab'.repeat(16), spanId: 'cd'.repeat(8) };
    const { status } = await fetch(`${server.otlpUrl}/v1/traces`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] }),
    });
    assert.equal(status, 200);
    // What is open in the spool cannot be sealed.
    await rm(join(dataDir, 'spool'), { recursive: true });
    await server.close().catch(() => {});
    for (const url of [server.uiUrl, server.otlpUrl, server.zipkinUrl, server.jaegerUrl]) {
      await assert.rejects(fetch(url), url);
    }
    // Its lock is gone as well.
    await (await start({ clickhouseUrl: 'http://127.0.0.1:1/' })).close();
  });

  test('undoes every step, the last one first, and throws the first failure', async () => {
    const done: number[] = [];
    const closed = createServer();
    const closeClosed = async () => {
      done.push(2);
      closed.close();
      await once(closed, 'close');
      await promisify(closed.close.bind(closed))();
    };
    closed.listen(0);
    await once(closed, 'listening');
    const steps = [
      async () => done.push(0),
      async () => {
        done.push(1);
        await rm(join(dataDir, 'not-there', 'file'));
      },
      closeClosed,
      async () => done.push(3),
    ];
    await assert.rejects(undoAll(steps, createLogger('silent')), { code: 'ERR_SERVER_NOT_RUNNING' });
    assert.deepEqual(done, [3, 2, 1, 0]);
    await undoAll(steps, createLogger('silent'));
    assert.deepEqual(done, [3, 2, 1, 0]);
  });

  test('tells senders and probes nothing of its paths and addresses', async () => {
    const clickhouseUrl = 'http://127.0.0.1:1/';
    const server = await start({ clickhouseUrl, healthPort: 0 });
    try {
      await rm(join(dataDir, 'spool'), { recursive: true });
      await writeFile(join(dataDir, 'spool'), '');
      const span = { traceId: 'ab'.repeat(16), spanId: 'cd'.repeat(8) };
      const refused = await fetch(`${server.otlpUrl}/v1/traces`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] }),
      });
      assert.equal(refused.status, 503);
      const texts = [await refused.text()];
      assert.match(texts[0]!, /The spool cannot write; the reason is in the log/);
      for (const path of ['/ready', '/ready/ingest', '/ready/queries', '/']) {
        const answer = await fetch(`${server.healthUrl}${path}`);
        assert.equal(answer.status, 503);
        texts.push(await answer.text());
      }
      for (const path of ['/ready', '/clew/v1/services', '/clew/v1/stats']) {
        texts.push(await (await fetch(`${server.uiUrl}${path}`)).text());
      }
      for (const text of texts) {
        assert.doesNotMatch(text, /127\.0\.0\.1|\/tmp/);
        assert.ok(!text.includes(dataDir), text);
      }
    } finally {
      await server.close().catch(() => {});
      await rm(join(dataDir, 'spool'), { force: true });
    }
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

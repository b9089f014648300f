import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseConfig, type RunningServer, startServer } from '@clew/server';
import { pino } from 'pino';
import { createLogger } from '#src/log.js';
import { createHealthServer } from '#src/serve/health.js';
import { Readiness } from '#src/serve/readiness.js';
import { Spool } from '#src/spool/spool.js';
import { findEngine } from './engine-pid.js';
import { freePorts } from './free-ports.js';

interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: the shape is what the tests are about.
  readonly body: any;
}

async function get(url: string): Promise<Answer> {
  const response = await fetch(url);
  assert.equal(response.headers.get('cache-control'), 'no-store');
  return { status: response.status, body: await response.json() };
}

async function waitFor(url: string, status: number): Promise<Answer> {
  for (;;) {
    const answer = await get(url);
    if (answer.status === status) return answer;
    await sleep(50);
  }
}

describe('health and readiness of a running server', () => {
  let dataDir: string;
  let server: RunningServer;

  before(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'clew-health-'));
    const settings = {
      dataDir,
      ...freePorts,
      healthPort: 0,
      spoolMaxBytes: 2 ** 20,
      logLevel: 'silent',
    };
    server = await startServer(parseConfig({}, settings));
  });
  after(async () => {
    await server.close();
    await rm(dataDir, { recursive: true });
  });

  /** Exports one span with an attribute of so many random bytes, which nothing compresses. */
  async function exportSpan(attributeBytes: number): Promise<number> {
    const value = { stringValue: randomBytes(attributeBytes / 2).toString('hex') };
    const span = { traceId: 'ab'.repeat(16), spanId: 'cd'.repeat(8), attributes: [{ key: 'k', value }] };
    const { status } = await fetch(`${server.otlpUrl}/v1/traces`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] }),
    });
    return status;
  }

  test('both are answered on the port of the UI and on their own, part by part', async () => {
    for (const url of [server.uiUrl, server.healthUrl]) {
      const health = await get(`${url}/health`);
      assert.equal(health.status, 200);
      assert.equal(health.body.live, true);
      assert.equal(health.body.phase, 'running');
      const ready = await get(`${url}/ready`);
      assert.equal(ready.status, 200);
      assert.equal(ready.body.ready, true);
      const { ready: isRead, busyThreads } = ready.body.ingest.parts.transcoder;
      assert.deepEqual({ isRead, busyThreads }, { isRead: true, busyThreads: 0 });
      assert.deepEqual(ready.body.queries, { ready: true, parts: { schema: { ready: true }, store: { ready: true } } });
      const { spool, 'otlp-http': receiver } = ready.body.ingest.parts;
      assert.deepEqual(receiver, { ready: true });
      assert.equal(spool.ready, true);
      assert.equal(spool.maxBytes, 2 ** 20);
    }
  });

  test('the port of its own answers / as the collector does, and nothing else', async () => {
    const { status, body } = await get(`${server.healthUrl}/`);
    assert.equal(status, 200);
    assert.equal(body.status, 'Server available');
    assert.match(body.uptime, /^\d+\.\d{3}s$/);
    assert.ok(!Number.isNaN(Date.parse(body.upSince)));
    assert.equal((await get(`${server.healthUrl}/clew/v1/services`)).status, 404);
  });

  test('while the engine does not answer, queries are not ready, spans are taken until the spool is full, and then not', async () => {
    const engine = await findEngine();
    process.kill(engine, 'SIGSTOP');
    try {
      const away = await waitFor(`${server.healthUrl}/ready`, 503);
      assert.equal(away.body.queries.ready, false);
      assert.equal(away.body.queries.parts.store.ready, false);
      assert.match(away.body.queries.parts.store.reason, /./);
      assert.equal(away.body.ingest.ready, true);
      assert.equal((await get(`${server.uiUrl}/health`)).status, 200);
      assert.equal((await get(`${server.uiUrl}/ready/ingest`)).status, 200);
      assert.equal((await get(`${server.uiUrl}/ready/queries`)).status, 503);
      assert.equal((await get(`${server.healthUrl}/`)).body.status, 'Server not available');

      // Commits of 32 KiB and a bit, until one more than the limit has been asked for.
      let status = 200;
      while (status === 200) status = await exportSpan(32 * 1024);
      assert.equal(status, 503);
      assert.equal((await get(`${server.uiUrl}/ready/ingest`)).status, 200, 'a smaller one would still fit');
      for (let bytes = 16 * 1024; bytes >= 2; bytes /= 2) while ((await exportSpan(bytes)) === 200);
    } finally {
      process.kill(engine, 'SIGCONT');
    }
    const ready = await waitFor(`${server.healthUrl}/ready`, 200);
    assert.equal(ready.body.ingest.ready, true);
  });
});

describe('readiness', () => {
  const log = createLogger('silent');
  const closing: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
  });

  test('a server that is starting or stopping is alive and not ready, whatever its parts say', async () => {
    const readiness = new Readiness(createLogger('silent'));
    readiness.add('ingest', 'part', () => ({ ready: true }));
    const server = createHealthServer({ readiness, allowsHost: () => true, maxConnections: 10 }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    closing.push(async () => server.close());
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    for (const [phase, status] of [
      ['starting', 503],
      ['running', 200],
      ['stopping', 503],
    ] as const) {
      if (phase !== 'starting') readiness.enter(phase);
      assert.equal((await get(`${url}/health`)).body.phase, phase);
      assert.equal((await get(`${url}/health`)).status, 200);
      for (const path of ['/', '/ready', '/ready/ingest', '/ready/queries']) {
        assert.equal((await get(url + path)).status, status, `${phase} ${path}`);
      }
    }
  });

  test('a part that throws or does not answer is not ready, with what anybody may know of the reason', async () => {
    const readiness = new Readiness(createLogger('silent'));
    readiness.enter('running');
    readiness.add('ingest', 'broken', () => {
      throw new Error('no disk');
    });
    readiness.add('queries', 'hung', () => new Promise(() => {}));
    const { ingest, queries } = await readiness.report();
    const reason = 'it failed; why is in the log of the server';
    assert.deepEqual(ingest, { ready: false, parts: { broken: { ready: false, reason } } });
    assert.deepEqual(queries.parts.hung, { ready: false, reason: 'no answer within 800 ms' });
  });

  test('a part that fails, and one that is back, is logged once, with what nobody else is told', async () => {
    const lines: { msg: string; part: string; detail?: string }[] = [];
    const readiness = new Readiness(pino({ base: null }, { write: (line) => void lines.push(JSON.parse(line)) }));
    readiness.enter('running');
    let ready = true;
    readiness.add('queries', 'store', () => (ready ? { ready } : { ready, reason: 'away', detail: '/secret.sock' }));
    for (const each of [true, false, false, true, true]) {
      ready = each;
      const report = await readiness.report();
      assert.doesNotMatch(JSON.stringify(report), /secret/);
      readiness.enter('running');
    }
    assert.deepEqual(
      lines.map(({ msg, part, detail }) => [msg, part, detail]),
      [
        ['A part of the server is not ready', 'store', '/secret.sock'],
        ['A part of the server is ready again', 'store', undefined],
      ],
    );
  });

  test('many who ask at once cost one look at the parts', async () => {
    const readiness = new Readiness(createLogger('silent'));
    let asked = 0;
    readiness.add('ingest', 'part', () => ({ ready: asked++ >= 0 }));
    await Promise.all(Array.from({ length: 100 }, () => readiness.report()));
    assert.equal(asked, 1);
    readiness.enter('running');
    await readiness.report();
    assert.equal(asked, 2);
  });

  test('the spool finds out whether it can write: not when it is full, gone or closed', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'clew-spool-'));
    closing.push(() => rm(directory, { recursive: true, force: true }));
    const spool = await Spool.open({ directory, maxBytes: 200, log });
    assert.equal(await spool.findObstacle(), null);
    assert.deepEqual(await readdir(directory), []);
    await spool.append({ spanCount: 1, spans: new Uint8Array(100), resources: new Uint8Array(79) });
    assert.equal(spool.bytes, 199);
    assert.equal(await spool.findObstacle(), null);
    await spool.close();
    assert.equal((await spool.findObstacle())?.message, 'the server is stopping');

    const full = await Spool.open({ directory, maxBytes: 199, log });
    assert.equal((await full.findObstacle())?.message, 'the spool is full: it holds 199 bytes of 199');
    await full.close();

    const gone = await Spool.open({ directory: join(directory, 'gone'), maxBytes: 1000, log });
    await rm(join(directory, 'gone'), { recursive: true });
    await writeFile(join(directory, 'gone'), '');
    assert.match((await gone.findObstacle())!.message, /^the spool cannot write to .*gone: ENOTDIR/);
    await gone.close();
  });
});

describe('the port of the health check', () => {
  test('that nobody chose may be taken; one that was chosen may not', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'clew-health-'));
    const blocker = createServer();
    const block = () =>
      new Promise<boolean>((resolve) => {
        blocker.once('error', () => resolve(false)).listen(13_133, '127.0.0.1', () => resolve(true));
      });
    // Another program of this machine may have it for good, which is as good; a server of another test gives it back.
    let blocked = await block();
    for (let tries = 0; !blocked && tries < 100; tries++) {
      await sleep(200);
      blocked = await block();
    }
    const settings = { dataDir, ...freePorts, logLevel: 'silent' };
    try {
      const server = await startServer(parseConfig({}, settings));
      const ready = await get(`${server.uiUrl}/ready`);
      await server.close();
      assert.equal(server.healthUrl, undefined);
      assert.equal(ready.status, 200);
      await assert.rejects(startServer(parseConfig({}, { ...settings, healthPort: 13_133 })), {
        code: 'CLEW_PORT_TAKEN',
        message: /13133.*--health-port or CLEW_HEALTH_PORT/,
      });
    } finally {
      if (blocked) blocker.close();
      await rm(dataDir, { recursive: true });
    }
  });
});

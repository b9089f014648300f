import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { RunningServer } from '@clew/server';
import { createBoundedServer } from '#src/bounded-server.js';
import { chooseConnectionLimits, readDescriptorLimit } from '#src/connection-limits.js';
import { freePorts } from './free-ports.js';

describe('the limits of connections', () => {
  it('are the usual ones while there are descriptors for all of them, and for spool and store', () => {
    const usual = { receiver: 4_096, ui: 1_024, health: 64 };
    assert.deepEqual(chooseConnectionLimits(undefined, 1), usual);
    assert.deepEqual(chooseConnectionLimits(22_736, 1), usual);
    assert.notDeepEqual(chooseConnectionLimits(22_735, 1), usual);
    assert.deepEqual(chooseConnectionLimits(22_752, 2), usual);
    assert.notDeepEqual(chooseConnectionLimits(22_751, 2), usual);
  });

  it('never add up to more descriptors than there are', () => {
    for (const descriptors of [400, 1_024, 1_500, 4_096, 20_000]) {
      const { receiver, ui, health } = chooseConnectionLimits(descriptors, 1);
      assert.ok(5 * receiver + 2 * ui + health + 144 <= descriptors, String(descriptors));
    }
    assert.deepEqual(chooseConnectionLimits(100, 1), { receiver: 16, ui: 8, health: 64 });
  });
});

describe('a server with few file descriptors', () => {
  const descriptors = 400;
  let dataDir: string;
  let child: ChildProcess;
  let server: Omit<RunningServer, 'close'> & { readonly descriptors: number };
  let log = '';
  const sockets: Socket[] = [];

  before(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'clew-descriptors-'));
    const settings = { dataDir, ...freePorts, healthPort: 0, clickhouseUrl: 'http://127.0.0.1:1/' };
    const node = [
      process.execPath,
      fileURLToPath(new URL('./started-server.js', import.meta.url)),
      JSON.stringify(settings),
    ];
    child = spawn('bash', ['-c', `ulimit -n ${descriptors}; exec "$@"`, 'bash', ...node], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.stderr!.on('data', (chunk) => {
      log += chunk;
    });
    const [line] = (await once(createInterface(child.stdout!), 'line')) as [string];
    server = JSON.parse(line);
  });
  after(async () => {
    for (const socket of sockets) socket.destroy();
    child.kill('SIGTERM');
    if (child.exitCode === null) await once(child, 'exit');
    await rm(dataDir, { recursive: true });
  });

  async function fill(url: string): Promise<void> {
    const { hostname, port } = new URL(url);
    const opening = Array.from({ length: 300 }, () => {
      const socket = connect(Number(port), hostname).on('error', () => {});
      sockets.push(socket);
      return once(socket, 'connect').catch(() => {});
    });
    await Promise.all(opening);
  }

  it('says so once, with what it leaves each port', () => {
    const said = log.split('\n').filter((line) => line.includes('limit of file descriptors'));
    assert.equal(said.length, 1);
    const { descriptors: found, connections } = JSON.parse(said[0]!);
    assert.equal(found, descriptors);
    assert.deepEqual(connections, chooseConnectionLimits(descriptors, 1));
  });

  it('takes spans and answers probes while every other port has all the connections it takes', async () => {
    for (const url of [server.uiUrl, server.zipkinUrl, server.jaegerUrl, server.otlpGrpcUrl, server.jaegerGrpcUrl]) {
      await fill(url);
    }
    for (let round = 0; round < 20; round++) {
      const answer = await fetch(`${server.otlpUrl}/v1/traces`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', connection: 'close' },
        body: '{}',
      });
      assert.equal(answer.status, 200, await answer.text());
      assert.equal((await fetch(`${server.healthUrl}/health`, { headers: { connection: 'close' } })).status, 200);
    }
  });
});

describe('the limit of file descriptors', () => {
  it('is what the system says, where it says one', () => {
    const limit = readDescriptorLimit();
    assert.ok(limit === undefined || limit >= 256);
  });
});

describe('a bounded server', () => {
  /** Starts one that answers nothing, sends it these texts on a connection each, and gives what it says before it ends them. */
  async function sendUnfinished(requestTimeoutMs: number, texts: readonly string[]): Promise<string[]> {
    const server = createBoundedServer({ tls: undefined, maxConnections: 2, requestTimeoutMs }, (request) => {
      request.resume().on('error', () => {});
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const answers = texts.map(async (text) => {
      const socket = connect(port, '127.0.0.1').on('error', () => {});
      let answer = '';
      socket.on('data', (chunk) => {
        answer += chunk;
      });
      socket.write(text);
      await once(socket, 'close');
      return answer;
    });
    const got = await Promise.all(answers);
    server.close();
    await once(server, 'close');
    return got;
  }

  it('ends a request that has not come whole when its time is over', async () => {
    const [answer] = await sendUnfinished(500, [
      'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhalf',
    ]);
    assert.match(answer!, /^HTTP\/1\.1 408 /);
  });

  // Node's own limit is a minute.
  it('ends within ten seconds a head that never ends, and a connection that says nothing', {
    timeout: 45_000,
  }, async () => {
    const answers = await sendUnfinished(600_000, ['GET / HTTP/1.1\r\nHost: localhost\r\n', '']);
    for (const answer of answers) assert.match(answer, /^HTTP\/1\.1 408 /);
  });

  it('ends connections that wait for a next request when there are too many', async () => {
    const server = createBoundedServer({ tls: undefined, maxConnections: 2, requestTimeoutMs: 60_000 }, (_, response) =>
      response.end(),
    );
    server.keepAliveTimeout = 60_000;
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const open = async (): Promise<Socket> => {
      const socket = connect(port, '127.0.0.1').on('error', () => {});
      socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
      return socket;
    };
    const idle = [await open(), await open()];
    for (const socket of idle) await once(socket, 'data');
    const closed = idle.map((socket) => once(socket, 'close'));
    const dropped = await open();
    await once(dropped.resume(), 'close');
    await Promise.all(closed);
    await once(await open(), 'data');
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { OtlpSink } from './otlp-sink.js';
import { type App, runNode, writeApp } from './run-app.js';

/** Answers `~` when it is asked, prints its heap on SIGUSR2, and counts what is upgraded. */
const source = `
import { createServer } from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';
const server = createServer((request, response) => {
  if (request.url === '/abort') { response.write('~'); return; }
  request.resume();
  request.on('end', () => setImmediate(() => response.end('~')));
});
server.on('upgrade', (request, socket) => {
  socket.on('error', () => undefined);
  socket.write('HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n\\r\\n~');
  socket.on('data', (data) => socket.end(data));
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => console.log('port=' + server.address().port));
process.on('SIGUSR2', async () => {
  for (let round = 0; round < 4; round++) { await turn(); gc(); }
  console.log('heap=' + process.memoryUsage().heapUsed + '.');
});
`;

const tilde = '~'.charCodeAt(0);

/** Resolves when so many `~` have come. */
function waitForAnswers(socket: Socket, count: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let missing = count;
    const onData = (chunk: Buffer): void => {
      for (const byte of chunk) if (byte === tilde) missing--;
      if (missing > 0) return;
      socket.off('data', onData);
      socket.off('close', onClose);
      resolve();
    };
    const onClose = (): void => reject(new Error(`closed with ${missing} answers missing`));
    socket.on('data', onData);
    socket.on('close', onClose);
  });
}

async function open(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

/** Sends `count` requests, some at a time. */
type Load = (port: number, count: number) => Promise<void>;

const connections = 10;

/** Keep-alive: `batch` requests at once on each connection, then the next. */
function onKeptConnections(batch: number): Load {
  const requests = 'POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab'.repeat(batch);
  return async (port, count) => {
    const run = async (): Promise<void> => {
      const socket = await open(port);
      for (let sent = 0; sent < count / connections; sent += batch) {
        const answered = waitForAnswers(socket, batch);
        socket.write(requests);
        await answered;
      }
      socket.destroy();
    };
    await Promise.all(Array.from({ length: connections }, run));
  };
}

/** Each request on a connection of its own. */
function onOwnConnections(head: string, finish: (socket: Socket) => Promise<unknown>): Load {
  return async (port, count) => {
    const run = async (): Promise<void> => {
      for (let sent = 0; sent < count / connections; sent++) {
        const socket = await open(port);
        const answered = waitForAnswers(socket, 1);
        socket.write(head);
        await answered;
        await finish(socket);
      }
    };
    await Promise.all(Array.from({ length: connections }, run));
  };
}

const destroy = async (socket: Socket): Promise<unknown> => {
  const closed = once(socket, 'close');
  socket.destroy();
  return closed;
};
const upgradeHead =
  'GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';

interface Case {
  readonly load: Load;
  readonly count: number;
  readonly spansEach: 0 | 1;
}

const cases: Readonly<Record<string, Case>> = {
  'kept alive': { load: onKeptConnections(1), count: 100_000, spansEach: 1 },
  pipelined: { load: onKeptConnections(50), count: 100_000, spansEach: 1 },
  aborted: {
    load: onOwnConnections('GET /abort HTTP/1.1\r\nHost: a\r\n\r\n', destroy),
    count: 10_000,
    spansEach: 1,
  },
  // Node does not tell of an upgrade as of a request.
  upgraded: {
    load: onOwnConnections(upgradeHead, async (socket) => {
      socket.write('bye');
      await once(socket, 'close');
    }),
    count: 10_000,
    spansEach: 0,
  },
};

async function heapOf(app: App): Promise<number> {
  const measured = app.stdout.length;
  app.child.kill('SIGUSR2');
  for (;;) {
    const match = /heap=(\d+)\./.exec(app.stdout.slice(measured));
    if (match !== null) return Number(match[1]);
    await once(app.child.stdout!, 'data');
  }
}

/** Code is compiled, buffers have their size. */
const warmUp = 2_000;

/** A context that stayed behind would cost over a hundred bytes a request, a span several hundred; the rest is noise. */
const maxGrowthBytesEach = 100;

/** How many spans have come; each request is looked at once. */
function countArrivals(sink: OtlpSink): () => number {
  let [seen, count] = [0, 0];
  return () => {
    for (; seen < sink.requests.length; seen++) count += sink.requests[seen]!.spanCount;
    return count;
  };
}

for (const [name, { load, count, spansEach }] of Object.entries(cases)) {
  test(`requests that are ${name} leave nothing on the heap and no span open`, async (t) => {
    const sink = await OtlpSink.start();
    t.after(() => sink.close());
    const args = ['--expose-gc', '--import', '@clew/sdk/register', await writeApp(t, 'app.mjs', source)];
    const app = runNode(t, args, {
      OTEL_EXPORTER_OTLP_ENDPOINT: sink.endpoint,
      OTEL_BSP_SCHEDULE_DELAY: '50',
      OTEL_BSP_MAX_QUEUE_SIZE: '100000',
    });
    const port = Number(new URL(await app.url()).port);
    const arrived = countArrivals(sink);
    await load(port, warmUp);
    await sink.waitUntil(() => arrived() >= warmUp * spansEach);
    const before = await heapOf(app);
    await load(port, count);
    const expected = (warmUp + count) * spansEach;
    await sink.waitUntil(() => arrived() >= expected);
    const after = await heapOf(app);
    app.child.kill('SIGTERM');
    await app.exit();
    assert.equal(arrived(), expected);
    const growth = (after - before) / count;
    t.diagnostic(`${growth.toFixed(1)} bytes a request`);
    assert.ok(growth < maxGrowthBytesEach, `${growth} bytes a request`);
    assert.equal(app.notices.length, 1, app.stderr);
  });
}

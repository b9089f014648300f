import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createDeflate, createGzip, gzipSync } from 'node:zlib';
import { otlpJsonToProtobuf } from '@clew/wire';
import {
  type ClewServer,
  enginePid,
  forgetPeak,
  isAlive,
  killAll,
  readMemory,
  type StartingServer,
  spawnServer,
  waitForEmptySpool,
} from './clew-server.ts';
import { createTrace, encodeRequest, expectAllOnce, type NumberedTrace, sendNext } from './numbered-spans.ts';
import { countFromEnv } from './random.ts';

const mib = 1024 * 1024;

let dataDir: string;
let starting: StartingServer | undefined;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'clew-overload-'));
});

afterEach(async () => {
  if (starting !== undefined) await killAll(starting);
  starting = undefined;
  rmSync(dataDir, { recursive: true, force: true });
});

function start(env: NodeJS.ProcessEnv = {}): Promise<ClewServer> {
  starting = spawnServer(dataDir, env);
  return starting.ready;
}

/** The server takes good spans and stores them. */
async function expectService(server: ClewServer): Promise<void> {
  assert.ok(isAlive(server.child), 'the server has ended');
  const good = createTrace();
  assert.equal(await sendNext(server.otlpUrl, good), 200);
  await waitForEmptySpool(dataDir);
  await expectAllOnce(server.uiUrl, [good]);
}

interface Answer {
  readonly status: number;
  readonly retryAfter: string | undefined;
}

/** One connection a request, so that a server that ends it in the middle of a body is heard. */
async function post(url: string, body: Uint8Array, headers: Record<string, string | number>): Promise<Answer> {
  const request = httpRequest(url, { method: 'POST', headers: { ...headers, 'content-length': body.length } });
  request.end(body);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  response.resume();
  return { status: response.statusCode!, retryAfter: response.headers['retry-after'] };
}

/** A GiB of zeros: a few MiB when compressed, and a few KiB when that is compressed again. */
async function compressZeros(stream: NodeJS.ReadWriteStream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  const zeros = Buffer.alloc(4 * mib);
  for (let i = 0; i < 256; i++) if (!stream.write(zeros)) await once(stream, 'drain');
  stream.end();
  await once(stream, 'end');
  return Buffer.concat(chunks);
}

describe('decompression bombs', () => {
  it('are refused with 413, sixteen at once, and take no memory to speak of', async (t: TestContext) => {
    const server = await start();
    const url = `${server.otlpUrl}/v1/traces`;
    const gzip = await compressZeros(createGzip({ level: 1 }));
    const bombs = [
      { encoding: 'gzip', body: gzip },
      { encoding: 'deflate', body: await compressZeros(createDeflate({ level: 1 })) },
    ];
    await expectService(server);
    const pid = server.child.pid!;
    const before = readMemory(pid).nowMib;
    forgetPeak(pid);
    const answers = await Promise.all(
      Array.from({ length: 16 }, (_, i) => {
        const { encoding, body } = bombs[i % bombs.length]!;
        return post(url, body, { 'content-type': 'application/x-protobuf', 'content-encoding': encoding });
      }),
    );
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [413]);
    const { peakMib } = readMemory(pid);
    t.diagnostic(`16 bombs of 1 GiB: ${before} MiB before, ${peakMib} at most`);
    assert.ok(peakMib < before + 400, `${peakMib} MiB, and ${before} before`);
    // What is inside is not unpacked again: it is no protobuf.
    const twice = { 'content-type': 'application/x-protobuf', 'content-encoding': 'gzip' };
    assert.equal((await post(url, gzipSync(gzip), twice)).status, 400);
    assert.equal((await post(url, gzipSync(gzip), { ...twice, 'content-encoding': 'gzip, gzip' })).status, 415);
    await expectService(server);
  });
});

describe('senders that take their time', () => {
  const slowSenders = 1000;
  const requestTimeoutMs = 3000;

  /** Sends its head, or its body, a byte at a time until the server ends the connection. */
  function sendSlowly(url: URL, inBody: boolean): { socket: Socket; ended: Promise<string> } {
    const socket = connect(Number(url.port), url.hostname);
    const head = 'POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\n';
    socket.write(inBody ? `${head}Transfer-Encoding: chunked\r\n\r\n` : `${head}X-Slow: `);
    const timer = setInterval(() => socket.write(inBody ? '1\r\nx\r\n' : 'x'), 1000);
    let received = '';
    socket.setEncoding('latin1').on('data', (text: string) => {
      received += text;
    });
    socket.on('error', () => {});
    // Not `once` of node:events, which rejects when the connection is reset.
    const ended = new Promise<string>((resolve) => {
      socket.once('close', () => {
        clearInterval(timer);
        resolve(received);
      });
    });
    return { socket, ended };
  }

  const connected = (socket: Socket): Promise<void> =>
    new Promise((resolve) => (socket.connecting ? socket.once('connect', () => resolve()) : resolve()));

  it(`are ended, ${slowSenders} of them, while good ones are served`, async (t: TestContext) => {
    const server = await start({ CLEW_REQUEST_TIMEOUT_MS: String(requestTimeoutMs) });
    await expectService(server);
    const pid = server.child.pid!;
    const before = readMemory(pid).nowMib;
    forgetPeak(pid);
    const url = new URL(server.otlpUrl);
    const slow = Array.from({ length: slowSenders }, (_, i) => sendSlowly(url, i % 2 === 0));
    t.after(() => {
      for (const { socket } of slow) socket.destroy();
    });
    // A connection that the machine has no time for may be reset instead.
    await Promise.all(slow.map(({ socket, ended }) => Promise.race([ended, connected(socket)])));
    const good = createTrace();
    let goodAnswers = 0;
    let areEnded = false;
    const ended = Promise.all(slow.map((sender) => sender.ended)).then((received) => {
      areEnded = true;
      return received;
    });
    const startedAt = Date.now();
    while (!areEnded) {
      assert.equal(await sendNext(server.otlpUrl, good), 200);
      goodAnswers++;
      assert.ok(Date.now() - startedAt < 40_000, 'slow senders are not ended');
      await sleep(20);
    }
    const endedMs = Date.now() - startedAt;
    const { peakMib } = readMemory(pid);
    t.diagnostic(
      `${goodAnswers} good requests meanwhile, all ended after ${endedMs} ms; ${before} MiB before, ${peakMib} at most`,
    );
    assert.ok(goodAnswers > 0);
    assert.ok(peakMib < before + 150, `${peakMib} MiB, and ${before} before`);
    // Whoever writes on behind the answer may be reset before it is read.
    const told = (await ended).filter((text) => text.startsWith('HTTP/1.1 408'));
    assert.ok(told.length > slowSenders * 0.9, `${told.length} of ${slowSenders} were told why`);
    await waitForEmptySpool(dataDir);
    await expectAllOnce(server.uiUrl, [good]);
  });

  it('and bodies of a million pieces take no more memory than their bytes', async (t: TestContext) => {
    const server = await start();
    await expectService(server);
    const pid = server.child.pid!;
    const before = readMemory(pid).nowMib;
    forgetPeak(pid);
    const { port, hostname } = new URL(server.otlpUrl);
    const socket = connect(Number(port), hostname);
    socket.write(
      'POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\nTransfer-Encoding: chunked\r\n\r\n',
    );
    // An unknown field of as many zeros, in chunks of one byte.
    const pieces = 1_000_000;
    socket.write(`5\r\n${Buffer.from([0xfa, 0x07, 0xc0, 0x84, 0x3d]).toString('latin1')}\r\n`, 'latin1');
    const thousand = Buffer.from('1\r\n\0\r\n'.repeat(1000));
    for (let i = 0; i < pieces / 1000; i++) if (!socket.write(thousand)) await once(socket, 'drain');
    socket.write('0\r\n\r\n');
    const [answer] = (await once(socket.setEncoding('latin1'), 'data')) as [string];
    socket.destroy();
    assert.match(answer, /^HTTP\/1\.1 200/);
    const { peakMib } = readMemory(pid);
    t.diagnostic(`${before} MiB before, ${peakMib} at most`);
    assert.ok(peakMib < before + 100, `${peakMib} MiB, and ${before} before`);
  });
});

describe('ten times the capacity', () => {
  const seconds = countFromEnv('CLEW_FAULT_SECONDS', 8);
  const senders = 200;

  /** A MiB of spans, the same in each request. */
  function encodeBallast(): Buffer {
    const spans = Array.from({ length: 500 }, (_, i) => ({
      traceId: 'f'.repeat(32),
      spanId: (i + 1).toString(16).padStart(16, '0'),
      name: 'ballast',
      startTimeUnixNano: String(BigInt(Date.now()) * 1_000_000n),
      attributes: [{ key: 'text', value: { stringValue: `${i} `.padEnd(2000, 'ballast ') } }],
    }));
    return Buffer.from(
      otlpJsonToProtobuf(Buffer.from(JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] }))),
    );
  }

  it(`for ${seconds} s is refused with a time to come back; what was acknowledged is kept, and service recovers`, async (t: TestContext) => {
    const server = await start({ CLEW_SPOOL_MAX_BYTES: String(128 * mib) });
    await expectService(server);
    const ballast = encodeBallast();
    const url = `${server.otlpUrl}/v1/traces`;
    const answers = new Map<number, number>();
    let withoutRetryAfter = 0;
    const deadline = Date.now() + seconds * 1000;
    const pid = server.child.pid!;
    forgetPeak(pid);
    forgetPeak(enginePid(server)!);
    // Without the pause that a 503 asks for: these are the worst of senders.
    const sendAll = async (trace: NumberedTrace): Promise<void> => {
      while (Date.now() < deadline) {
        const request = trace.requests++;
        // Two requests one behind the other are one: their spans add up.
        const body = Buffer.concat([encodeRequest(trace.traceId, request), ballast]);
        const { status, retryAfter } = await post(url, body, { 'content-type': 'application/x-protobuf' });
        answers.set(status, (answers.get(status) ?? 0) + 1);
        if (status === 200) trace.acknowledged.push(request);
        else if (!(Number(retryAfter) > 0)) withoutRetryAfter++;
      }
    };
    const traces = Array.from({ length: senders }, createTrace);
    await Promise.all(traces.map(sendAll));
    const ofServer = readMemory(pid);
    const ofEngine = readMemory(enginePid(server)!);
    t.diagnostic(
      `${seconds} s, ${senders} senders of 1 MiB: ${JSON.stringify(Object.fromEntries(answers))}; ` +
        `server ${ofServer.peakMib} MiB at most, engine ${ofEngine.peakMib}`,
    );
    assert.deepEqual([...answers.keys()].sort(), [200, 503]);
    assert.equal(withoutRetryAfter, 0);
    assert.ok(ofServer.peakMib < 1000, `the server held ${ofServer.peakMib} MiB`);
    const stoppedAt = Date.now();
    const good = createTrace();
    while ((await sendNext(server.otlpUrl, good)) !== 200) await sleep(50);
    t.diagnostic(`took spans again ${Date.now() - stoppedAt} ms later`);
    await waitForEmptySpool(dataDir);
    t.diagnostic(`had all of them stored ${Date.now() - stoppedAt} ms later`);
    const sum = await expectAllOnce(server.uiUrl, [...traces, good]);
    t.diagnostic(`${sum.acknowledged} spans acknowledged, ${sum.lost} lost, ${sum.doubled} doubled`);
  });
});

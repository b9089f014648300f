import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { afterEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { status } from '@grpc/grpc-js';
import { createLogger } from '#src/log.js';
import { BodyBudget } from '#src/receive/body-budget.js';
import { otlpGrpcProtocol } from '#src/receive/grpc-protocol.js';
import { createGrpcReceiver, type GrpcReceiverOptions } from '#src/receive/grpc-receiver.js';
import { createGrpcServer, type GrpcServer } from '#src/receive/grpc-server.js';
import type { ExportRequest, ExportResult } from '#src/receive/otlp-http.js';
import { exportPath, frame, GrpcCaller, healthPath, RawCaller, readDetails } from './grpc-calls.js';

const mib = 2 ** 20;

let receiver: GrpcServer;
let url: string;
let budget: BodyBudget;
let raw: RawCaller;

afterEach(async () => {
  raw.close();
  await receiver.close(0);
});

/** What comes out of a receiver: the bytes of messages, which it answers with. */
type Take = (bytes: Uint8Array<ArrayBuffer>) => Promise<Uint8Array>;

const refusals: string[] = [];

/** A receiver of small limits whose answer is the message. */
async function start(
  {
    knows = () => true,
    ...options
  }: Partial<GrpcReceiverOptions> & { knows?: (header: string | undefined) => boolean } = {},
  take: Take = async (bytes) => bytes,
) {
  budget = new BodyBudget(4 * mib);
  refusals.length = 0;
  const taken = new WeakMap<ExportResult, Uint8Array>();
  const metrics = { acknowledge: () => {}, refuse: (reason: string) => void refusals.push(reason) };
  const ingest = async ({ bytes }: ExportRequest) => {
    const result = { acceptedSpans: 1, rejectedSpans: 0, rejectionReason: '', rejectedBy: {}, droppedBy: {} };
    taken.set(result, await take(bytes));
    return result;
  };
  receiver = createGrpcReceiver(
    { ...otlpGrpcProtocol, encodeResponse: (result) => taken.get(result)! },
    {
      destinationOf: (header) => (knows(header) ? { ingest, waitForRoom: async () => {}, metrics } : undefined),
      maxRequestBytes: mib,
      budget,
      requestTimeoutMs: 60_000,
      metrics,
      tls: undefined,
      isReady: async () => true,
      log: createLogger('silent'),
      ...options,
    },
  );
  await listen();
}

async function listen(): Promise<void> {
  receiver.server.listen(0, '127.0.0.1');
  await once(receiver.server, 'listening');
  url = `http://127.0.0.1:${(receiver.server.address() as AddressInfo).port}`;
  raw = new RawCaller(url);
}

/** Waits until so much is held for what callers sent. */
async function untilHeld(bytes: number): Promise<void> {
  const endMs = performance.now() + 10_000;
  while (budget.heldBytes !== bytes) {
    assert.ok(performance.now() < endMs, `${budget.heldBytes} bytes are held, not ${bytes}`);
    await sleep(5);
  }
}

describe('a receiver for gRPC', () => {
  it('hands over each message in an ArrayBuffer of its own, however it was cut into frames', async () => {
    const whole: boolean[] = [];
    await start({}, async (bytes) => {
      whole.push(bytes.byteOffset === 0 && bytes.buffer.byteLength === bytes.length);
      return bytes;
    });
    const message = Buffer.from(Array.from({ length: 20_000 }, (_, index) => index % 251));
    const caller = new GrpcCaller(url);
    assert.deepEqual(await caller.call(exportPath, message), message);
    assert.deepEqual(await caller.call(exportPath, message.subarray(0, 3)), message.subarray(0, 3));
    caller.close();
    const received: Buffer[] = [];
    const { stream, ended } = raw.open();
    stream.on('data', (chunk: Buffer) => received.push(chunk));
    const bytes = frame(message);
    for (let at = 0; at < bytes.length; at += 999) {
      await new Promise((resolve) => stream.write(bytes.subarray(at, at + 999), resolve));
    }
    stream.end();
    assert.equal((await ended)['grpc-status'], '0');
    assert.deepEqual(Buffer.concat(received), bytes);
    assert.deepEqual(whole, [true, true, true]);
  });

  for (const [what, bytes, headers, code, message] of [
    ['no message', Buffer.alloc(0), {}, status.UNIMPLEMENTED, 'The call has no message; this method takes one.'],
    ['half a prefix', Buffer.from([0, 0]), {}, status.INVALID_ARGUMENT, 'The message is cut off: 2 of 5 bytes.'],
    [
      'half a message',
      frame(Buffer.from('abc'), 0, 9),
      {},
      status.INVALID_ARGUMENT,
      'The message is cut off: 3 of 9 bytes.',
    ],
    [
      'two messages',
      Buffer.concat([frame(Buffer.from('a')), frame(Buffer.from('b'))]),
      {},
      status.UNIMPLEMENTED,
      'The call has more than one message; this method takes one.',
    ],
    [
      'an unknown compression',
      frame(Buffer.from('a'), 1),
      { 'grpc-encoding': 'snappy' },
      status.UNIMPLEMENTED,
      'The compression "snappy" is not supported; send one of identity, gzip, deflate.',
    ],
    [
      'a compressed message without a compression',
      frame(Buffer.from('a'), 1),
      {},
      status.INTERNAL,
      'The message has the compressed flag 1, and grpc-encoding is "identity".',
    ],
    [
      'gzip that is none',
      frame(Buffer.from('plain'), 1),
      { 'grpc-encoding': 'gzip' },
      status.INVALID_ARGUMENT,
      'The body is not gzip: incorrect header check.',
    ],
    [
      'gzip that is cut off',
      frame(gzipSync('abc').subarray(0, -9), 1),
      { 'grpc-encoding': 'gzip' },
      status.INVALID_ARGUMENT,
      'The body is not gzip: unexpected end of file.',
    ],
  ] as const) {
    it(`refuses a call with ${what}`, async () => {
      await start();
      const end = await raw.open(headers).end(bytes);
      assert.equal(end['grpc-status'], String(code));
      assert.equal(decodeURIComponent(String(end['grpc-message'])), message);
      assert.equal(end['grpc-accept-encoding'], 'identity,gzip,deflate');
      assert.equal(budget.heldBytes, 0);
    });
  }

  it('takes a message that says it is not compressed in a call that could compress', async () => {
    await start();
    const end = await raw.open({ 'grpc-encoding': 'gzip' }).end(frame(Buffer.from('plain')));
    assert.equal(end['grpc-status'], '0');
  });

  it('refuses a message that is announced too large before it is sent, and stops the sender', async () => {
    await start();
    const { stream, ended } = raw.open();
    stream.write(frame(Buffer.alloc(0), 0, mib + 1));
    const end = await ended;
    assert.equal(end['grpc-status'], String(status.RESOURCE_EXHAUSTED));
    assert.equal(stream.rstCode, 0);
  });

  it('counts what it reads: senders that fill the limit together are refused with RetryInfo, and give it back', async () => {
    await start();
    // Each announces a mebibyte, sends all of it but a byte, and waits.
    const part = frame(Buffer.alloc(mib - 1), 0, mib);
    const stalled = Array.from({ length: 4 }, () => raw.open());
    for (const { stream } of stalled) stream.write(part);
    await untilHeld(4 * mib);
    const caller = new GrpcCaller(url);
    const { code, details, metadata } = await caller.fail(exportPath, Buffer.alloc(5));
    assert.equal(code, status.UNAVAILABLE);
    assert.match(details, /requests under way hold 4194304 bytes; the limit is 4194304/);
    assert.deepEqual(readDetails(metadata)?.retryDelay, { retry_delay: { seconds: 1 } });
    stalled[0]!.stream.close();
    await untilHeld(3 * mib);
    assert.equal((await caller.call(exportPath, Buffer.alloc(mib))).length, mib);
    caller.close();
  });

  it('ends a call that takes too long to send its message, and takes its memory back', async () => {
    await start({ requestTimeoutMs: 200 });
    const { stream, ended } = raw.open();
    stream.write(frame(Buffer.alloc(100_000), 0, 200_000));
    await untilHeld(200_000);
    const end = await ended;
    assert.equal(end['grpc-status'], String(status.DEADLINE_EXCEEDED));
    assert.equal(decodeURIComponent(String(end['grpc-message'])), 'The message took more than 200 ms.');
    await untilHeld(0);
  });

  it('ends a call at the deadline of its caller, while it is read and while it is written', async () => {
    const events = new EventEmitter();
    await start({}, async (bytes) => {
      await once(events, 'finish');
      return bytes;
    });
    const reading = raw.open({ 'grpc-timeout': '100m' });
    reading.stream.write(frame(Buffer.alloc(10), 0, 20));
    const writing = raw.open({ 'grpc-timeout': '90000u' }).end(frame(Buffer.from('a')));
    for (const [end, limit] of [
      [await reading.ended, 100],
      [await writing, 90],
    ] as const) {
      assert.equal(end['grpc-status'], String(status.DEADLINE_EXCEEDED));
      assert.equal(end['grpc-message'], `The call took more than ${limit} ms.`);
    }
    events.emit('finish');
    assert.deepEqual(refusals, ['too_slow', 'too_slow']);
  });

  it('does not heed a deadline that is none, or is far away', async () => {
    await start();
    for (const timeout of ['99999999H', '100', '100x', '-1S', '123456789n']) {
      const end = await raw.open({ 'grpc-timeout': timeout }).end(frame(Buffer.from('a')));
      assert.equal(end['grpc-status'], '0', timeout);
    }
  });

  it('refuses a call without a token before its message is read', async () => {
    await start({ knows: (header) => header === 'Bearer good' });
    const { stream, ended } = raw.open({ authorization: 'Bearer bad' });
    stream.write(frame(Buffer.alloc(10), 0, 20));
    const end = await ended;
    assert.equal(end['grpc-status'], String(status.UNAUTHENTICATED));
    assert.match(decodeURIComponent(String(end['grpc-message'])), /CLEW_INGEST_TOKENS/);
    assert.deepEqual(refusals, ['unauthenticated']);
    const good = raw.open({ authorization: 'Bearer good' });
    assert.equal((await good.end(frame(Buffer.from('a'))))['grpc-status'], '0');
  });

  it('answers a health check with NOT_SERVING while it cannot take spans, and asks for no token', async () => {
    await start({ knows: () => false, isReady: async () => false });
    const caller = new GrpcCaller(url);
    assert.deepEqual(await caller.call(healthPath, Buffer.alloc(0)), Buffer.from([0x08, 2]));
    caller.close();
  });

  it('lets no connection have more calls under way than its limit', async () => {
    await start();
    const settings = (await once(raw.session, 'remoteSettings')) as [{ maxConcurrentStreams?: number }];
    assert.equal(settings[0].maxConcurrentStreams, 250);
  });

  it('does not count the time that ingest takes', async () => {
    await start({ requestTimeoutMs: 100 }, async () => {
      await sleep(250);
      return new Uint8Array();
    });
    assert.equal((await raw.open().end(frame(Buffer.from('a'))))['grpc-status'], '0');
  });

  it('cuts off a connection that says nothing, and ends one that has been idle', async () => {
    receiver = createGrpcServer({
      answer: (stream) => stream.close(),
      tls: undefined,
      log: createLogger('silent'),
      silenceTimeoutMs: 100,
      idleTimeoutMs: 300,
    });
    await listen();
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    await once(socket.resume(), 'close');
    await once(raw.session, 'close');
  });

  it('says INTERNAL and nothing of the reason when the method fails in a way that nobody foresaw', async () => {
    await start({}, async () => {
      throw new Error('a secret of the server');
    });
    const end = await raw.open().end(frame(Buffer.from('a')));
    assert.equal(end['grpc-status'], String(status.INTERNAL));
    assert.equal(end['grpc-message'], 'The server failed; see its log.');
  });

  it('encodes what its message cannot hold as it is', async () => {
    await start();
    const end = await raw.open({ ':path': '/50%/\u00e4' }).end(frame(Buffer.alloc(0)));
    assert.match(String(end['grpc-message']), /^There is no method \/50%25\/(%[0-9A-F]{2})+ at this port\. Known: /);
  });

  it('closes after the calls under way, takes no new one, and gives the port back', async () => {
    const events = new EventEmitter();
    await start({}, async (bytes) => {
      events.emit('started');
      await once(events, 'finish');
      return bytes;
    });
    const started = once(events, 'started');
    const call = raw.open().end(frame(Buffer.from('a')));
    await started;
    const closed = receiver.close();
    const late = connect(Number(new URL(url).port), '127.0.0.1');
    const [error] = (await once(late, 'error')) as [NodeJS.ErrnoException];
    assert.equal(error.code, 'ECONNREFUSED');
    events.emit('finish');
    assert.equal((await call)['grpc-status'], '0');
    await closed;
  });

  it('cuts off calls that have not come to an end when its time to close is over', async () => {
    await start();
    const { stream, ended } = raw.open();
    stream.write(frame(Buffer.alloc(10), 0, 20));
    await untilHeld(20);
    await receiver.close(100);
    assert.deepEqual(await ended, {});
    await untilHeld(0);
  });
});

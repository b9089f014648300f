import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { afterEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { status } from '@grpc/grpc-js';
import { createLogger } from '#src/log.js';
import { BodyBudget } from '#src/receive/body-budget.js';
import { BoundedStreams } from '#src/receive/bounded-streams.js';
import type { ExportRequest, ExportResult } from '#src/receive/export-request.js';
import { otlpGrpcProtocol } from '#src/receive/grpc-protocol.js';
import { createGrpcReceiver, type GrpcReceiverOptions } from '#src/receive/grpc-receiver.js';
import { createGrpcServer, type GrpcServer } from '#src/receive/grpc-server.js';
import { acceptOne, uncompress } from './accepting-ingest.js';
import { exportPath, frame, GrpcCaller, healthPath, RawCaller, readDetails } from './grpc-calls.js';

const mib = 2 ** 20;
/** What every request under way holds. */
const headBytes = 16 * 1024;

let receiver: GrpcServer;
let url: string;
let budget: BodyBudget;
let streams: BoundedStreams;
let raw: RawCaller;

afterEach(async () => {
  raw.close();
  await receiver.close(0);
});

/** What comes out of a receiver: the bytes of messages, which it answers with. */
type Take = (bytes: Uint8Array) => Promise<Uint8Array>;

const refusals: string[] = [];
const log = createLogger('silent');

interface StartOptions {
  readonly knows: (header: string | undefined) => boolean;
  readonly waitForRoom: () => Promise<void>;
  readonly budgetBytes: number;
  readonly maxStreams: number;
}

/** A receiver of small limits whose answer is the message. */
async function start(
  {
    knows = () => true,
    waitForRoom = async () => {},
    budgetBytes = 4 * mib,
    maxStreams = 100,
    ...options
  }: Partial<GrpcReceiverOptions> & Partial<StartOptions> = {},
  take: Take = async (bytes) => bytes,
) {
  budget = new BodyBudget({ maxBytes: budgetBytes, requestTimeoutMs: 60_000 });
  const memory = budget.createShare();
  streams = new BoundedStreams(maxStreams);
  refusals.length = 0;
  const taken = new WeakMap<ExportResult, Uint8Array>();
  const metrics = { acknowledge: () => {}, refuse: (reason: string) => void refusals.push(reason) };
  const ingest = async (request: ExportRequest) => {
    const bytes = uncompress(request, mib);
    const result = acceptOne(bytes);
    taken.set(result, await take(bytes));
    return result;
  };
  receiver = createGrpcReceiver(
    { ...otlpGrpcProtocol, encodeResponse: (result) => taken.get(result)! },
    {
      destinationOf: (header) => (knows(header) ? { ingest, waitForRoom, memory, metrics } : undefined),
      maxRequestBytes: mib,
      uncountedStreams: streams,
      requestTimeoutMs: 60_000,
      metrics,
      tls: undefined,
      allowsHost: () => true,
      maxConnections: 100,
      isReady: async () => true,
      log,
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
      'a flag that is none',
      frame(Buffer.from('a'), 2),
      { 'grpc-encoding': 'gzip' },
      status.INVALID_ARGUMENT,
      'The message has the compressed flag 2, which must be 0 or 1.',
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

  for (const encoding of ['x-gzip', 'GZIP', 'identity, gzip']) {
    it(`knows gzip by the name ${encoding}`, async () => {
      await start({}, async (bytes) => {
        assert.equal(Buffer.from(bytes).toString(), 'abc');
        return bytes;
      });
      const end = await raw.open({ 'grpc-encoding': encoding }).end(frame(gzipSync('abc'), 1));
      assert.equal(end['grpc-status'], '0');
    });
  }

  it('refuses a message that is announced too large before it is sent, and stops the sender', async () => {
    await start();
    const { stream, ended } = raw.open();
    stream.write(frame(Buffer.alloc(0), 0, mib + 1));
    const end = await ended;
    assert.equal(end['grpc-status'], String(status.RESOURCE_EXHAUSTED));
    assert.equal(stream.rstCode, 0);
  });

  it('refuses with RetryInfo what there is no room for, and gives back what it held', async () => {
    await start({ budgetBytes: mib });
    const caller = new GrpcCaller(url);
    const { code, details, metadata } = await caller.fail(exportPath, Buffer.alloc(mib));
    assert.equal(code, status.UNAVAILABLE);
    assert.match(details, /requests under way hold \d+ bytes; the limit is 1048576/);
    assert.deepEqual(readDetails(metadata)?.retryDelay, { retry_delay: { seconds: 1 } });
    assert.deepEqual(refusals, ['too_much_waiting']);
    await untilHeld(0);
    assert.equal((await caller.call(exportPath, Buffer.alloc(mib - headBytes))).length, mib - headBytes);
    caller.close();
  });

  it('has calls that stall give way to one that comes, however much they announced', async () => {
    await start();
    // Each sends all of a mebibyte but a byte, and waits.
    const part = frame(Buffer.alloc(mib - 1), 0, mib);
    const stalled = Array.from({ length: 3 }, () => raw.open());
    for (const { stream } of stalled) stream.write(part);
    await untilHeld(3 * (mib + headBytes));
    const caller = new GrpcCaller(url);
    for (let answered = false; !answered; ) {
      answered = await caller.call(exportPath, Buffer.alloc(mib)).then(
        () => true,
        ({ code }: { code: number }) => assert.equal(code, status.UNAVAILABLE) ?? false,
      );
    }
    caller.close();
    const ends = await Promise.all(stalled.map(({ ended }) => ended));
    for (const end of ends) {
      assert.equal(end['grpc-status'], String(status.UNAVAILABLE));
      assert.match(decodeURIComponent(String(end['grpc-message'])), /gave way to others|came too slowly/);
    }
    await untilHeld(0);
  });

  it('holds what a call may send while it waits for room, and nothing of it once it has gone', async () => {
    let letIn = () => {};
    const room = new Promise<void>((resolve) => {
      letIn = resolve;
    });
    await start({ waitForRoom: () => room });
    const waiting = [raw.open(), raw.open()];
    for (const { stream } of waiting) stream.write(frame(Buffer.alloc(10)));
    await untilHeld(2 * (headBytes + 256 * 1024));
    waiting[0]!.stream.close();
    letIn();
    assert.equal((await waiting[1]!.end(Buffer.alloc(0)))['grpc-status'], '0');
    await untilHeld(0);
  });

  it('ends a call that takes too long to send its message, and takes its memory back', async () => {
    await start({ requestTimeoutMs: 200 });
    const { stream, ended } = raw.open();
    stream.write(frame(Buffer.alloc(100_000), 0, 200_000));
    await untilHeld(headBytes + 200_000);
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

  it('reads of a health check no more than a name of a service needs, and nothing that is compressed', async () => {
    await start({ knows: () => false });
    const longest = Buffer.concat([Buffer.from([0x0a, 0xfd, 7]), Buffer.alloc(1021, 'x')]);
    assert.equal(longest.length, 1024);
    for (const [bytes, code, message] of [
      [frame(longest), status.NOT_FOUND, /There is no service x+ at this port/],
      [frame(Buffer.alloc(0), 0, 1025), status.RESOURCE_EXHAUSTED, /1025 bytes; the limit of this method is 1024/],
      [frame(gzipSync(''), 1), status.UNIMPLEMENTED, /takes no compressed message/],
      [frame(Buffer.from([0x0a, 0x3a, 0x61])), status.INVALID_ARGUMENT, /malformed protobuf at byte/],
      [frame(Buffer.from([0x0a, 1, 0xff])), status.INVALID_ARGUMENT, /not UTF-8/],
      [frame(Buffer.from([0x07])), status.INVALID_ARGUMENT, /malformed protobuf at byte/],
    ] as const) {
      const end = await raw.open({ ':path': healthPath, 'grpc-encoding': 'gzip' }).end(bytes);
      assert.equal(end['grpc-status'], String(code));
      assert.match(decodeURIComponent(String(end['grpc-message'])), message);
    }
    assert.equal(budget.heldBytes, 0);
  });

  it('has of health checks without their message the oldest give way, and holds no memory for spans for them', async () => {
    await start({ knows: () => false, maxStreams: 3 });
    const silent = [];
    for (let index = 0; index < 4; index++) {
      silent.push(raw.open({ ':path': healthPath }));
      silent[index]!.stream.write(frame(Buffer.alloc(0), 0, 10).subarray(0, 3));
    }
    const end = await silent[0]!.ended;
    assert.equal(end['grpc-status'], String(status.UNAVAILABLE));
    assert.match(decodeURIComponent(String(end['grpc-message'])), /Too many health checks are under way/);
    const asked = await raw.open({ ':path': healthPath }).end(frame(Buffer.alloc(0)));
    assert.equal(asked['grpc-status'], '0');
    assert.ok(streams.size <= 3);
    assert.equal(budget.heldBytes, 0);
  });

  it('ends a health check whose message does not come within five seconds', async () => {
    await start({ knows: () => false });
    const { stream, ended } = raw.open({ ':path': healthPath });
    stream.write(frame(Buffer.alloc(0), 0, 10).subarray(0, 3));
    const end = await ended;
    assert.equal(end['grpc-status'], String(status.DEADLINE_EXCEEDED));
    assert.equal(decodeURIComponent(String(end['grpc-message'])), 'The message took more than 5000 ms.');
  });

  it('does not speak Watch of the health check, with a token or without', async () => {
    await start({ knows: () => false });
    const end = await raw.open({ ':path': '/grpc.health.v1.Health/Watch' }).end(frame(Buffer.alloc(0)));
    assert.equal(end['grpc-status'], String(status.UNIMPLEMENTED));
  });

  it('closes what is not gRPC once it is answered, though its sender never comes to an end', async () => {
    await start();
    const { stream, ended } = raw.open({ 'content-type': 'text/plain' });
    stream.write('x');
    assert.equal((await ended)[':status'], 415);
  });

  it('takes no more of headers than a token and what proxies add', async () => {
    await start();
    const end = (bytes: number) =>
      raw
        .open({ 'x-long': 'x'.repeat(bytes) })
        .end(frame(Buffer.from('a')))
        .then((headers) => headers['grpc-status']);
    assert.equal(await end(7_000), '0');
    assert.equal(await end(8_192), undefined);
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

  for (const [what, timeouts] of [
    ['makes no call, though it pings', { firstCallTimeoutMs: 300 }],
    ['has made none for long, though it pings', { idleTimeoutMs: 300 }],
  ] as const) {
    it(`ends a connection that ${what}`, async () => {
      receiver = createGrpcServer({
        answer: (stream) => stream.close(),
        tls: undefined,
        maxConnections: 9,
        log,
        ...timeouts,
      });
      await listen();
      if ('idleTimeoutMs' in timeouts) await raw.open().ended;
      // It is destroyed a moment before it says that it is closed.
      const pings = setInterval(() => raw.session.destroyed || raw.session.ping(() => {}), 20);
      raw.session.once('close', () => clearInterval(pings));
      await once(raw.session, 'close');
    });
  }

  it('cuts off a connection that says nothing, or does not confirm what it may send', async () => {
    receiver = createGrpcServer({
      answer: (stream) => stream.close(),
      tls: undefined,
      maxConnections: 9,
      log,
      silenceTimeoutMs: 100,
    });
    await listen();
    const preface = Buffer.concat([
      Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
      Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
    ]);
    for (const bytes of ['', preface]) {
      const socket = connect(Number(new URL(url).port), '127.0.0.1');
      socket.write(bytes);
      await once(socket.resume(), 'close');
    }
  });

  it('says INTERNAL and nothing of the reason when the method fails in a way that nobody foresaw', async () => {
    await start({}, async () => {
      throw new Error('a secret of the server');
    });
    const end = await raw.open().end(frame(Buffer.from('a')));
    assert.equal(end['grpc-status'], String(status.INTERNAL));
    assert.equal(end['grpc-message'], 'The server failed; see its log.');
  });

  it('takes no more of headers from a caller that does not confirm the limits of the connection', async () => {
    await start();
    const socket = connect(Number(new URL(url).port), '127.0.0.1').on('error', () => {});
    const frameOf = (type: number, flags: number, stream: number, payload: Buffer) => {
      const head = Buffer.alloc(9);
      head.writeUIntBE(payload.length, 0, 3);
      head.writeUInt8(type, 3);
      head.writeUInt8(flags, 4);
      head.writeUInt32BE(stream, 5);
      return Buffer.concat([head, payload]);
    };
    const lengthOf = (text: string) => {
      const more = text.length - 127;
      return Buffer.from(more < 0 ? [text.length] : more < 128 ? [127, more] : [127, 128 + (more % 128), more >> 7]);
    };
    // Literals that are not indexed.
    const literal = (name: string, value: string) =>
      Buffer.concat([Buffer.from([0]), lengthOf(name), Buffer.from(name), lengthOf(value), Buffer.from(value)]);
    const call = (stream: number, extra: number) => {
      const known = {
        ':method': 'POST',
        ':scheme': 'http',
        ':authority': 'localhost',
        ':path': healthPath,
        'content-type': 'application/grpc',
      };
      const more = Array.from({ length: extra }, (_, index) => [`x-${index}`, 'x'.repeat(1_000)] as const);
      const headers = [...Object.entries(known), ...more].map(([name, value]) => literal(name, value));
      return [frameOf(1, 4, stream, Buffer.concat(headers)), frameOf(0, 1, stream, frame(Buffer.alloc(0)))];
    };
    const settings = frameOf(4, 0, 0, Buffer.alloc(0));
    const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    socket.write(Buffer.concat([preface, settings, ...call(1, 7), ...call(3, 9), ...call(5, 1)]));
    let received = Buffer.alloc(0);
    const types = new Map<number, number[]>();
    for await (const chunk of socket) {
      received = Buffer.concat([received, chunk as Buffer]);
      types.clear();
      for (let at = 0; at + 9 <= received.length; at += 9 + received.readUIntBE(at, 3)) {
        const stream = received.readUInt32BE(at + 5);
        types.set(stream, [...(types.get(stream) ?? []), received[at + 3]!]);
      }
      // Headers, data and trailers.
      if (types.get(5)?.length === 3) break;
    }
    assert.deepEqual([types.get(1), types.get(3)], [[1, 0, 1], [3]]);
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
    await untilHeld(headBytes + 20);
    await receiver.close(100);
    assert.deepEqual(await ended, {});
    await untilHeld(0);
  });
});

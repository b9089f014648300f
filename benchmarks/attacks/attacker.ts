import { Agent, request } from 'node:http';
import { connect, constants } from 'node:http2';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { ByteWriter, encodeResource, encodeScope, encodeTraceRequest } from '@clew/wire';
import { tokenOf } from './tenants.ts';

// A process of its own: `node attacker.js ATTACK OTLP_URL OTLP_GRPC_URL`. Attacks until its parent ends it; says `ready` when the
// first bytes of the attack are on their way.

/** Short enough that the server is always at it, and long enough that the attacker does not take a core for itself. */
const shortPauseMs = 20;

/** After what would take a server that falls for it minutes. */
const longPauseMs = 1_000;

/** Each goes on for ever. Senders that only send a lot are another matter: each of these is small or idle on the wire. */
export type Attack = keyof typeof attacks;

const attacks = {
  /** For comparison with the next one: what is left of its effect is that of any spans. */
  'as many ordinary names': () => post(spansNamed(ordinaryName), 'application/x-protobuf', longPauseMs),
  /** Names that all collide in the dictionary of their column, 40,000 a request: each may take a thread for minutes. */
  'colliding names': () => post(spansNamed(collidingName), 'application/x-protobuf', longPauseMs),
  /** 64 KB of gzip that announce 33 million resources. */
  'empty resources, protobuf': () =>
    post(gzipSync(Buffer.alloc(2 ** 26, Buffer.of(0x0a, 0))), 'application/x-protobuf'),
  'empty resources, JSON': () => post(gzipSync(emptyJson()), 'application/json'),
  /** Without a token: messages of 64 MiB that stop after a quarter, in streams that stay open. */
  'health checks that hold bodies': holdHealthChecks,
} as const;

const [attack = '', otlpUrl = '', otlpGrpcUrl = ''] = process.argv.slice(2);
process.once('disconnect', () => process.exit(0));
void attacks[attack as Attack]();
process.send?.('ready');

async function post(body: Buffer, contentType: string, pauseMs = shortPauseMs): Promise<void> {
  const agent = new Agent({ keepAlive: true });
  const isCompressed = body[0] === 0x1f;
  for (;;) {
    await new Promise<void>((resolve) => {
      const outgoing = request(`${otlpUrl}/v1/traces`, {
        method: 'POST',
        agent,
        headers: {
          authorization: `Bearer ${tokenOf('alpha', 'ingest')}`,
          'content-type': contentType,
          'content-length': body.length,
          ...(isCompressed && { 'content-encoding': 'gzip' }),
        },
      });
      outgoing.on('error', () => resolve());
      outgoing.on('response', (response) => {
        response.resume();
        response.on('close', () => resolve());
      });
      outgoing.end(body);
    });
    await sleep(pauseMs);
  }
}

function emptyJson(): Buffer {
  return Buffer.concat([Buffer.from('{"resourceSpans":['), Buffer.alloc(3 * 20_000_000, '{},'), Buffer.from('{}]}')]);
}

function spansNamed(nameOf: (id: number) => Buffer): Buffer {
  const writer = new ByteWriter(4_096, 2 ** 26);
  for (let id = 1; id <= 40_000; id++) writeRawSpan(writer, id, nameOf(id));
  const spans = writer.copyWritten();
  return Buffer.from(encodeTraceRequest(encodeResource([]), [{ scope: encodeScope('', ''), spans }]));
}

function ordinaryName(id: number): Buffer {
  return Buffer.from(String(id).padStart(8, 'n'));
}

/** The hash takes four bytes at a time: the second four of each name undo what the first four did. */
function collidingName(id: number): Buffer {
  const word = id | (id << 8);
  const mixed = Math.imul(8 ^ word, 0x9e3779b1);
  const name = Buffer.alloc(8);
  name.writeInt32LE(word, 0);
  name.writeInt32LE(mixed ^ (mixed >>> 15) ^ 0x1234_5678, 4);
  return name;
}

/** `Span { 1 trace_id, 2 span_id, 5 name }` in `ScopeSpans.spans` (field 2); the name is no text. */
function writeRawSpan(writer: ByteWriter, id: number, name: Buffer): void {
  const ids = Buffer.alloc(30);
  ids.set([0x12, 38, 0x0a, 16]);
  ids.writeUInt32LE(id, 4);
  ids.set([0x12, 8], 20);
  ids.writeUInt32LE(id, 22);
  writer.writeRaw(ids);
  writer.writeRaw(Buffer.concat([Buffer.of(0x2a, 8), name]));
}

async function holdHealthChecks(): Promise<void> {
  const message = Buffer.alloc(5 + 16 * 2 ** 20 + 1024);
  message.writeUInt32BE(64 * 2 ** 20 - 1, 1);
  for (;;) {
    const session = connect(otlpGrpcUrl);
    session.on('error', () => {});
    const streams = Array.from({ length: 8 }, () => {
      const stream = session.request({
        ':method': constants.HTTP2_METHOD_POST,
        ':path': '/grpc.health.v1.Health/Check',
        'content-type': 'application/grpc',
        te: 'trailers',
      });
      stream.on('error', () => {});
      stream.write(message);
      return new Promise((resolve) => stream.on('close', resolve));
    });
    await Promise.race([Promise.all(streams), new Promise((resolve) => session.on('close', resolve))]);
    session.destroy();
    await sleep(longPauseMs);
  }
}

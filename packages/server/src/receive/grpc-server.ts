import { once } from 'node:events';
import {
  constants,
  createSecureServer,
  createServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Server, Socket } from 'node:net';
import type { Logger } from '../log.ts';
import type { TlsOptions } from '../tls.ts';

export interface GrpcServerOptions {
  /** Answers a call; must not throw. */
  readonly answer: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;
  /** Undefined: HTTP/2 without TLS. */
  readonly tls: TlsOptions | undefined;
  readonly maxConnections: number;
  readonly log: Logger;
  /** How long a new connection may take to say that it speaks HTTP/2, and to confirm what it may send. */
  readonly silenceTimeoutMs?: number;
  /** How long a connection may be without a call, whatever else it sends: a peer comes back when it has something to say. */
  readonly idleTimeoutMs?: number;
  /** The same before its first call. */
  readonly firstCallTimeoutMs?: number;
}

export interface GrpcServer {
  readonly server: Server;
  /**
   * Takes no further call, tells callers so (GOAWAY), waits for the calls under way, and gives the port back.
   * @param timeoutMs when callers that have not come to an end are cut off
   */
  close(timeoutMs?: number): Promise<void>;
}

/**
 * Bounded HTTP/2 for gRPC, on node:http2 rather than @grpc/grpc-js, whose server collects messages where nobody can
 * count or stop them (docs/adr/0007).
 */
export function createGrpcServer(options: GrpcServerOptions): GrpcServer {
  const { answer, tls, maxConnections, log, silenceTimeoutMs = 10_000 } = options;
  const { idleTimeoutMs = 15 * 60_000, firstCallTimeoutMs = Math.min(60_000, idleTimeoutMs) } = options;
  const sessions = new Set<ServerHttp2Session>();
  // Those without a session too: they are in the middle of a TLS handshake, or never begin one.
  const sockets = new Set<Socket>();
  const limits = {
    settings: { initialWindowSize: streamWindowBytes, maxConcurrentStreams, maxHeaderListSize: maxHeaderListBytes },
    maxHeaderListPairs,
    maxSessionMemory: maxSessionMebibytes,
  };
  const server =
    tls === undefined
      ? createServer(limits)
      : createSecureServer({ ...limits, ...tls, handshakeTimeout: silenceTimeoutMs });
  server.maxConnections = maxConnections;
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('session', (session) => {
    sessions.add(session);
    session.setLocalWindowSize(sessionWindowBytes);
    const silence = setTimeout(() => session.destroy(), silenceTimeoutMs);
    // Our own limits hold from when the peer has confirmed them.
    session.once('localSettings', () => clearTimeout(silence));
    let quiet = setTimeout(() => session.close(), firstCallTimeoutMs);
    session.once('stream', () => {
      clearTimeout(quiet);
      quiet = setTimeout(() => session.close(), idleTimeoutMs);
    });
    session.on('stream', () => quiet.refresh());
    // A peer that has vanished without a word in the middle of a call.
    session.setTimeout(idleTimeoutMs, () => session.close());
    session.once('close', () => {
      clearTimeout(silence);
      clearTimeout(quiet);
      sessions.delete(session);
    });
  });
  server.on('sessionError', (error: Error) => log.debug({ err: error }, 'a connection for gRPC failed'));
  server.on('stream', (stream, headers) => {
    // A caller that goes away, or a reset of ours: without a listener, either would end the process.
    stream.on('error', () => {});
    // Node holds headers to the limit only once the peer has confirmed it.
    const isUnconfirmed = stream.session?.pendingSettingsAck === true;
    if (isUnconfirmed && sizeOf(headers) > maxHeaderListBytes) stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    else answer(stream, headers);
  });
  return {
    server,
    close: async (timeoutMs = closeTimeoutMs) => {
      const closed = once(server, 'close');
      server.close();
      for (const session of sessions) session.close();
      const timer = setTimeout(() => {
        for (const socket of sockets) socket.destroy();
      }, timeoutMs);
      await closed;
      clearTimeout(timer);
    },
  };
}

function sizeOf(headers: IncomingHttpHeaders): number {
  return Object.entries(headers).reduce((sum, [name, value]) => sum + name.length + String(value).length, 0);
}

/** How long calls under way may take when the server stops: an export takes milliseconds, a slow network seconds. */
const closeTimeoutMs = 5_000;

// A window of 64 KiB, the default, is one for each round trip. What a window lets in is read at once, unless the call waits for
// room: then this much of it is in memory.
export const streamWindowBytes: number = 256 * 1024;
const sessionWindowBytes = 4 * 1024 * 1024;

// An exporter sends one batch at a time, a collector some ten.
const maxConcurrentStreams = 250;

// A token has at most 512 bytes, and what proxies add is small. Node keeps all headers for as long as a call lasts.
const maxHeaderListBytes = 8 * 1024;
const maxHeaderListPairs = 64;

// Node counts what it has received and not handed over yet; at its default of 10 it refuses streams under load.
const maxSessionMebibytes = 64;

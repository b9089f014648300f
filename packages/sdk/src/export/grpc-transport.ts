import { type ClientHttp2Session, type ClientHttp2Stream, connect as connectHttp2, constants } from 'node:http2';
import { connect as connectSocket, isIP, type Socket } from 'node:net';
import { type GrpcEnd, isGrpcOk, judgeGrpcFailure, readGrpcEnd } from './grpc-status.ts';
import { readPartialSuccess } from './partial-success.ts';
import { openTunnel } from './proxy.ts';
import { connectTimeoutMs, type Target } from './target.ts';
import type { SendResult, Transport } from './transport.ts';

const servicePath = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';

// A collector answers with a few bytes; whoever sends more is none.
const maxAnswerBytes = 65_536;

/**
 * OTLP/gRPC: one unary call a batch on one HTTP/2 connection, several calls at a time.
 *
 * ```
 *   frame   [ 1 compressed? ][ 4 length, big-endian ][ message ]
 *   answer  headers, frame, trailers with grpc-status; or one block of headers with grpc-status
 * ```
 */
export async function openGrpcTransport(target: Target): Promise<Transport> {
  const gzip = target.compression === 'gzip' ? (await import('node:zlib')).gzip : undefined;
  const compress = (body: Uint8Array): Promise<Uint8Array> =>
    new Promise((resolve, reject) => {
      gzip?.(body, (error, compressed) => (error === null ? resolve(compressed) : reject(error)));
    });
  const connection = new GrpcConnection(target);
  return {
    send: async (request) => {
      const message = gzip === undefined ? request : await compress(request);
      return connection.call(frame(message, gzip !== undefined));
    },
    close: () => connection.close(),
  };
}

class GrpcConnection {
  private readonly target: Target;
  private session: ClientHttp2Session | undefined;
  private tunnel: Promise<ClientHttp2Session> | undefined;

  constructor(target: Target) {
    this.target = target;
  }

  async call(body: Uint8Array): Promise<SendResult> {
    let stream: ClientHttp2Stream;
    try {
      const session = this.target.proxy === undefined ? this.openSession() : await this.openThrough(this.target.proxy);
      stream = session.request(this.headers());
    } catch (error) {
      // The session was on its way out, or the proxy has none; the next call makes a new one.
      this.session = undefined;
      return unreachable(error as NodeJS.ErrnoException);
    }
    return new Promise((resolve) => {
      const { timeoutMs } = this.target;
      const timer = setTimeout(() => {
        settle(unreachable(Object.assign(new Error(`no answer within ${timeoutMs} ms`), { code: 'ETIMEDOUT' })));
        stream.close(constants.NGHTTP2_CANCEL);
      }, timeoutMs);
      timer.unref();
      const settle = (result: SendResult): void => {
        clearTimeout(timer);
        resolve(result);
      };
      readAnswer(stream, settle);
      stream.end(body);
    });
  }

  close(): void {
    this.session?.destroy();
    this.session = undefined;
  }

  /** One tunnel for all calls that wait for it. */
  private openThrough(proxy: string): Promise<ClientHttp2Session> {
    if (this.session !== undefined && !this.session.closed && !this.session.destroyed) {
      return Promise.resolve(this.session);
    }
    const url = new URL(this.target.url);
    this.tunnel ??= openTunnel(proxy, url)
      .then(async (socket) => {
        if (url.protocol === 'http:') return this.openSession(socket);
        const { connect: connectTls } = await import('node:tls');
        const servername = isIP(url.hostname.replace(/^\[|\]$/g, '')) === 0 ? { servername: url.hostname } : {};
        return this.openSession(connectTls({ ...this.target.tls, ...servername, socket, ALPNProtocols: ['h2'] }));
      })
      .finally(() => {
        this.tunnel = undefined;
      });
    return this.tunnel;
  }

  /** @param through a connection to the target, where it is not to be made here. */
  private openSession(through?: Socket): ClientHttp2Session {
    if (this.session !== undefined && !this.session.closed && !this.session.destroyed) return this.session;
    const { url, socketPath, tls } = this.target;
    const session = connectHttp2(new URL(url).origin, {
      ...tls,
      ...(socketPath !== undefined && { createConnection: () => connectSocket(socketPath) }),
      ...(through !== undefined && { createConnection: () => through }),
    });
    const timer = setTimeout(() => {
      session.destroy(Object.assign(new Error(`no connection within ${connectTimeoutMs} ms`), { code: 'ETIMEDOUT' }));
    }, connectTimeoutMs);
    timer.unref();
    session.on('connect', () => clearTimeout(timer));
    // Calls on the connection learn of its errors themselves.
    session.on('error', () => clearTimeout(timer));
    session.on('goaway', () => {
      if (this.session === session) this.session = undefined;
    });
    session.unref();
    this.session = session;
    return session;
  }

  private headers(): Record<string, string> {
    const { headers, timeoutMs, compression } = this.target;
    return {
      ...headers,
      ':method': 'POST',
      ':path': servicePath,
      'content-type': 'application/grpc',
      te: 'trailers',
      'grpc-timeout': `${Math.min(99_999_999, Math.ceil(timeoutMs))}m`,
      ...(compression === 'gzip' && { 'grpc-encoding': 'gzip' }),
    };
  }
}

function readAnswer(stream: ClientHttp2Stream, settle: (result: SendResult) => void): void {
  let httpStatus = 0;
  let end: GrpcEnd | undefined;
  const chunks: Buffer[] = [];
  let length = 0;
  stream.on('response', (headers) => {
    httpStatus = Number(headers[':status']);
    if (headers['grpc-status'] !== undefined) end = readGrpcEnd(headers, httpStatus);
  });
  stream.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length <= maxAnswerBytes) chunks.push(chunk);
  });
  stream.on('trailers', (trailers) => {
    end = readGrpcEnd(trailers, httpStatus);
  });
  stream.on('error', (error: NodeJS.ErrnoException) => settle(unreachable(error)));
  stream.on('close', () => {
    if (httpStatus === 0) {
      settle(unreachable(Object.assign(new Error('the stream was closed'), { code: 'ECONNRESET' })));
      return;
    }
    const result = end ?? readGrpcEnd({}, httpStatus);
    if (isGrpcOk(result)) settle({ outcome: 'accepted', ...readPartialSuccess(unframe(Buffer.concat(chunks))) });
    else settle(judgeGrpcFailure(result));
  });
}

function unreachable(error: NodeJS.ErrnoException): SendResult {
  return { outcome: 'later', reason: error.code ?? error.message, isUnreachable: true, waitMs: 0 };
}

function frame(message: Uint8Array, isCompressed: boolean): Uint8Array {
  const framed = Buffer.allocUnsafe(5 + message.length);
  framed.writeUInt8(isCompressed ? 1 : 0, 0);
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, 5);
  return framed;
}

/** The message of the first frame. A compressed one (we ask for none) reads as an empty answer: full success. */
function unframe(answer: Buffer): Uint8Array {
  if (answer.length < 5 || answer.readUInt8(0) !== 0) return new Uint8Array();
  return answer.subarray(5, 5 + answer.readUInt32BE(1));
}

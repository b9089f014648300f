import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { constants } from 'node:http2';
import { type HostCheck, hostRefused } from '../allowed-hosts.ts';
import type { Logger } from '../log.ts';
import type { TlsOptions } from '../tls.ts';
import { type AccessOptions, type Destination, requireDestination } from './authorize.ts';
import type { BoundedStreams } from './bounded-streams.ts';
import { GrowingBody } from './growing-body.ts';
import { checkHealth, healthCheckPath, isHealthCall, maxHealthCheckBytes } from './grpc-health.ts';
import { grpcCompressions, readGrpcMessage, SmallMessage } from './grpc-message.ts';
import type { GrpcProtocol } from './grpc-protocol.ts';
import { createGrpcServer, type GrpcServer, streamWindowBytes } from './grpc-server.ts';
import { errorHeaders, GrpcError, grpcCodes, okHeaders } from './grpc-status.ts';
import { parseGrpcTimeoutMs } from './grpc-timeout.ts';
import { OtlpError } from './otlp-error.ts';

export interface GrpcReceiverOptions extends AccessOptions {
  readonly maxRequestBytes: number;
  /** Those that hold none of the memory for spans, of all receivers together. */
  readonly uncountedStreams: BoundedStreams;
  /** How long a call may take to send its message. */
  readonly requestTimeoutMs: number;
  readonly allowsHost: HostCheck;
  readonly maxConnections: number;
  /** Undefined: HTTP/2 without TLS. */
  readonly tls: TlsOptions | undefined;
  /** What a health check is answered with. */
  readonly isReady: () => Promise<boolean>;
  readonly log: Logger;
}

/**
 * Receives spans by a unary gRPC call, and answers health checks. A call ends with OK when the spans are on disk.
 *
 * ```
 * call     HEADERS :path, grpc-encoding   DATA one message, its end
 * answer   HEADERS :status 200            DATA one message            HEADERS grpc-status 0
 * refusal  HEADERS :status 200, grpc-status, grpc-message, and RetryInfo in grpc-status-details-bin
 * ```
 */
export function createGrpcReceiver(protocol: GrpcProtocol, options: GrpcReceiverOptions): GrpcServer {
  return createGrpcServer({
    tls: options.tls,
    maxConnections: options.maxConnections,
    log: options.log,
    answer: (stream, headers) => {
      if (isGrpc(headers)) void new Call(stream, headers, protocol, options).run();
      else answerOthers(stream, options.uncountedStreams);
    },
  });
}

function isGrpc(headers: IncomingHttpHeaders): boolean {
  return headers[':method'] === 'POST' && /^application\/grpc($|[+;])/.test(headers['content-type'] ?? '');
}

function answerOthers(stream: ServerHttp2Stream, others: BoundedStreams): void {
  stream.respond({ ':status': 415, 'content-type': 'text/plain; charset=utf-8' });
  stream.end('This port speaks gRPC: the method must be POST and the content-type application/grpc.\n');
  linger(stream, others);
}

/**
 * What still comes on an answered stream is dropped: closed at once, the stream would overtake its answer. A caller that has
 * read the answer stops by itself.
 */
function linger(stream: ServerHttp2Stream, others: BoundedStreams): void {
  stream.resume();
  const cutOff = (): void => stream.close(constants.NGHTTP2_NO_ERROR);
  const timer = setTimeout(cutOff, lingerMs);
  stream.once('close', () => clearTimeout(timer));
  others.add(stream, cutOff);
}

const responseHeaders = {
  ':status': 200,
  'content-type': 'application/grpc',
  'grpc-accept-encoding': grpcCompressions.join(','),
};

// How long a caller that was refused may go on sending.
const lingerMs = 1_000;

/** One call, from its headers to its status. */
class Call {
  readonly #stream: ServerHttp2Stream;
  readonly #headers: IncomingHttpHeaders;
  readonly #protocol: GrpcProtocol;
  readonly #options: GrpcReceiverOptions;
  readonly #destination: Destination | undefined;
  readonly #startedMs = performance.now();
  #body: GrowingBody | undefined;
  #isOver = false;

  constructor(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    protocol: GrpcProtocol,
    options: GrpcReceiverOptions,
  ) {
    this.#stream = stream;
    this.#headers = headers;
    this.#protocol = protocol;
    this.#options = options;
    this.#destination = options.destinationOf(headers.authorization);
  }

  async run(): Promise<void> {
    const deadlineMs = parseGrpcTimeoutMs(this.#headers['grpc-timeout'] as string | undefined);
    // Spans that are being written stay; the caller sends them again, as after every lost answer.
    const deadline =
      deadlineMs !== undefined && deadlineMs < longestTimerMs
        ? setTimeout(() => this.#refuse(tooSlow('call', deadlineMs)), deadlineMs)
        : undefined;
    try {
      const { ':authority': authority, host } = this.#headers;
      const name = authority ?? host;
      if (!this.#options.allowsHost(name)) throw new OtlpError(403, hostRefused(name).message);
      const path = String(this.#headers[':path']);
      if (isHealthCall(path)) await this.#answerHealthCheck(path);
      else await this.#receive(path);
    } catch (error) {
      this.#refuse(error);
    } finally {
      clearTimeout(deadline);
      this.#body?.release();
    }
  }

  /** Whoever asks has shown no token, and gets nothing of the memory for spans. */
  async #answerHealthCheck(path: string): Promise<void> {
    const { isReady, uncountedStreams } = this.#options;
    if (path !== healthCheckPath) throw this.#unknownMethod(path);
    let timer: NodeJS.Timeout | undefined;
    const stop = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(tooSlow('message', healthCheckTimeoutMs)), healthCheckTimeoutMs);
      uncountedStreams.add(this.#stream, () => reject(tooManyHealthChecks()));
    });
    const memory = new SmallMessage(maxHealthCheckBytes, stop);
    try {
      const { bytes, compression } = await readGrpcMessage(this.#stream, this.#grpcEncoding, memory);
      if (compression !== undefined) {
        throw new GrpcError(grpcCodes.unimplemented, 'This method takes no compressed message; send it as it is.');
      }
      this.#respond(await checkHealth(bytes, [this.#protocol.service], isReady));
    } finally {
      clearTimeout(timer);
    }
  }

  async #receive(path: string): Promise<void> {
    const { maxRequestBytes, requestTimeoutMs, log } = this.#options;
    const { name, service, method, encoding, encodeResponse } = this.#protocol;
    const { authorization } = this.#headers;
    const { ingest, waitForRoom, memory, metrics } = requireDestination(this.#destination, authorization);
    if (path !== `/${service}/${method}`) throw this.#unknownMethod(path);
    const body = new GrowingBody(memory, maxRequestBytes);
    this.#body = body;
    // How long the message is stands in its frame, which is not read either.
    await body.waitUnread(streamWindowBytes, () => waitForRoom(0));
    const timer = setTimeout(() => body.giveWay(tooSlow('message', requestTimeoutMs)), requestTimeoutMs);
    const reading = readGrpcMessage(this.#stream, this.#grpcEncoding, body);
    const message = await reading.finally(() => clearTimeout(timer));
    const result = await ingest({ encoding, ...message });
    const response = encodeResponse(result);
    if (result.rejectedSpans > 0) log.debug({ ...result }, `spans of a ${name} call left out`);
    if (this.#isOver) return;
    this.#respond(response);
    metrics.acknowledge({ ...result, seconds: (performance.now() - this.#startedMs) / 1000 });
  }

  get #grpcEncoding(): string | undefined {
    const encoding = this.#headers['grpc-encoding'];
    return encoding === undefined ? undefined : String(encoding);
  }

  #unknownMethod(path: string): GrpcError {
    const { service, method } = this.#protocol;
    const known = `/${service}/${method}, ${healthCheckPath}`;
    return new GrpcError(grpcCodes.unimplemented, `There is no method ${path} at this port. Known: ${known}.`);
  }

  #respond(message: Uint8Array): void {
    const stream = this.#stream;
    if (this.#isOver) return;
    this.#isOver = true;
    if (stream.destroyed) return;
    // A caller that takes no answer would keep it for ever.
    this.#options.uncountedStreams.add(stream, () => stream.close(constants.NGHTTP2_CANCEL));
    stream.respond(responseHeaders, { waitForTrailers: true });
    stream.once('wantTrailers', () => stream.sendTrailers(okHeaders));
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(message.length, 1);
    stream.end(Buffer.concat([prefix, message]));
  }

  #refuse(error: unknown): void {
    const stream = this.#stream;
    const { log } = this.#options;
    const { metrics } = this.#destination ?? this.#options;
    if (this.#isOver) return;
    this.#isOver = true;
    if (error instanceof Error) this.#body?.giveWay(error);
    const isKnown = error instanceof OtlpError || error instanceof GrpcError;
    if (!isKnown && !stream.destroyed) log.error({ err: error }, `a ${this.#protocol.name} call failed`);
    metrics.refuse(isKnown ? error.reason : stream.destroyed ? 'aborted' : 'internal');
    if (stream.destroyed) return;
    stream.respond({ ...responseHeaders, ...errorHeaders(error) }, { endStream: true });
    if (!stream.readableEnded) linger(stream, this.#options.uncountedStreams);
  }
}

// A health check comes at once, in one piece.
const healthCheckTimeoutMs = 5_000;

// What setTimeout can wait for: a longer deadline is none.
const longestTimerMs = 2 ** 31;

function tooSlow(what: string, limitMs: number): GrpcError {
  return new GrpcError(grpcCodes.deadlineExceeded, `The ${what} took more than ${limitMs} ms.`);
}

function tooManyHealthChecks(): OtlpError {
  return new OtlpError(503, 'Too many health checks are under way. Send again.', 'too_much_waiting');
}

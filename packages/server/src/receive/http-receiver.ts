import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Server as SecureServer } from 'node:https';
import { bearerChallenge } from '../access-tokens.ts';
import { type HostCheck, hostRefused } from '../allowed-hosts.ts';
import { createBoundedServer, type HttpLimits } from '../bounded-server.ts';
import type { Logger } from '../log.ts';
import { type AccessOptions, type Destination, requireDestination } from './authorize.ts';
import { readBody } from './body.ts';
import { compressions } from './content-encoding.ts';
import { allowsOrigin, answerCors } from './cors.ts';
import type { ExportResult } from './export-request.ts';
import { GrowingBody } from './growing-body.ts';
import { OtlpError, retryAfterSeconds } from './otlp-error.ts';
import type { SpanEncoding } from './span-encoding.ts';

/** A protocol that takes spans by `POST` at one address. */
export interface HttpProtocol {
  /** As it is written in messages. */
  readonly name: string;
  readonly path: string;
  /** By media type, in lower case. */
  readonly encodings: Readonly<Record<string, SpanEncoding>>;
  /** Of every other media type, and of none; undefined: those are refused. */
  readonly otherwise?: SpanEncoding;
  readonly explainOtherPath: (path: string) => string;
  /** Refuses what the address asks for in its query, by throwing {@link OtlpError}. */
  readonly checkQuery?: (query: URLSearchParams) => void;
  /** What to answer when the spans are on disk; throws an OtlpError when the answer has no way to say what was left out. */
  readonly answer: (result: ExportResult, encoding: SpanEncoding) => HttpAnswer;
  /** @param mediaType of the request */
  readonly describeError: (error: OtlpError, mediaType: string) => Omit<HttpAnswer, 'status'>;
}

export interface HttpAnswer {
  readonly status: number;
  readonly contentType?: string;
  readonly body: Uint8Array | string;
}

export interface HttpReceiverOptions extends HttpLimits, AccessOptions {
  readonly allowsHost: HostCheck;
  readonly maxRequestBytes: number;
  /** Of pages that may send, see {@link answerCors}. */
  readonly corsOrigins: readonly string[];
  readonly log: Logger;
}

/**
 * Receives spans by `POST`, compressed or not. Answers with success when the spans are on disk; 503 comes with Retry-After.
 *
 * Plain node:http, not fastify: this is the hot path, and a receiver has one address.
 */
export function createHttpReceiver(protocol: HttpProtocol, options: HttpReceiverOptions): Server | SecureServer {
  const { log } = options;
  return createBoundedServer(options, (request, response) => {
    const isHostAllowed = options.allowsHost(request.headers.host);
    if (isHostAllowed && answerCors(request, response, options.corsOrigins)) return;
    const startedMs = performance.now();
    const destination = options.destinationOf(request.headers.authorization);
    const { metrics } = destination ?? options;
    receive(request, protocol, destination, options).then(
      ({ result, answer }) => {
        send(response, answer);
        metrics.acknowledge({ ...result, seconds: (performance.now() - startedMs) / 1000 });
      },
      (error) => {
        const isKnown = error instanceof OtlpError;
        if (!isKnown && !request.destroyed) log.error({ err: error }, `a ${protocol.name} request failed`);
        metrics.refuse(isKnown ? error.reason : request.destroyed ? 'aborted' : 'internal');
        // What is still coming is read and dropped, so that a sender that is writing gets to read its answer.
        request.resume();
        const known = isKnown ? error : new OtlpError(500, 'The server failed; see its log.');
        sendError(response, known, protocol.describeError(known, mediaTypeOf(request)));
      },
    );
  });
}

async function receive(
  request: IncomingMessage,
  protocol: HttpProtocol,
  destination: Destination | undefined,
  options: HttpReceiverOptions,
): Promise<{ result: ExportResult; answer: HttpAnswer }> {
  const { host } = request.headers;
  if (!options.allowsHost(host)) throw new OtlpError(403, hostRefused(host).message);
  const { ingest, waitForRoom, memory } = requireDestination(destination, request.headers.authorization);
  const [path = '', query = ''] = (request.url ?? '').split('?', 2);
  if (path !== protocol.path) throw new OtlpError(404, protocol.explainOtherPath(path));
  if (request.method !== 'POST') throw new OtlpError(405, `${request.method} ${path} is not possible. Use POST.`);
  protocol.checkQuery?.(new URLSearchParams(query));
  const encoding = encodingOf(request, protocol, options.corsOrigins);
  const body = new GrowingBody(memory, options.maxRequestBytes);
  let result: ExportResult;
  try {
    const compressed = await readBody(request, body, waitForRoom);
    result = await ingest({ encoding, ...compressed });
  } finally {
    body.release();
  }
  const answer = protocol.answer(result, encoding);
  const { acceptedSpans, rejectedSpans, rejectionReason } = result;
  if (rejectedSpans > 0) {
    options.log.debug({ acceptedSpans, rejectedSpans, rejectionReason }, `${protocol.name}: spans left out`);
  }
  return { result, answer };
}

/** By the media type alone: parameters, such as a charset, change nothing. */
function mediaTypeOf(request: IncomingMessage): string {
  return (request.headers['content-type'] ?? '').split(';', 1)[0]!.trim().toLowerCase();
}

function encodingOf(
  request: IncomingMessage,
  { name, encodings, otherwise }: HttpProtocol,
  corsOrigins: readonly string[],
): SpanEncoding {
  const mediaType = mediaTypeOf(request);
  if (Object.hasOwn(encodings, mediaType)) return encodings[mediaType]!;
  // Any page can make a browser send text/plain to any address without asking first (Fetch standard, CORS-safelisted).
  if (otherwise !== undefined && allowsOrigin(request.headers.origin, corsOrigins)) return otherwise;
  const known = Object.keys(encodings).join(' or ');
  const given = JSON.stringify(request.headers['content-type'] ?? '');
  throw new OtlpError(415, `Content-Type ${given} is not ${name}; send ${known}.`);
}

function sendError(
  response: ServerResponse,
  { httpStatus, reason }: OtlpError,
  content: Omit<HttpAnswer, 'status'>,
): void {
  if (httpStatus === 401) response.setHeader('WWW-Authenticate', bearerChallenge);
  if (httpStatus === 405) response.setHeader('Allow', 'POST');
  // Of encodings, not of types: what a request may be compressed with (RFC 9110, 15.5.16).
  if (httpStatus === 415) response.setHeader('Accept-Encoding', compressions.join(', '));
  if (httpStatus === 503) response.setHeader('Retry-After', retryAfterSeconds);
  // The rest of a refused body is not read: the connection cannot serve another request.
  if (httpStatus === 401 || httpStatus === 403 || httpStatus === 413 || httpStatus === 415 || reason === 'too_slow')
    response.setHeader('Connection', 'close');
  send(response, { status: httpStatus, ...content });
}

function send(response: ServerResponse, { status, contentType, body }: HttpAnswer): void {
  const headers = { 'Content-Length': Buffer.byteLength(body) };
  response.writeHead(status, contentType === undefined ? headers : { 'Content-Type': contentType, ...headers });
  response.end(body);
}

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Server as SecureServer } from 'node:https';
import { bearerChallenge } from '../access-tokens.ts';
import type { Logger } from '../log.ts';
import { type AccessOptions, type Destination, requireDestination } from './authorize.ts';
import { readBody } from './body.ts';
import type { BodyBudget } from './body-budget.ts';
import { type ConnectionOptions, createReceiverServer } from './connections.ts';
import { answerCors } from './cors.ts';
import { compressions } from './decompress.ts';
import { OtlpError } from './otlp-error.ts';
import { type ExportResult, retryAfterSeconds } from './otlp-http.ts';
import type { SpanEncoding } from './span-encoding.ts';

/** A protocol that takes spans at one address, and whose answers are a status and text for people. */
export interface SpanProtocol {
  /** As it is written in messages. */
  readonly name: string;
  readonly path: string;
  /** By media type, in lower case. */
  readonly encodings: Readonly<Record<string, SpanEncoding>>;
  /** What to say of any other address. */
  readonly explainOtherPath: (path: string) => string;
  /** Refuses what the address asks for in its query, by throwing {@link OtlpError}. */
  readonly checkQuery?: (query: URLSearchParams) => void;
}

export interface TextReceiverOptions extends ConnectionOptions, AccessOptions {
  readonly maxRequestBytes: number;
  readonly budget: BodyBudget;
  /** Of pages that may send, see {@link answerCors}. */
  readonly corsOrigins: readonly string[];
  readonly log: Logger;
}

/**
 * Receives spans by `POST`, compressed or not. Answers 202 with an empty body when the spans are on disk, and
 * 400 when none of them can be read; some that cannot are counted in the log, for which these protocols have no answer.
 * 503 comes with Retry-After.
 */
export function createTextReceiver(protocol: SpanProtocol, options: TextReceiverOptions): Server | SecureServer {
  const { log } = options;
  return createReceiverServer(options, (request, response) => {
    if (answerCors(request, response, options.corsOrigins)) return;
    const startedMs = performance.now();
    const destination = options.destinationOf(request.headers.authorization);
    const { metrics } = destination ?? options;
    handle(request, protocol, destination, options).then(
      ({ bytes, result }) => {
        response.writeHead(202, { 'Content-Length': 0 }).end();
        metrics.acknowledge({ ...result, bytes, seconds: (performance.now() - startedMs) / 1000 });
      },
      (error) => {
        const isKnown = error instanceof OtlpError;
        if (!isKnown && !request.destroyed) log.error({ err: error }, `a ${protocol.name} request failed`);
        metrics.refuse(isKnown ? error.reason : request.destroyed ? 'aborted' : 'internal');
        // What is still coming is read and dropped, so that a sender that is writing gets to read its answer.
        request.resume();
        sendError(response, error);
      },
    );
  });
}

async function handle(
  request: IncomingMessage,
  protocol: SpanProtocol,
  destination: Destination | undefined,
  options: TextReceiverOptions,
): Promise<{ bytes: number; result: ExportResult }> {
  const { ingest, waitForRoom } = requireDestination(destination, request.headers.authorization);
  const [path = '', query = ''] = (request.url ?? '').split('?', 2);
  if (path !== protocol.path) throw new OtlpError(404, protocol.explainOtherPath(path));
  if (request.method !== 'POST') throw new OtlpError(405, `${request.method} ${path} is not possible. Use POST.`);
  protocol.checkQuery?.(new URLSearchParams(query));
  const given = request.headers['content-type'] ?? '';
  const mediaType = given.split(';', 1)[0]!.trim().toLowerCase();
  const encoding = Object.hasOwn(protocol.encodings, mediaType) ? protocol.encodings[mediaType] : undefined;
  if (encoding === undefined) {
    const known = Object.keys(protocol.encodings).join(' or ');
    throw new OtlpError(415, `Content-Type ${JSON.stringify(given)} is not ${protocol.name}; send ${known}.`);
  }
  const body = await readBody(request, options.maxRequestBytes, options.budget, waitForRoom);
  // Counted before the body is handed over.
  const bytes = body.length;
  const result = await ingest({ encoding, bytes: body });
  const { acceptedSpans, rejectedSpans, rejectionReason } = result;
  if (rejectedSpans > 0 && acceptedSpans === 0) {
    throw new OtlpError(400, `None of the ${rejectedSpans} spans can be read. The first: ${rejectionReason}.`);
  }
  if (rejectedSpans > 0) {
    const left = { acceptedSpans, rejectedSpans, rejectionReason };
    options.log.debug(left, `spans of a ${protocol.name} request left out`);
  }
  return { bytes, result };
}

function sendError(response: ServerResponse, error: unknown): void {
  const known = error instanceof OtlpError ? error : new OtlpError(500, 'The server failed; see its log.');
  if (known.httpStatus === 401) response.setHeader('WWW-Authenticate', bearerChallenge);
  if (known.httpStatus === 405) response.setHeader('Allow', 'POST');
  // Of encodings, not of types: what a request may be compressed with (RFC 9110, 15.5.16).
  if (known.httpStatus === 415) response.setHeader('Accept-Encoding', compressions.join(', '));
  if (known.httpStatus === 503) response.setHeader('Retry-After', retryAfterSeconds);
  // The rest of a refused body is not read: the connection cannot serve another request.
  if (known.httpStatus === 401 || known.httpStatus === 413 || known.httpStatus === 415)
    response.setHeader('Connection', 'close');
  response.writeHead(known.httpStatus, { 'Content-Type': 'text/plain; charset=utf-8' });
  response.end(`${known.message}\n`);
}

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
import { contentTypes, encodeExportResponse, encodeStatus, type OtlpEncoding } from './otlp-response.ts';
import type { SpanEncoding } from './span-encoding.ts';

/** An export request as it came, uncompressed. */
export interface ExportRequest {
  readonly encoding: SpanEncoding;
  /** Fills an ArrayBuffer of its own, which the receiver hands over. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** What became of it, once it is on disk. */
export interface ExportResult {
  readonly acceptedSpans: number;
  readonly rejectedSpans: number;
  readonly rejectionReason: string;
  /** Rejected spans by the field that is at fault. */
  readonly rejectedBy: Readonly<Record<string, number>>;
  /** Accepted spans that are not stored, by the rule that drops them. */
  readonly droppedBy: Readonly<Record<string, number>>;
}

/** Resolves when the accepted spans are durable; rejects with an {@link OtlpError} for what the sender must know. */
export type Ingest = (request: ExportRequest) => Promise<ExportResult>;

export interface OtlpHttpOptions extends ConnectionOptions, AccessOptions {
  readonly maxRequestBytes: number;
  readonly budget: BodyBudget;
  /** Of pages that may send, see {@link answerCors}. */
  readonly corsOrigins: readonly string[];
  readonly log: Logger;
}

/** When to come back after a 503: the spool's next segment is in the engine by then, as a rule. */
export const retryAfterSeconds = 1;

/**
 * OTLP/HTTP: `POST /v1/traces`, protobuf or JSON, compressed or not. Answers 200 when the spans are on disk;
 * every error is a `google.rpc.Status` in the encoding of the request.
 *
 * Plain node:http, not fastify: this is the hot path, and it has one address.
 */
export function createOtlpHttpServer(options: OtlpHttpOptions): Server | SecureServer {
  const { log } = options;
  return createReceiverServer(options, (request, response) => {
    if (answerCors(request, response, options.corsOrigins)) return;
    const startedMs = performance.now();
    const encoding = encodingOf(request);
    const destination = options.destinationOf(request.headers.authorization);
    const { metrics } = destination ?? options;
    handle(request, encoding, destination, options).then(
      ({ bytes, result }) => {
        const body = encodeExportResponse(encoding ?? 'protobuf', result.rejectedSpans, result.rejectionReason);
        send(response, 200, encoding ?? 'protobuf', body);
        metrics.acknowledge({ ...result, bytes, seconds: (performance.now() - startedMs) / 1000 });
      },
      (error) => {
        const isKnown = error instanceof OtlpError;
        if (!isKnown && !request.destroyed) log.error({ err: error }, 'an export request failed');
        metrics.refuse(isKnown ? error.reason : request.destroyed ? 'aborted' : 'internal');
        // What is still coming is read and dropped, so that a sender that is writing gets to read its answer.
        request.resume();
        sendError(response, encoding ?? 'protobuf', error);
      },
    );
  });
}

async function handle(
  request: IncomingMessage,
  encoding: OtlpEncoding | null,
  destination: Destination | undefined,
  { maxRequestBytes, budget }: OtlpHttpOptions,
): Promise<{ bytes: number; result: ExportResult }> {
  const { ingest, waitForRoom } = requireDestination(destination, request.headers.authorization);
  const path = (request.url ?? '').split('?', 1)[0];
  if (path !== '/v1/traces') {
    throw new OtlpError(404, `There is nothing at ${path}. Traces are received at POST /v1/traces.`);
  }
  if (request.method !== 'POST') throw new OtlpError(405, `${request.method} ${path} is not possible. Use POST.`);
  if (encoding === null) {
    const given = JSON.stringify(request.headers['content-type'] ?? '');
    throw new OtlpError(415, `Content-Type ${given} is not OTLP; send application/x-protobuf or application/json.`);
  }
  const body = await readBody(request, maxRequestBytes, budget, waitForRoom);
  // Counted before the body is handed over.
  const bytes = body.length;
  return { bytes, result: await ingest({ encoding, bytes: body }) };
}

/** By the media type alone: parameters, such as a charset, change nothing. */
function encodingOf(request: IncomingMessage): OtlpEncoding | null {
  const type = (request.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase();
  if (type === 'application/x-protobuf' || type === 'application/protobuf') return 'protobuf';
  return type === 'application/json' ? 'json' : null;
}

function sendError(response: ServerResponse, encoding: OtlpEncoding, error: unknown): void {
  const known = error instanceof OtlpError ? error : new OtlpError(500, 'The server failed; see its log.');
  if (known.httpStatus === 401) response.setHeader('WWW-Authenticate', bearerChallenge);
  if (known.httpStatus === 405) response.setHeader('Allow', 'POST');
  // Of encodings, not of types: what a request may be compressed with (RFC 9110, 15.5.16).
  if (known.httpStatus === 415) response.setHeader('Accept-Encoding', compressions.join(', '));
  if (known.httpStatus === 503) response.setHeader('Retry-After', retryAfterSeconds);
  // The rest of a refused body is not read: the connection cannot serve another request.
  if (known.httpStatus === 401 || known.httpStatus === 413 || known.httpStatus === 415)
    response.setHeader('Connection', 'close');
  send(response, known.httpStatus, encoding, encodeStatus(encoding, known));
}

function send(response: ServerResponse, status: number, encoding: OtlpEncoding, body: Uint8Array): void {
  response.writeHead(status, { 'Content-Type': contentTypes[encoding], 'Content-Length': body.length });
  response.end(body);
}

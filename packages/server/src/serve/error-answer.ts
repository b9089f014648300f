import { TLSSocket } from 'node:tls';
import type { ErrorResponse } from '@clew/model';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ClewError } from '../errors.ts';
import type { Logger } from '../log.ts';

/** When a client may try again after a failure that passes by itself. */
const retryAfterS = 2;

/** Answers every error as an `ErrorResponse`; logs those that are the server's own. */
export function answerErrors(app: FastifyInstance, log: Logger): void {
  app.setErrorHandler((error: FastifyError | ClewError, request, reply) => {
    const known = error instanceof ClewError ? error : describeForeign(error, request);
    // When the caller has left, whatever failed is no fault of the server.
    if (known.status >= 500 && !request.raw.socket.destroyed) {
      log.error({ err: error, method: request.method, path: pathOf(request) }, known.message);
    }
    return sendError(reply, known);
  });
}

export function sendError(reply: FastifyReply, error: ClewError): FastifyReply {
  if (error.status === 503) reply.header('Retry-After', retryAfterS);
  const body: ErrorResponse = { code: error.code, message: error.message };
  return reply.code(error.status).header('Cache-Control', 'no-store').type('application/json').send(body);
}

/** Breaks an answer of 200 off that cannot be completed. */
export function breakOff(reply: FastifyReply, error: Error, log: Logger): void {
  if (!reply.raw.headersSent || reply.raw.socket?.destroyed !== false) return;
  log.warn({ err: error, path: pathOf(reply.request) }, 'An answer was broken off');
  resetConnection(reply);
}

/**
 * Ends a connection in a way that no client takes for the end of the answer: by a reset, as a client without chunked
 * encoding (HTTP/1.0, which is what some proxies speak) waits for the end of the connection alone.
 */
export function resetConnection(reply: FastifyReply): void {
  const { socket } = reply.raw;
  // With TLS, an end without its close_notify is a reset.
  if (socket === null || socket instanceof TLSSocket) reply.raw.destroy();
  else socket.resetAndDestroy();
}

/** The address without its query: values of a query are nobody's business in a log. */
export function pathOf(request: FastifyRequest): string {
  return request.url.split('?', 1)[0]!;
}

function describeForeign(error: FastifyError, request: FastifyRequest): ClewError {
  const status = error.statusCode ?? 500;
  const details = { method: request.method, path: pathOf(request) };
  if (status === 404) return new ClewError('CLEW_ADDRESS_NOT_FOUND', details);
  if (status < 500) return new ClewError('CLEW_REQUEST_INVALID', { reason: error.message });
  return new ClewError('CLEW_INTERNAL', details, { cause: error });
}

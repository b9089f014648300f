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
    if (known.status >= 500) {
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

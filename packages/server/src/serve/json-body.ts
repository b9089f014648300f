import type { FastifyRequest } from 'fastify';
import { ClewError } from '../errors.ts';
import { pathOf } from './error-answer.ts';

/**
 * A page of another origin can make a browser send a POST to this server without asking it first, unless the body is
 * JSON; whatever is neither GET, HEAD nor POST, the browser asks about. As no answer of ours allows another origin, none
 * of these get here from such a page.
 * @throws ClewError CLEW_BODY_NOT_JSON
 */
export function requireJson(request: FastifyRequest): void {
  if (!['POST', 'PUT', 'PATCH'].includes(request.method)) return;
  const type = request.headers['content-type'] ?? '';
  if (type.split(';', 1)[0]!.trim().toLowerCase() === 'application/json') return;
  throw new ClewError('CLEW_BODY_NOT_JSON', {
    value: JSON.stringify(type),
    method: request.method,
    path: pathOf(request),
  });
}

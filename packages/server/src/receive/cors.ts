import type { IncomingMessage, ServerResponse } from 'node:http';

/**
 * Cross-origin requests of browsers, as the Fetch standard has them.
 *
 * ```
 * origins                headers on every answer, those of errors included
 * []                     none: a browser refuses to send, or keeps the answer from the page
 * ['*']                  Allow-Origin: *; a browser then refuses requests with credentials, sendBeacon's among them
 * ['https://a.example']  Allow-Origin: the sender's, Allow-Credentials: true, Vary: Origin
 * ```
 *
 * @param origins exact origins, or `*` alone
 * @returns true when the request was a preflight and is answered; those carry no token
 */
export function answerCors(request: IncomingMessage, response: ServerResponse, origins: readonly string[]): boolean {
  if (origins.length === 0) return false;
  const { origin } = request.headers;
  const anyOrigin = origins.includes('*');
  if (!anyOrigin) response.setHeader('Vary', 'Origin');
  if (origin === undefined || !allowsOrigin(origin, origins)) return false;
  response.setHeader('Access-Control-Allow-Origin', anyOrigin ? '*' : origin);
  if (!anyOrigin) response.setHeader('Access-Control-Allow-Credentials', 'true');
  response.setHeader('Access-Control-Expose-Headers', 'Retry-After');
  const isPreflight = request.method === 'OPTIONS' && request.headers['access-control-request-method'] !== undefined;
  if (!isPreflight) return false;
  // Named one by one: for requests with credentials, `*` would be a name like any other.
  const wanted = String(request.headers['access-control-request-headers'] ?? '');
  response.writeHead(204, {
    'Access-Control-Allow-Methods': 'POST',
    'Access-Control-Allow-Headers': headerNames.test(wanted) ? wanted : 'content-type',
    'Access-Control-Max-Age': maxAgeSeconds,
  });
  response.end();
  return true;
}

/** Whether a request may come from there; those that no browser sends name no origin. */
export function allowsOrigin(origin: string | undefined, origins: readonly string[]): boolean {
  return origin === undefined || origins.includes('*') || origins.includes(origin);
}

const headerNames = /^[\w-]+( *, *[\w-]+)*$/;

// The longest that browsers heed is two hours (Chromium).
const maxAgeSeconds = 7_200;

import { pipeline, type Readable } from 'node:stream';
import { promisify } from 'node:util';
import { constants, createGzip, gzip } from 'node:zlib';
import type { FastifyInstance } from 'fastify';

/** What fits into one packet is not smaller on the wire when it is compressed. */
const leastBytes = 1_400;

/** The least effort: spans repeat themselves, and become a tenth at 3 ns of CPU a byte. Level 6 takes three times that. */
const options = { level: constants.Z_BEST_SPEED };

const compress = promisify(gzip);

/**
 * Compresses what the API answers for clients that accept gzip. An answer that is a stream stays one: no more of it is
 * read than its reader takes, and it ends with an error when its source does, or its reader leaves.
 */
export function compressAnswers(app: FastifyInstance): void {
  app.addHook('onSend', async (request, reply, payload: unknown) => {
    const isEncoded = reply.hasHeader('Content-Encoding');
    if (isEncoded || !reply.hasHeader('Content-Type') || reply.hasHeader('Content-Range')) return payload;
    const size = typeof payload === 'string' ? Buffer.byteLength(payload) : isStream(payload) ? leastBytes : 0;
    if (size < leastBytes) return payload;
    reply.header('Vary', 'Accept-Encoding');
    if (!acceptsGzip(request.headers['accept-encoding'])) return payload;
    reply.header('Content-Encoding', 'gzip').removeHeader('Content-Length');
    if (typeof payload === 'string') return await compress(payload, options);
    return pipeline(payload as Readable, createGzip(options), () => {});
  });
}

function isStream(payload: unknown): payload is Readable {
  return typeof payload === 'object' && payload !== null && 'pipe' in payload;
}

/** Whether gzip is named in the header with a weight above 0 (RFC 9110, 12.5.3). */
function acceptsGzip(header: string | string[] | undefined): boolean {
  return String(header ?? '')
    .toLowerCase()
    .split(',')
    .map((coding) => coding.replace(/\s/g, ''))
    .some((coding) => /^(x-)?gzip(;|$)/.test(coding) && !/;q=0(\.0*)?(;|$)/.test(coding));
}

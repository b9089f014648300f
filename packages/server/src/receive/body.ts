import type { IncomingMessage } from 'node:http';
import { promisify } from 'node:util';
import { gunzip, inflate } from 'node:zlib';
import type { BodyBudget } from './body-budget.ts';
import { GrowingBody, tooLarge } from './growing-body.ts';
import { OtlpError } from './otlp-error.ts';

const decompressors = { gzip: promisify(gunzip), deflate: promisify(inflate) };

/**
 * The whole body of a request, uncompressed, in an ArrayBuffer of its own.
 *
 * @param maxBytes the limit before and after decompression, as the OTLP specification demands
 * @param budget holds what is read until it is complete; from then on it is the caller's to bound
 * @throws OtlpError 413 when it is larger, 415 for an unknown Content-Encoding, 400 when decompression fails, 503 when
 * too much is being read already
 */
export async function readBody(
  request: IncomingMessage,
  maxBytes: number,
  budget: BodyBudget,
): Promise<Uint8Array<ArrayBuffer>> {
  const encoding = (request.headers['content-encoding'] ?? 'identity').trim().toLowerCase();
  if (encoding !== 'identity' && encoding !== 'gzip' && encoding !== 'deflate') {
    throw new OtlpError(
      415,
      `Content-Encoding ${JSON.stringify(encoding)} is not supported; send gzip, deflate or no compression.`,
    );
  }
  const announced = Number(request.headers['content-length'] ?? 0);
  if (announced > maxBytes) throw tooLarge(`${announced} bytes`, maxBytes);
  const body = new GrowingBody(announced, maxBytes, budget);
  try {
    // The stream is not destroyed when this stops early: the answer goes over the same socket.
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      body.append(chunk);
    }
    const bytes = body.take();
    return encoding === 'identity' ? bytes : await budget.inTurn(() => decompress(bytes, encoding, maxBytes));
  } finally {
    body.release();
  }
}

/** @throws OtlpError 413 when it becomes larger than `maxBytes`, 400 when it is not what it is said to be */
export async function decompress(
  body: Uint8Array,
  encoding: 'gzip' | 'deflate',
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const plain = await decompressors[encoding](body, { maxOutputLength: maxBytes });
    return plain.buffer.byteLength === plain.length ? new Uint8Array(plain.buffer) : new Uint8Array(plain);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') {
      throw tooLarge(`more than ${maxBytes} bytes when decompressed`, maxBytes);
    }
    throw new OtlpError(400, `The body is not ${encoding}: ${(error as Error).message}.`);
  }
}

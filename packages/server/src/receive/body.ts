import type { IncomingMessage } from 'node:http';
import { releaseMemory } from '../release-memory.ts';
import type { Destination } from './authorize.ts';
import type { BodyBudget } from './body-budget.ts';
import { compressions, decompress } from './decompress.ts';
import { GrowingBody, tooLarge } from './growing-body.ts';
import { OtlpError } from './otlp-error.ts';

/**
 * The whole body of a request, uncompressed, in an ArrayBuffer of its own.
 *
 * @param maxBytes the limit before and after decompression, as the OTLP specification demands
 * @param budget holds what is read until it is complete; from then on it is the caller's to bound
 * @param waitForRoom asked before the first byte is read, and after what can be refused without reading
 * @throws OtlpError 413 when it is larger, 415 for an unknown Content-Encoding, 400 when decompression fails, 503 when
 * too much is being read already
 */
export async function readBody(
  request: IncomingMessage,
  maxBytes: number,
  budget: BodyBudget,
  waitForRoom: Destination['waitForRoom'],
): Promise<Uint8Array<ArrayBuffer>> {
  const encoding = (request.headers['content-encoding'] ?? 'identity').trim().toLowerCase();
  if (encoding !== 'identity' && !compressions.includes(encoding)) throw unsupported(encoding);
  const announced = Number(request.headers['content-length'] ?? 0);
  if (announced > maxBytes) throw tooLarge(`${announced} bytes`, maxBytes);
  await waitForRoom(announced);
  const body = new GrowingBody(announced, maxBytes, budget);
  try {
    // The stream is not destroyed when this stops early: the answer goes over the same socket.
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      body.append(chunk);
      releaseMemory(chunk);
    }
    const bytes = body.take();
    return encoding === 'identity' ? bytes : await budget.inTurn(() => decompress(bytes, encoding, maxBytes));
  } finally {
    body.release();
  }
}

function unsupported(encoding: string): OtlpError {
  const reason =
    encoding === 'zstd' ? `needs Node 22.15 or newer, and this server runs on ${process.version}` : 'is not supported';
  return new OtlpError(
    415,
    `Content-Encoding ${JSON.stringify(encoding)} ${reason}; send ${compressions.join(', ')} or no compression.`,
  );
}

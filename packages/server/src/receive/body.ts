import type { IncomingMessage } from 'node:http';
import { promisify } from 'node:util';
import { gunzip, inflate } from 'node:zlib';
import { OtlpError } from './otlp-error.ts';

const decompressors = { gzip: promisify(gunzip), deflate: promisify(inflate) };

/**
 * The whole body of a request, uncompressed, in an ArrayBuffer of its own.
 *
 * @param maxBytes the limit before and after decompression, as the OTLP specification demands
 * @throws OtlpError 413 when it is larger, 415 for an unknown Content-Encoding, 400 when decompression fails
 */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const encoding = (request.headers['content-encoding'] ?? 'identity').trim().toLowerCase();
  if (encoding !== 'identity' && encoding !== 'gzip' && encoding !== 'deflate') {
    throw new OtlpError(
      415,
      `Content-Encoding ${JSON.stringify(encoding)} is not supported; send gzip, deflate or no compression.`,
    );
  }
  const announced = Number(request.headers['content-length'] ?? 0);
  if (announced > maxBytes) throw tooLarge(`${announced} bytes`, maxBytes);
  const chunks: Buffer[] = [];
  let length = 0;
  // The stream is not destroyed when this stops early: the answer goes over the same socket.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxBytes) throw tooLarge(`more than ${maxBytes} bytes`, maxBytes);
    chunks.push(chunk);
  }
  return encoding === 'identity' ? join(chunks, length) : decompress(join(chunks, length), encoding, maxBytes);
}

async function decompress(
  body: Uint8Array,
  encoding: 'gzip' | 'deflate',
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const plain = await decompressors[encoding](body, { maxOutputLength: maxBytes });
    return new Uint8Array(plain);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') {
      throw tooLarge(`more than ${maxBytes} bytes when decompressed`, maxBytes);
    }
    throw new OtlpError(400, `The body is not ${encoding}: ${(error as Error).message}.`);
  }
}

/** Not Buffer.concat, whose result may lie in a pool that other buffers share: this one is moved to another thread. */
function join(chunks: readonly Buffer[], length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let position = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, position);
    position += chunk.length;
  }
  return bytes;
}

function tooLarge(what: string, maxBytes: number): OtlpError {
  return new OtlpError(
    413,
    `The body has ${what}; the limit is ${maxBytes} (CLEW_MAX_REQUEST_BYTES). Send smaller batches.`,
  );
}

import * as zlib from 'node:zlib';
import { tooLarge } from '../receive/otlp-error.ts';
import { splitZstdFrames } from './zstd-frames.ts';

/** What the body is compressed with is not what its sender says. */
export class MalformedCompressionError extends Error {
  override readonly name = 'MalformedCompressionError';
}

/** Undoes a compression. @throws ERR_BUFFER_TOO_LARGE when more than `maxOutputLength` comes out */
type Decompressor = (bytes: Uint8Array, options: { readonly maxOutputLength: number }) => Uint8Array;

// Node 22.15 and newer; the types are those of the oldest Node that we run on.
const { zstdDecompressSync, constants } = zlib as unknown as {
  readonly zstdDecompressSync?: (bytes: Uint8Array, options: object) => Buffer;
  readonly constants: { readonly ZSTD_d_windowLogMax: number };
};

// The window that HTTP allows (RFC 9659): 8 MiB. Without a limit the header of a frame decides how much is allocated.
const zstdWindowLog = 23;

const decompressors: ReadonlyMap<string, Decompressor> = new Map<string, Decompressor>([
  ['gzip', inLargePieces(zlib.gunzipSync)],
  ['deflate', inLargePieces(zlib.inflateSync)],
  ...(zstdDecompressSync === undefined ? [] : [['zstd', createUnzstd(zstdDecompressSync)] as const]),
]);

/**
 * A compressed body as it was before, in an ArrayBuffer that holds nothing else.
 *
 * @param compression one of `compressions` of receive/content-encoding.ts
 * @throws OtlpError 413 when it becomes larger than `maxBytes`
 * @throws MalformedCompressionError when it is not what it is said to be
 */
export function decompress(body: Uint8Array, compression: string, maxBytes: number): Uint8Array {
  try {
    return decompressors.get(compression)!(body, { maxOutputLength: maxBytes });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') {
      throw tooLarge(`more than ${maxBytes} bytes when decompressed`, maxBytes);
    }
    throw new MalformedCompressionError(`The body is not ${compression}: ${(error as Error).message}.`);
  }
}

/** Spans become some ten times as long; what is small is not given a large piece. */
function inLargePieces(undo: (bytes: Uint8Array, options: zlib.ZlibOptions) => Buffer): Decompressor {
  return (bytes, options) => {
    const chunkSize = Math.min(Math.max(16 * bytes.length, leastPieceBytes), 256 * 1024);
    return undo(bytes, { ...options, chunkSize });
  };
}

/** What is smaller may lie in Node's pool, with what belongs to others. */
const leastPieceBytes = Math.max(16 * 1024, Buffer.poolSize);

function createUnzstd(unzstd: (bytes: Uint8Array, options: object) => Buffer): Decompressor {
  return (bytes, { maxOutputLength }) => {
    const parts: Buffer[] = [];
    let left = maxOutputLength;
    for (const frame of splitZstdFrames(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length))) {
      // Less than one byte cannot be asked for; a frame that needs it is one too many.
      const limit = Math.max(left, 1);
      const params = { [constants.ZSTD_d_windowLogMax]: zstdWindowLog };
      const part = unzstd(frame, { maxOutputLength: limit, params, chunkSize: leastPieceBytes });
      left -= part.length;
      if (left < 0) throw Object.assign(new Error('too large'), { code: 'ERR_BUFFER_TOO_LARGE' });
      parts.push(part);
    }
    return parts.length === 1 ? parts[0]! : concatenate(parts, maxOutputLength - left);
  };
}

/** Not Buffer.concat, which takes what is small from Node's pool. */
function concatenate(parts: readonly Uint8Array[], length: number): Uint8Array {
  const whole = new Uint8Array(length);
  let position = 0;
  for (const part of parts) {
    whole.set(part, position);
    position += part.length;
  }
  return whole;
}

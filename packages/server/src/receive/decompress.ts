import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import { OtlpError, tooLarge } from './otlp-error.ts';
import { splitZstdFrames } from './zstd-frames.ts';

/** Undoes a compression; rejects with ERR_BUFFER_TOO_LARGE when more than `maxOutputLength` comes out. */
type Decompressor = (bytes: Uint8Array, options: { readonly maxOutputLength: number }) => Promise<Buffer>;

// Node 22.15 and newer; the types are those of the oldest Node that we run on.
const { zstdDecompress, constants } = zlib as unknown as {
  readonly zstdDecompress?: (
    bytes: Uint8Array,
    options: object,
    callback: (error: Error | null, plain: Buffer) => void,
  ) => void;
  readonly constants: { readonly ZSTD_d_windowLogMax: number };
};

// The window that HTTP allows (RFC 9659): 8 MiB. Without a limit the header of a frame decides how much is allocated.
const zstdWindowLog = 23;

const decompressors: ReadonlyMap<string, Decompressor> = new Map<string, Decompressor>([
  ['gzip', inLargePieces(promisify(zlib.gunzip))],
  ['deflate', inLargePieces(promisify(zlib.inflate))],
  ...(zstdDecompress === undefined ? [] : [['zstd', createUnzstd(promisify(zstdDecompress))] as const]),
]);

/** The names of all that this process can undo, for messages and headers. */
export const compressions: readonly string[] = [...decompressors.keys()];

/**
 * A compressed body as it was before, in an ArrayBuffer of its own.
 *
 * @param compression one of {@link compressions}
 * @throws OtlpError 413 when it becomes larger than `maxBytes`, 400 when it is not what it is said to be
 */
export async function decompress(
  body: Uint8Array,
  compression: string,
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const plain = await decompressors.get(compression)!(body, { maxOutputLength: maxBytes });
    return plain.buffer.byteLength === plain.length && plain.buffer instanceof ArrayBuffer
      ? new Uint8Array(plain.buffer)
      : new Uint8Array(plain);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') {
      throw tooLarge(`more than ${maxBytes} bytes when decompressed`, maxBytes);
    }
    throw new OtlpError(400, `The body is not ${compression}: ${(error as Error).message}.`);
  }
}

/**
 * What comes out is put together from pieces, each a turn of the thread pool: with 16 KiB, zlib's default, those take more
 * than half of all CPU. Spans become some ten times as long; what is small is not given a large piece.
 */
function inLargePieces(undo: (bytes: Uint8Array, options: zlib.ZlibOptions) => Promise<Buffer>): Decompressor {
  return (bytes, options) => {
    const chunkSize = Math.min(Math.max(16 * bytes.length, 16 * 1024), 256 * 1024);
    return undo(bytes, { ...options, chunkSize });
  };
}

function createUnzstd(unzstd: (bytes: Uint8Array, options: object) => Promise<Buffer>): Decompressor {
  return async (bytes, { maxOutputLength }) => {
    const parts: Buffer[] = [];
    let left = maxOutputLength;
    for (const frame of splitZstdFrames(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length))) {
      // Less than one byte cannot be asked for; a frame that needs it is one too many.
      const limit = Math.max(left, 1);
      const params = { [constants.ZSTD_d_windowLogMax]: zstdWindowLog };
      const part = await unzstd(frame, { maxOutputLength: limit, params });
      left -= part.length;
      if (left < 0) throw Object.assign(new Error('too large'), { code: 'ERR_BUFFER_TOO_LARGE' });
      parts.push(part);
    }
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
  };
}

import type { ServerHttp2Stream } from 'node:http2';
import type { Readable } from 'node:stream';
import { readCompression } from './content-encoding.ts';
import type { ExportRequest } from './export-request.ts';
import { GrpcError, grpcCodes } from './grpc-status.ts';
import { OtlpError } from './otlp-error.ts';
import { readToEnd } from './read-stream.ts';

/** Those of gRPC that this server undoes; a call in another one fails with UNIMPLEMENTED, as gRPC demands. */
export const grpcCompressions = ['identity', 'gzip', 'deflate'] as const;

/** A length is announced before its message: the flag, and four bytes. */
const prefixBytes = 5;

/** Where the pieces of a message go while it comes. */
export interface MessageMemory {
  /** Reads the stream, which `take` cuts into messages. */
  read(stream: Readable, take: (chunk: Buffer) => void): Promise<void>;
  /** How long the message will be. @throws OtlpError 413 */
  announce(bytes: number): void;
  append(chunk: Uint8Array): void;
  /** The whole message, in an ArrayBuffer of its own. */
  take(): Uint8Array<ArrayBuffer>;
}

/**
 * The one message of a unary call, as it came.
 *
 * ```
 * stream   [ 1 compressed? ][ 4 length, big-endian ][ message ]   and its end
 * ```
 *
 * @param encoding the header `grpc-encoding`
 * @throws OtlpError 400 when the message is cut off, and what the memory throws; GrpcError when the stream does not hold one
 * message
 */
export async function readGrpcMessage(
  stream: ServerHttp2Stream,
  encoding: string | undefined,
  memory: MessageMemory,
): Promise<Pick<ExportRequest, 'bytes' | 'compression'>> {
  const prefix = Buffer.alloc(prefixBytes);
  let length: number | undefined;
  let read = 0;
  let compression: string | undefined;
  await memory.read(stream, (chunk) => {
    const ofPrefix = chunk.copy(prefix, Math.min(read, prefixBytes));
    read += chunk.length;
    if (read < prefixBytes) return;
    if (length === undefined) {
      compression = compressionOf(prefix[0]!, encoding);
      length = prefix.readUInt32BE(1);
      memory.announce(length);
    }
    if (read > prefixBytes + length) {
      throw new GrpcError(grpcCodes.unimplemented, 'The call has more than one message; this method takes one.');
    }
    if (chunk.length > ofPrefix) memory.append(chunk.subarray(ofPrefix));
  });
  if (read === 0) throw new GrpcError(grpcCodes.unimplemented, 'The call has no message; this method takes one.');
  if (length === undefined) throw cutOff(read, prefixBytes);
  if (read < prefixBytes + length) throw cutOff(read - prefixBytes, length);
  return { bytes: memory.take(), compression };
}

/** Memory for the message of a caller who has shown no token: a fixed, small size. */
export class SmallMessage implements MessageMemory {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #stop: Promise<never>;
  #length = 0;

  /** @param stop ends the reading when it rejects */
  constructor(maxBytes: number, stop: Promise<never>) {
    this.#bytes = new Uint8Array(maxBytes);
    this.#stop = stop;
  }

  read(stream: Readable, take: (chunk: Buffer) => void): Promise<void> {
    return readToEnd(stream, take, this.#stop);
  }

  announce(bytes: number): void {
    if (bytes <= this.#bytes.length) return;
    throw new OtlpError(413, `The message has ${bytes} bytes; the limit of this method is ${this.#bytes.length}.`);
  }

  append(chunk: Uint8Array): void {
    this.#bytes.set(chunk, this.#length);
    this.#length += chunk.length;
  }

  take(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length);
  }
}

function cutOff(gotBytes: number, wantedBytes: number): OtlpError {
  return new OtlpError(400, `The message is cut off: ${gotBytes} of ${wantedBytes} bytes.`);
}

function compressionOf(flag: number, encoding: string | undefined): string | undefined {
  if (flag === 0) return undefined;
  const given = JSON.stringify(encoding ?? 'identity');
  if (flag !== 1) {
    throw new OtlpError(400, `The message has the compressed flag ${flag}, which must be 0 or 1.`);
  }
  const compression = readCompression(
    encoding,
    grpcCompressions,
    (name) =>
      new GrpcError(
        grpcCodes.unimplemented,
        `The compression ${JSON.stringify(name)} is not supported; send one of ${grpcCompressions.join(', ')}.`,
      ),
  );
  if (compression !== undefined) return compression;
  // Not INVALID_ARGUMENT: gRPC's specification of compression demands INTERNAL for this one.
  throw new GrpcError(grpcCodes.internal, `The message has the compressed flag 1, and grpc-encoding is ${given}.`);
}

import type { ServerHttp2Stream } from 'node:http2';
import type { BodyBudget } from './body-budget.ts';
import { decompress } from './decompress.ts';
import { GrowingBody } from './growing-body.ts';
import { GrpcError, grpcCodes } from './grpc-status.ts';
import { OtlpError } from './otlp-error.ts';

/** Those of gRPC that this server undoes; a call in another one fails with UNIMPLEMENTED, as gRPC demands. */
export const grpcCompressions = ['identity', 'gzip', 'deflate'] as const;

type GrpcCompression = (typeof grpcCompressions)[number];

/** A length is announced before its message: the flag, and four bytes. */
const prefixBytes = 5;

/**
 * The one message of a unary call, uncompressed, in an ArrayBuffer of its own.
 *
 * ```
 * stream   [ 1 compressed? ][ 4 length, big-endian ][ message ]   and its end
 * ```
 *
 * @param encoding the header `grpc-encoding`
 * @param maxBytes the limit before and after decompression
 * @param budget holds what is read until it is complete
 * @throws OtlpError 413 when the message is larger, 400 when it is cut off or decompression fails, 503 when too much is
 * being read already; GrpcError when the stream does not hold one message
 */
export async function readGrpcMessage(
  stream: ServerHttp2Stream,
  encoding: string,
  maxBytes: number,
  budget: BodyBudget,
): Promise<Uint8Array<ArrayBuffer>> {
  const prefix = Buffer.alloc(prefixBytes);
  let length = 0;
  let read = 0;
  let compression: GrpcCompression = 'identity';
  let body: GrowingBody | undefined;
  try {
    // The stream is not destroyed when this stops early: the answer goes over it.
    for await (const chunk of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      const ofPrefix = chunk.copy(prefix, Math.min(read, prefixBytes));
      read += chunk.length;
      if (read < prefixBytes) continue;
      if (body === undefined) {
        compression = compressionOf(prefix[0]!, encoding);
        length = checkLength(prefix.readUInt32BE(1), maxBytes);
        body = new GrowingBody(length, maxBytes, budget);
      }
      if (read > prefixBytes + length) {
        throw new GrpcError(grpcCodes.unimplemented, 'The call has more than one message; this method takes one.');
      }
      if (chunk.length > ofPrefix) body.append(chunk.subarray(ofPrefix));
    }
    if (read === 0) throw new GrpcError(grpcCodes.unimplemented, 'The call has no message; this method takes one.');
    if (body === undefined) throw cutOff(read, prefixBytes);
    if (read < prefixBytes + length) throw cutOff(read - prefixBytes, length);
    const bytes = body.take();
    if (compression === 'identity') return bytes;
    const compressed = compression;
    return await budget.inTurn(() => decompress(bytes, compressed, maxBytes));
  } finally {
    body?.release();
  }
}

function checkLength(length: number, maxBytes: number): number {
  if (length <= maxBytes) return length;
  throw new OtlpError(
    413,
    `The message has ${length} bytes; the limit is ${maxBytes} (CLEW_MAX_REQUEST_BYTES). Send smaller batches.`,
  );
}

function cutOff(gotBytes: number, wantedBytes: number): OtlpError {
  return new OtlpError(400, `The message is cut off: ${gotBytes} of ${wantedBytes} bytes.`);
}

function compressionOf(flag: number, encoding: string): GrpcCompression {
  if (flag === 0) return 'identity';
  const compression = grpcCompressions.find((known) => known === encoding);
  if (flag === 1 && compression === undefined) {
    throw new GrpcError(
      grpcCodes.unimplemented,
      `The compression ${JSON.stringify(encoding)} is not supported; send one of ${grpcCompressions.join(', ')}.`,
    );
  }
  if (flag === 1 && compression !== undefined && compression !== 'identity') return compression;
  throw new GrpcError(
    grpcCodes.internal,
    `The message has the compressed flag ${flag}, and grpc-encoding is ${JSON.stringify(encoding)}.`,
  );
}

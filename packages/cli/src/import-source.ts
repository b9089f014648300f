import { constants, createReadStream } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { CliError } from './cli-error.ts';

/** The content of a file to import, uncompressed, read once from front to back. */
export interface ImportSource {
  /** As the user named it, and "standard input" for `-`. */
  readonly name: string;
  /** Of the file as it is stored; undefined where that is not known. */
  readonly sizeBytes: number | undefined;
  /** How much of it was read, as it is stored. */
  readonly readBytes: () => number;
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** @throws CliError for the first file that cannot be read, so that nothing is sent before all of them can be */
export async function checkReadable(paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    if (path === '-') continue;
    try {
      await access(path, constants.R_OK);
      if ((await stat(path)).isDirectory()) throw new Error('it is a directory');
    } catch (error) {
      throw new CliError(`cannot read ${path}: ${(error as Error).message}`);
    }
  }
  if (paths.filter((path) => path === '-').length > 1) throw new CliError('"-" is standard input: give it once');
}

/** @param path a file, or `-` for standard input; what is compressed by gzip is decompressed, whatever its name */
export async function openSource(path: string): Promise<ImportSource> {
  const stored: Readable = path === '-' ? process.stdin : createReadStream(path, { highWaterMark: 256 * 1024 });
  let readBytes = 0;
  async function* count(): AsyncGenerator<Uint8Array> {
    for await (const chunk of stored as AsyncIterable<Buffer>) {
      readBytes += chunk.length;
      yield chunk;
    }
  }
  const { head, chunks } = await peek(count(), 2);
  const isGzip = head[0] === 0x1f && head[1] === 0x8b;
  return {
    name: path === '-' ? 'standard input' : path,
    sizeBytes: path === '-' ? undefined : (await stat(path)).size,
    readBytes: () => readBytes,
    chunks: isGzip ? gunzip(chunks) : chunks,
  };
}

/** The first bytes, as many as asked for or all there are, and all chunks with these. */
export async function peek(
  source: AsyncIterable<Uint8Array>,
  count: number,
): Promise<{ readonly head: Uint8Array; readonly chunks: AsyncGenerator<Uint8Array> }> {
  const iterator = source[Symbol.asyncIterator]();
  let head: Uint8Array = new Uint8Array(0);
  let isDone = false;
  while (head.length < count && !isDone) {
    const next = await iterator.next();
    isDone = next.done === true;
    if (!next.done) head = Buffer.concat([head, next.value]);
  }
  async function* all(): AsyncGenerator<Uint8Array> {
    if (head.length > 0) yield head;
    while (!isDone) {
      const next = await iterator.next();
      if (next.done) return;
      yield next.value;
    }
  }
  return { head, chunks: all() };
}

function gunzip(chunks: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  const stream = createGunzip();
  // Errors reach whoever reads the stream.
  pipeline(Readable.from(chunks), stream, () => {});
  return stream;
}

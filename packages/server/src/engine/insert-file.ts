import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/** Thrown when the data of one INSERT is larger than allowed. */
export class InsertTooLargeError extends Error {
  override readonly name = 'InsertTooLargeError';
}

/**
 * Writes `data` to a file of its own, calls `use` with its path, and removes it whatever happens. The engine reads
 * binary data from files only; the file needs no fsync, as the sender repeats what was not acknowledged.
 */
export async function withInsertFile<Result>(
  directory: string,
  data: Readable,
  maxBytes: number,
  use: (path: string) => Promise<Result>,
): Promise<Result> {
  const path = join(directory, `${randomUUID()}.insert`);
  try {
    await pipeline(limitBytes(data, maxBytes), createWriteStream(path, { mode: 0o600 }));
    return await use(path);
  } finally {
    await rm(path, { force: true });
  }
}

async function* limitBytes(data: Readable, maxBytes: number): AsyncGenerator<Buffer> {
  let bytes = 0;
  // A request that is destroyed cannot be answered any more, and the sender has to learn what was wrong.
  for await (const chunk of data.iterator({ destroyOnReturn: false })) {
    bytes += chunk.length;
    if (bytes > maxBytes) {
      throw new InsertTooLargeError(
        `The data of an INSERT is larger than ${maxBytes} bytes. Send it in smaller parts.`,
      );
    }
    yield chunk;
  }
}

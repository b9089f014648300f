import { randomUUID } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { emptyDirectory } from '../empty-directory.ts';
import { ClewError } from '../errors.ts';

/** Of one answer; what a reader leaves beyond this goes to a file. */
const maxMemoryBytes = 1024 * 1024;

/** Small enough that a slow reader is seen to make progress. */
const filePieceBytes = 64 * 1024;

/** Room on the disk for answers whose readers are slow: of all of them together, and of one tenant. */
export class OverflowSpace {
  readonly #directory: string;
  readonly #maxBytes: number;
  readonly #parent: OverflowSpace | undefined;
  #bytes = 0;

  private constructor(directory: string, maxBytes: number, parent: OverflowSpace | undefined) {
    this.#directory = directory;
    this.#maxBytes = maxBytes;
    this.#parent = parent;
  }

  /**
   * Makes the directory, and empties it of what a process that was killed has left.
   * @throws ClewError CLEW_DATA_DIR_UNUSABLE
   */
  static async open(directory: string, maxBytes: number): Promise<OverflowSpace> {
    await emptyDirectory(directory).catch((cause: Error) => {
      throw new ClewError('CLEW_DATA_DIR_UNUSABLE', { dataDir: directory, reason: cause.message }, { cause });
    });
    return new OverflowSpace(directory, maxBytes, undefined);
  }

  /** What is on the disk now. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Room within this one that may be filled up to a limit of its own. */
  share(maxBytes: number): OverflowSpace {
    return new OverflowSpace(this.#directory, maxBytes, this);
  }

  /** False when there is no room for so many bytes. */
  reserve(bytes: number): boolean {
    if (this.#bytes + bytes > this.#maxBytes || this.#parent?.reserve(bytes) === false) return false;
    this.#bytes += bytes;
    return true;
  }

  release(bytes: number): void {
    this.#bytes -= bytes;
    this.#parent?.release(bytes);
  }

  /** A new file that has no name: it is gone when it is closed, also when the process is killed. */
  async createFile(): Promise<FileHandle> {
    const path = join(this.#directory, randomUUID());
    const file = await open(path, 'wx+', 0o600);
    await rm(path);
    return file;
  }
}

/**
 * Reads `source` as fast as it comes, and gives its pieces as fast as the reader takes them. So a slow reader gets all of
 * an answer, and the database session that makes it is free as soon as it is made.
 *
 * ```
 *   source ──▶ [ memory, 1 MiB ] ─────────────▶ reader
 *                  │ when that is full  ▲
 *                  ▼                    │ when the memory is empty
 *                [ temporary file ] ────┘
 * ```
 *
 * Where there is no room for a file, the source waits for the reader. A failure of the source or of the disk destroys the
 * stream at once, before what was read ahead.
 */
export function readAhead(source: Readable, space: OverflowSpace): Readable {
  const buffer = new OverflowBuffer(space);
  const filling = fill(buffer, source);
  return Readable.from(takeAll(buffer), { objectMode: false }).once('close', () => {
    buffer.close();
    source.destroy();
    void filling.then(() => buffer.removeFile());
  });
}

/** Never rejects. */
async function fill(buffer: OverflowBuffer, source: Readable): Promise<void> {
  try {
    for await (const piece of source) await buffer.put(piece as Uint8Array);
    buffer.end();
  } catch (error) {
    buffer.fail(error);
  }
}

async function* takeAll(buffer: OverflowBuffer): AsyncGenerator<Uint8Array, void> {
  for (let piece = await buffer.take(); piece !== undefined; piece = await buffer.take()) yield piece;
}

/** First in, first out, with one side that puts and one that takes. */
class OverflowBuffer {
  readonly #space: OverflowSpace;
  readonly #changes = new EventEmitter();
  readonly #pieces: Uint8Array[] = [];
  #memoryBytes = 0;
  #file: FileHandle | undefined;
  #reserved = 0;
  /** Offsets in the file: it is there up to the first, and was taken up to the second. */
  #written = 0;
  #taken = 0;
  #state: 'open' | 'ended' | 'closed' = 'open';
  #failure: { readonly error: unknown } | undefined;

  constructor(space: OverflowSpace) {
    this.#space = space;
  }

  /** Resolves when the piece is kept, or nobody wants it any more. */
  async put(piece: Uint8Array): Promise<void> {
    while (this.#state === 'open') {
      const isFileEmpty = this.#taken === this.#written;
      if (isFileEmpty && (this.#memoryBytes === 0 || this.#memoryBytes + piece.length <= maxMemoryBytes)) {
        this.#pieces.push(piece);
        this.#memoryBytes += piece.length;
        this.#changes.emit('change');
        return;
      }
      if (this.#space.reserve(piece.length)) {
        this.#reserved += piece.length;
        return await this.#append(piece);
      }
      await this.#nextChange();
    }
  }

  /** The next piece; undefined after the last. Throws what {@link fail} was told. */
  async take(): Promise<Uint8Array | undefined> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure.error;
      const piece = this.#pieces.shift();
      if (piece !== undefined) {
        this.#memoryBytes -= piece.length;
        this.#changes.emit('change');
        return piece;
      }
      if (this.#taken < this.#written) return await this.#readFile();
      if (this.#state !== 'open') return undefined;
      await this.#nextChange();
    }
  }

  /** Nothing more is put. */
  end(): void {
    this.#enter('ended');
  }

  fail(error: unknown): void {
    this.#failure = { error };
    this.#enter('ended');
  }

  /** Nothing more is taken. */
  close(): void {
    this.#enter('closed');
  }

  /** Call it when nothing is put any more. */
  async removeFile(): Promise<void> {
    await this.#file?.close().catch(() => {});
    this.#space.release(this.#reserved);
    this.#reserved = 0;
  }

  async #append(piece: Uint8Array): Promise<void> {
    this.#file ??= await this.#space.createFile();
    for (let at = 0; at < piece.length; ) {
      const { bytesWritten } = await this.#file.write(piece, at, piece.length - at, this.#written);
      at += bytesWritten;
      this.#written += bytesWritten;
      this.#changes.emit('change');
    }
  }

  async #readFile(): Promise<Uint8Array> {
    const length = Math.min(filePieceBytes, this.#written - this.#taken);
    const { bytesRead, buffer } = await this.#file!.read(Buffer.allocUnsafe(length), 0, length, this.#taken);
    this.#taken += bytesRead;
    this.#changes.emit('change');
    return buffer.subarray(0, bytesRead);
  }

  #enter(state: 'ended' | 'closed'): void {
    this.#state = state;
    this.#changes.emit('change');
  }

  async #nextChange(): Promise<void> {
    await once(this.#changes, 'change');
  }
}

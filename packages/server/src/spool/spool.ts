import { randomBytes } from 'node:crypto';
import * as nodeFiles from 'node:fs/promises';
import { join } from 'node:path';
import { ClewError } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { TraceBlocks } from '../transcode/trace-transcoder.ts';
import { readInto, syncDirectory, writeWhole } from './durable-file.ts';
import { FreeSpaceWatch } from './free-space.ts';
import { decodeSegment, encodeCommit, type Segment } from './segment.ts';
import { probeWrite } from './write-probe.ts';

/** What the spool asks of the file system. */
export type SpoolFiles = Pick<
  typeof nodeFiles,
  'mkdir' | 'open' | 'readdir' | 'rename' | 'stat' | 'truncate' | 'unlink'
>;

export interface SpoolOptions {
  readonly directory: string;
  /** Default: Node's own. A test passes one whose calls fail. */
  readonly files?: SpoolFiles;
  /** All segments together; beyond it, {@link Spool.append} refuses. */
  readonly maxBytes: number;
  /** While the disk has less free, {@link Spool.append} refuses. Default 1 GiB or 5 % of it, whichever is smaller. */
  readonly minFreeBytes?: number | undefined;
  /** A segment is closed for the loader when it reaches this size … */
  readonly sealBytes?: number;
  /** … or this age, when no other waits for the loader: larger inserts cost the engine less. */
  readonly sealAfterMs?: number;
  /** Called when a segment has gone. */
  readonly onRoom?: () => void;
  readonly log: Logger;
}

const segmentFile = /^\d{12}-[0-9a-f]{16}\.(open|sealed)$/;

/** Why spans cannot be taken now, as metrics count it. */
export type SpoolObstacle = 'spool_full' | 'spool_failed' | 'too_much_waiting' | 'disk_full' | 'stopping';

/** The spool cannot take more now. Retryable: the sender should come again later. */
export class SpoolUnavailableError extends Error {
  override readonly name = 'SpoolUnavailableError';
  readonly obstacle: SpoolObstacle;

  constructor(obstacle: SpoolObstacle, message: string) {
    super(message);
    this.obstacle = obstacle;
  }
}

/** What anybody may know of it: not where the spool is, nor what is wrong with its disk. */
export function describeObstacle({ obstacle, message }: SpoolUnavailableError): string {
  switch (obstacle) {
    case 'spool_failed':
      return 'The spool cannot write; the reason is in the log of the server. Send again later.';
    case 'disk_full':
      return 'The disk of the server has too little free (CLEW_MIN_FREE_BYTES). Send again later.';
    default:
      return message;
  }
}

/** Failures of a read that are the process's or the machine's, not the file's. */
const passing: ReadonlySet<string | undefined> = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN', 'EINTR']);

/** Failures of a rename whose target is there: a directory that somebody has put in its place. */
const occupied: ReadonlySet<string | undefined> = new Set(['EISDIR', 'ENOTDIR', 'ENOTEMPTY', 'EEXIST']);

function unlessGone(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}

/** There is no file at the path, and asking again will not change that. */
const isNoFile: ReadonlySet<string> = new Set(['ENOENT', 'EISDIR', 'ENOTDIR', 'ELOOP', 'ENXIO']);

/** The disk does not give a segment's bytes. */
export class SegmentUnreadableError extends Error {
  override readonly name = 'SegmentUnreadableError';
  /** Whether it is the disk that failed, and may answer when it is asked again. */
  readonly mayPass: boolean;

  constructor(path: string, cause: unknown) {
    super(`${path}: ${messageOf(cause)}`, { cause });
    const { code } = cause as NodeJS.ErrnoException;
    this.mayPass = code !== undefined && !isNoFile.has(code);
  }
}

/** A segment that is closed and waits to be inserted. */
export interface SealedSegment {
  /** Unique over all spools and all their runs: the deduplication token of its inserts. */
  readonly name: string;
  readonly path: string;
  readonly bytes: number;
  /** An earlier run may have inserted it, or a part of it: segments are inserted in order, so only its first. */
  readonly mayBeInserted: boolean;
  /** When its file was begun, Unix milliseconds. */
  readonly beganMs: number;
}

/**
 * Acknowledged spans on their way to the engine: commits are appended to an open segment and synced to disk; sealed
 * segments wait in order for the loader.
 *
 * ```
 * 000000000007-5be2….sealed   000000000008-5be2….sealed   000000000009-5be2….open
 * the loader inserts ^, then removes it                   append writes here ^
 * ```
 *
 * The number gives the order. Behind it stands a random id of the run that made the segment: the name is the token by
 * which the engine knows an insert again, and an emptied spool counts from 1 anew. A token that was used before would
 * make the engine drop other spans without a word.
 *
 * One writer: the server's data directory is locked before the spool is opened, by the embedded engine or in its place.
 */
export class Spool {
  readonly #directory: string;
  readonly #files: SpoolFiles;
  readonly #maxBytes: number;
  readonly #freeSpace: FreeSpaceWatch;
  readonly #sealBytes: number;
  readonly #sealAfterMs: number;
  readonly #onRoom: () => void;
  readonly #log: Logger;
  readonly #runId: string = randomBytes(8).toString('hex');
  readonly #sealed: SealedSegment[] = [];
  #sealedBytes = 0;
  #nextSequence: number;
  #open: OpenSegment | null = null;
  #sealTimer: NodeJS.Timeout | undefined;
  /** Whether the open segment is old enough. */
  #isDue = false;
  /** Appends and seals run one after another. */
  #tail: Promise<unknown> = Promise.resolve();
  #wake: (() => void) | null = null;
  /** Used again for each segment: memory of their size, new each time, has V8 collect its whole heap each time. */
  #readBuffer = new Uint8Array(0);
  /** Called when a segment is gone, and when the spool is closed. */
  #gone: (() => void)[] = [];
  /** Why the last commit found no room; null as soon as a segment is gone. */
  #full: SpoolUnavailableError | null = null;
  #closed = false;

  private constructor(options: SpoolOptions, nextSequence: number) {
    this.#directory = options.directory;
    this.#files = options.files ?? nodeFiles;
    this.#maxBytes = options.maxBytes;
    this.#freeSpace = new FreeSpaceWatch(options.directory, options.minFreeBytes);
    this.#sealBytes = options.sealBytes ?? 32 * 1024 * 1024;
    this.#sealAfterMs = options.sealAfterMs ?? 400;
    this.#onRoom = options.onRoom ?? (() => {});
    this.#log = options.log;
    this.#nextSequence = nextSequence;
  }

  /**
   * Opens the spool in its directory. What an earlier process left there waits for the loader; torn ends are cut off and
   * logged.
   * @throws ClewError CLEW_DATA_DIR_UNUSABLE when the directory itself cannot be made or read
   */
  static async open(options: SpoolOptions): Promise<Spool> {
    const { directory, files = nodeFiles } = options;
    let names: string[];
    try {
      await files.mkdir(directory, { recursive: true, mode: 0o700 });
      names = (await files.readdir(directory)).filter((name) => segmentFile.test(name)).sort();
    } catch (error) {
      throw new ClewError('CLEW_DATA_DIR_UNUSABLE', { dataDir: directory, reason: messageOf(error) }, { cause: error });
    }
    const last = names.at(-1);
    const spool = new Spool(options, last === undefined ? 1 : Number.parseInt(last, 10) + 1);
    for (const name of names) await spool.#recover(name, name === names[0]);
    return spool;
  }

  /** Files that are not in the engine yet. */
  get segments(): number {
    return this.#sealed.length + (this.#open === null ? 0 : 1);
  }

  /** When the oldest of them was begun, Unix milliseconds; undefined when there is none. */
  get oldestMs(): number | undefined {
    return this.#sealed[0]?.beganMs ?? this.#open?.beganMs;
  }

  get maxBytes(): number {
    return this.#maxBytes;
  }

  /** Bytes on disk that are not in the engine yet. */
  get bytes(): number {
    return this.#sealedBytes + (this.#open?.bytes ?? 0);
  }

  /**
   * Writes one commit and syncs it to disk: when the promise resolves, the spans survive a crash.
   *
   * @throws SpoolUnavailableError when the spool is at its limit, the disk has too little free or refuses; nothing of the
   * commit is kept then
   */
  append(blocks: TraceBlocks): Promise<void> {
    return this.#enqueue(async () => {
      const buffers = encodeCommit(blocks);
      const length = buffers.reduce((sum, buffer) => sum + buffer.length, 0);
      if (this.bytes + length > this.#maxBytes) {
        this.#full = new SpoolUnavailableError(
          'spool_full',
          `the spool holds ${this.bytes} bytes that the engine has not taken yet; its limit is ${this.#maxBytes} ` +
            '(CLEW_SPOOL_MAX_BYTES). Send again later.',
        );
        throw this.#full;
      }
      let segment = this.#open;
      try {
        await this.#checkFreeSpace();
        if (segment === null) {
          segment = await this.#openSegment();
          this.#open = segment;
        }
        await writeWhole(segment.handle, buffers, segment.bytes);
        // Not tried again when it fails: the kernel forgets pages that it could not write, and would report success.
        await segment.handle.datasync();
        segment.bytes += length;
      } catch (error) {
        if (error instanceof SpoolUnavailableError) throw error;
        await this.#abandonWrite(segment);
        const message = `the spool could not write to ${this.#directory}: ${messageOf(error)}`;
        this.#log.error({ err: error }, message);
        throw new SpoolUnavailableError('spool_failed', message);
      }
      if (segment.bytes >= this.#sealBytes) await this.#seal();
    });
  }

  /**
   * Why the next commit would be refused for want of room, or null: the last one was, and no segment has gone since. An
   * empty spool refuses a commit for its size alone.
   */
  get full(): SpoolUnavailableError | null {
    return this.segments === 0 ? null : this.#full;
  }

  /** How many bytes more it takes, as far as it is known; 0 while it is {@link full}. */
  get roomBytes(): number {
    return this.full === null ? this.#maxBytes - this.bytes : 0;
  }

  /** Why {@link append} would refuse a small commit now, or null: it tries with a file beside the segments. */
  async findObstacle(): Promise<SpoolUnavailableError | null> {
    if (this.#closed) return new SpoolUnavailableError('stopping', 'the server is stopping');
    if (this.bytes >= this.#maxBytes) {
      const message = `the spool is full: it holds ${this.bytes} bytes of ${this.#maxBytes}`;
      return new SpoolUnavailableError('spool_full', message);
    }
    try {
      await probeWrite(this.#directory);
      return null;
    } catch (error) {
      const message = `the spool cannot write to ${this.#directory}: ${messageOf(error)}`;
      return new SpoolUnavailableError('spool_failed', message);
    }
  }

  /** The oldest sealed segment, as soon as there is one; null when the spool was closed. */
  async nextSealed(): Promise<SealedSegment | null> {
    while (this.#sealed.length === 0 && !this.#closed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#closed ? null : (this.#sealed[0] ?? null);
  }

  /**
   * What it gives holds until the next call.
   * @throws SegmentUnreadableError; what passes by itself, such as too many open files, as it is.
   */
  async read(segment: SealedSegment): Promise<Segment> {
    try {
      // What follows was never acknowledged. A segment that could not be read at the start has no known size.
      return decodeSegment(await this.#readFile(segment.path, segment.bytes || Number.POSITIVE_INFINITY));
    } catch (error) {
      if (passing.has((error as NodeJS.ErrnoException).code)) throw error;
      throw new SegmentUnreadableError(segment.path, error);
    }
  }

  async #readFile(path: string, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
    const handle = await this.#files.open(path, 'r');
    try {
      const stats = await handle.stat();
      if (!stats.isFile()) throw new Error('it is not a file');
      const size = Math.min(stats.size, maxBytes);
      if (size > this.#readBuffer.length) this.#readBuffer = new Uint8Array(size);
      return this.#readBuffer.subarray(0, await readInto(handle, this.#readBuffer, size));
    } finally {
      // Nothing was written through it.
      await handle.close().catch(() => {});
    }
  }

  /**
   * Removes the segment that {@link nextSealed} gave: its spans are in the engine. Until this resolves it stays the first
   * one, and may be removed again.
   */
  async remove(segment: SealedSegment): Promise<void> {
    await this.#files.unlink(segment.path).catch(unlessGone);
    // It must not come back after those behind it are gone: only the first segment is expected to.
    await syncDirectory(this.#directory, this.#files.open);
    this.#forget(segment);
  }

  /** Takes a segment that cannot be loaded out of the way, and keeps its file; gives where it is. */
  async setAside(segment: SealedSegment): Promise<string> {
    let path = `${segment.path}.refused`;
    try {
      await this.#files.rename(segment.path, path).catch(unlessGone);
    } catch (error) {
      if (!occupied.has((error as NodeJS.ErrnoException).code)) throw error;
      path = `${segment.path}-${randomBytes(4).toString('hex')}.refused`;
      await this.#files.rename(segment.path, path);
    }
    this.#forget(segment);
    return path;
  }

  /**
   * Seals what is open, and resolves when all that was acknowledged before has left the spool.
   *
   * @throws SpoolUnavailableError when the spool is closed meanwhile, the signal's reason when it fires
   */
  async flush(signal: AbortSignal): Promise<void> {
    await this.#enqueue(() => this.#seal());
    const waiting = new Set(this.#sealed);
    signal.addEventListener('abort', () => this.#announceGone(), { once: true });
    while (this.#sealed.some((segment) => waiting.has(segment))) {
      signal.throwIfAborted();
      if (this.#closed) throw new SpoolUnavailableError('stopping', 'the server is stopping');
      await new Promise<void>((resolve) => {
        this.#gone.push(resolve);
      });
    }
  }

  /** Seals what is open and stops: further appends are refused, the loader's wait ends. Segments stay on disk. */
  async close(): Promise<void> {
    await this.#enqueue(() => this.#seal());
    this.#closed = true;
    this.#wake?.();
    this.#announceGone();
  }

  #forget(segment: SealedSegment): void {
    this.#sealed.splice(this.#sealed.indexOf(segment), 1);
    this.#sealedBytes -= segment.bytes;
    this.#full = null;
    this.#onRoom();
    this.#sealWhenDue();
    this.#announceGone();
  }

  #announceGone(): void {
    for (const resolve of this.#gone.splice(0)) resolve();
  }

  async #checkFreeSpace(): Promise<void> {
    const { freeBytes, minFreeBytes } = await this.#freeSpace.read();
    if (freeBytes >= minFreeBytes) return;
    throw new SpoolUnavailableError(
      'disk_full',
      `the disk of ${this.#directory} has ${freeBytes} bytes free; the limit is ${minFreeBytes} (CLEW_MIN_FREE_BYTES). ` +
        'Send again later: free space, or lower the limits of retention.',
    );
  }

  #enqueue<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#tail.then(() => {
      if (this.#closed) throw new SpoolUnavailableError('stopping', 'the server is stopping');
      return work();
    });
    this.#tail = result.catch(() => {});
    return result;
  }

  async #openSegment(): Promise<OpenSegment> {
    const name = `${String(this.#nextSequence++).padStart(12, '0')}-${this.#runId}.open`;
    const handle = await this.#files.open(join(this.#directory, name), 'wx', 0o600);
    try {
      await syncDirectory(this.#directory, this.#files.open);
    } catch (error) {
      await this.#removeEmpty(name);
      await handle.close().catch(() => {});
      throw error;
    }
    this.#isDue = false;
    this.#sealTimer = setTimeout(() => {
      this.#isDue = true;
      this.#sealWhenDue();
    }, this.#sealAfterMs);
    return { name, handle, bytes: 0, beganMs: Date.now() };
  }

  #sealWhenDue(): void {
    if (!this.#isDue || this.#sealed.length > 0 || this.#closed) return;
    // Only a spool that is closed refuses, and closing seals.
    this.#enqueue(() => this.#seal()).catch(() => {});
  }

  /** Hands the open segment to the loader. Never rejects: its commits are on disk, whatever becomes of its handle. */
  async #seal(): Promise<void> {
    clearTimeout(this.#sealTimer);
    const segment = this.#open;
    if (segment === null) return;
    await segment.handle.close().catch((error: unknown) => {
      this.#log.warn({ err: error, segment: segment.name }, 'Could not close a spool segment');
    });
    await this.#finish(segment.name, segment.bytes, segment.beganMs, false);
    // Not before: until it is sealed, what it holds is to be counted.
    this.#open = null;
    if (this.#sealed.length > 0) this.#wake?.();
  }

  /**
   * Renames a closed segment to its final name, and lists it for the loader; an empty one is removed. The name only tells
   * the next start that the file has no torn end, so a segment that cannot be renamed is loaded from where it is.
   */
  async #finish(openName: string, bytes: number, beganMs: number, mayBeInserted: boolean): Promise<void> {
    if (bytes === 0) return this.#removeEmpty(openName);
    const sealedName = openName.replace('.open', '.sealed');
    let name = sealedName;
    try {
      await this.#files.rename(join(this.#directory, openName), join(this.#directory, sealedName));
    } catch (error) {
      name = openName;
      this.#log.warn({ err: error, segment: openName }, 'Could not rename a spool segment; it is loaded as it is');
    }
    this.#addSealed(name, bytes, beganMs, mayBeInserted);
  }

  async #removeEmpty(name: string): Promise<void> {
    await this.#files.unlink(join(this.#directory, name)).catch((error: unknown) => {
      this.#log.warn({ err: error, segment: name }, 'Could not remove an empty spool segment');
    });
  }

  #addSealed(fileName: string, bytes: number, beganMs: number, mayBeInserted: boolean): void {
    const name = fileName.replace(/\.(open|sealed)$/, '');
    this.#sealed.push({ name, path: join(this.#directory, fileName), bytes, beganMs, mayBeInserted });
    this.#sealedBytes += bytes;
  }

  /** After a failed write: the segment keeps its whole commits and is closed; what was not acknowledged is cut off. */
  async #abandonWrite(segment: OpenSegment | null): Promise<void> {
    if (segment === null) return;
    try {
      await segment.handle.truncate(segment.bytes);
      await segment.handle.sync();
    } catch (error) {
      this.#log.warn(
        { err: error, segment: segment.name },
        'Could not cut off a write that failed; a start before the segment is loaded may find it',
      );
    }
    await this.#seal();
  }

  /** Lists a file of an earlier run for the loader. A file that cannot be read must not prevent the start. */
  async #recover(name: string, mayBeInserted: boolean): Promise<void> {
    let bytes = 0;
    let beganMs = Date.now();
    try {
      const stats = await this.#files.stat(join(this.#directory, name));
      bytes = stats.size;
      beganMs = stats.mtimeMs;
      if (name.endsWith('.sealed')) this.#addSealed(name, bytes, beganMs, mayBeInserted);
      else await this.#finish(name, await this.#cutTornEnd(name, bytes), beganMs, mayBeInserted);
    } catch (error) {
      // The loader tries again, and sets it aside.
      this.#log.error({ err: error, segment: name }, 'A spool segment cannot be read');
      this.#addSealed(name, bytes, beganMs, mayBeInserted);
    }
  }

  /** Gives how many of the bytes of an open segment are to be loaded. */
  async #cutTornEnd(name: string, size: number): Promise<number> {
    const path = join(this.#directory, name);
    const { validBytes, tornBytes, damagedBytes } = decodeSegment(await this.#readFile(path, size));
    // Damage is left as it is, for the loader to report and to set aside.
    if (damagedBytes > 0) return size;
    if (tornBytes === 0) return validBytes;
    await this.#files.truncate(path, validBytes).catch((error: unknown) => {
      this.#log.warn({ err: error, segment: name }, 'Could not cut the torn end of a spool segment');
    });
    this.#log.warn(
      { segment: name, keptBytes: validBytes, cutBytes: tornBytes },
      'cut the torn end of a spool segment: a write that a crash interrupted and that was not acknowledged',
    );
    return validBytes;
  }
}

interface OpenSegment {
  readonly name: string;
  readonly handle: nodeFiles.FileHandle;
  /** Bytes of whole, synced commits. */
  bytes: number;
  readonly beganMs: number;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { crc32 as Crc32 } from 'node:zlib';
import { crypto } from '../builtin-modules.ts';
import { reportFailure, writeNotice } from '../notice.ts';
import type { Batch } from '../record/span-buffer.ts';

/** Where batches go that memory has no room for. */
export interface OverflowOptions {
  /** Made when it is missing. Several processes may share one. */
  readonly folder: string;
  /** What all files of this process together may take. */
  readonly maxBytes: number;
}

/** A batch that was read back; `remove` it when it was delivered. */
export interface StoredBatch extends Batch {
  readonly path: string;
}

interface StoredFile {
  readonly path: string;
  readonly bytes: number;
}

/**
 * Batches on disk, a file each:
 *
 * ```
 *   FOLDER/TARGET-PID-RUN-NUMBER.spans      TARGET: a hash of where they go
 *   [ "CLW1" ][ spans: u32 ][ bytes: u32 ][ crc32 of the request: u32 ][ request ............ ]   little-endian
 * ```
 *
 * A file is written under another name and renamed, so what stands there is whole, but for a disk that broke; length and
 * checksum tell. Files of processes that are gone are taken over by renaming them, which only one can do. Everything is
 * synchronous: half a megabyte into the page cache takes less than a millisecond, and only when there is an outage; and
 * it works while the process exits.
 */
export class OverflowFolder {
  private readonly folder: string;
  private readonly maxBytes: number;
  private readonly prefix: string;
  private readonly target: string;
  private readonly crc32: typeof Crc32;
  private readonly files: StoredFile[] = [];
  private bytes = 0;
  private nextNumber = 0;

  /** @param target names where the batches go: only those for the same place are taken over. @throws when unusable. */
  constructor(options: OverflowOptions, target: string) {
    this.folder = options.folder;
    this.maxBytes = options.maxBytes;
    this.target = crypto.createHash('sha256').update(target).digest('hex').slice(0, 8);
    this.prefix = `${this.target}-${process.pid}-${crypto.randomBytes(4).toString('hex')}`;
    // Loaded here, as most processes have no such folder.
    this.crc32 = process.getBuiltinModule('node:zlib').crc32;
    mkdirSync(this.folder, { recursive: true });
    this.adopt();
  }

  get isEmpty(): boolean {
    return this.files.length === 0;
  }

  /** Writes a batch; false when there is no room for it, or the disk does not take it. */
  put(batch: Batch): boolean {
    const bytes = headerBytes + batch.request.length;
    if (this.bytes + bytes > this.maxBytes) return false;
    const path = this.newPath();
    try {
      const header = Buffer.allocUnsafe(headerBytes);
      header.write(magic, 0, 'latin1');
      header.writeUInt32LE(batch.spanCount, 4);
      header.writeUInt32LE(batch.request.length, 8);
      header.writeUInt32LE(this.crc32(batch.request), 12);
      const partPath = `${path}${partSuffix}`;
      writeFileSync(partPath, Buffer.concat([header, batch.request]), { mode: 0o600 });
      renameSync(partPath, path);
    } catch (error) {
      reportFailure(`the overflow folder ${this.folder}`, error);
      return false;
    }
    this.bytes += bytes;
    this.files.push({ path, bytes });
    return true;
  }

  /** The oldest batch, which no longer counts as stored: `remove` deletes its file when it was delivered. */
  take(): StoredBatch | undefined {
    for (;;) {
      const file = this.files.shift();
      if (file === undefined) return undefined;
      const batch = this.read(file.path);
      if (batch !== undefined) return batch;
      this.bytes -= file.bytes;
    }
  }

  remove({ path, request }: StoredBatch): void {
    this.bytes -= headerBytes + request.length;
    rmSync(path, { force: true });
  }

  private read(path: string): StoredBatch | undefined {
    let content: Buffer;
    try {
      content = readFileSync(path);
    } catch (error) {
      // Another process may have taken it over, when it could not see that this one lives (another container, say).
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        reportFailure(`the overflow folder ${this.folder}`, error);
      return undefined;
    }
    const request = content.subarray(headerBytes);
    const isWhole =
      content.length >= headerBytes &&
      content.toString('latin1', 0, 4) === magic &&
      content.readUInt32LE(8) === request.length &&
      content.readUInt32LE(12) === this.crc32(request);
    if (isWhole) return { request, spanCount: content.readUInt32LE(4), path };
    writeNotice('error', `${path} is torn: its spans are lost, and the file is removed`);
    rmSync(path, { force: true });
    return undefined;
  }

  /** Takes over what processes that are gone have left. */
  private adopt(): void {
    for (const name of readdirSync(this.folder).sort()) {
      const match = filePattern.exec(name);
      if (match === null || match[1] !== this.target || isAlive(Number(match[2]))) continue;
      const source = join(this.folder, name);
      try {
        if (name.endsWith(partSuffix)) {
          rmSync(source, { force: true });
          continue;
        }
        const path = this.newPath();
        renameSync(source, path);
        const bytes = statSync(path).size;
        this.files.push({ path, bytes });
        this.bytes += bytes;
      } catch (error) {
        // Another process was faster.
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      }
    }
  }

  private newPath(): string {
    const number = String(this.nextNumber++).padStart(8, '0');
    return join(this.folder, `${this.prefix}-${number}.spans`);
  }
}

const magic = 'CLW1';
const headerBytes = 16;
const partSuffix = '.part';
const filePattern = /^([0-9a-f]{8})-(\d+)-[0-9a-f]{8}-\d+\.spans(?:\.part)?$/;

/** Whether another process has this id. Our own id on a file is that of an earlier process: of a container, it is 1. */
function isAlive(pid: number): boolean {
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

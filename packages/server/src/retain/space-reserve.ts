import { randomBytes } from 'node:crypto';
import { rm, stat, statfs, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

/** The engine wants a megabyte to drop a day, and takes less than that for each of its tables. */
const reserveBytes = 8 * 1024 * 1024;

/**
 * A file that only takes space: given up on a disk on which others have left nothing, so that there is room to delete.
 * Without it, a full disk would be one from which nothing can be deleted.
 */
export class SpaceReserve {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** Gives the space up when there is hardly any other. */
  async giveUpWhenFull(): Promise<void> {
    if ((await this.#freeBytes()) < reserveBytes) await rm(this.#path, { force: true });
  }

  /** Takes the space again when there is enough. */
  async refill(): Promise<void> {
    if ((await this.#heldBytes()) === reserveBytes || (await this.#freeBytes()) < 4 * reserveBytes) return;
    // Random, as a file system that compresses would keep no space for zeros.
    await writeFile(this.#path, randomBytes(reserveBytes), { mode: 0o600 });
  }

  async #heldBytes(): Promise<number> {
    return (await stat(this.#path).catch(() => undefined))?.size ?? 0;
  }

  async #freeBytes(): Promise<number> {
    const { bavail, bsize } = await statfs(dirname(this.#path));
    return bavail * bsize;
  }
}

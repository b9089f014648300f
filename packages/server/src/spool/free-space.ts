import { statfs } from 'node:fs/promises';

const gib = 1024 ** 3;

/** Long enough to cost nothing, short enough that a full disk is noticed before it is full. */
const cacheMs = 1_000;

export interface FreeSpace {
  readonly freeBytes: number;
  /** What must stay free: queries, deletion and the engine's merges need room to work. */
  readonly minFreeBytes: number;
}

/** Watches how much room the file system of a directory has for us. */
export class FreeSpaceWatch {
  readonly #directory: string;
  readonly #minFreeBytes: number | undefined;
  #last: FreeSpace | undefined;
  #checkedMs = 0;

  /** @param minFreeBytes default 1 GiB or 5 % of the file system, whichever is smaller */
  constructor(directory: string, minFreeBytes: number | undefined) {
    this.#directory = directory;
    this.#minFreeBytes = minFreeBytes;
  }

  /** At most a second old. */
  async read(): Promise<FreeSpace> {
    const nowMs = performance.now();
    if (this.#last !== undefined && nowMs - this.#checkedMs < cacheMs) return this.#last;
    const { bavail, blocks, bsize } = await statfs(this.#directory);
    this.#checkedMs = nowMs;
    this.#last = {
      freeBytes: bavail * bsize,
      minFreeBytes: this.#minFreeBytes ?? Math.min(gib, Math.floor(blocks * bsize * 0.05)),
    };
    return this.#last;
  }
}

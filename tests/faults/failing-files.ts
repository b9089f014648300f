import * as files from 'node:fs/promises';
import type { SpoolFiles } from '../../packages/server/dist/spool/spool.js';

/** A call of the file system: `datasync`, and the path of its file. */
export interface FileCall {
  readonly name: string;
  readonly path: string;
}

/** The code of the error that a call fails with, such as `EIO`; undefined lets it through. */
export type Failures = (call: FileCall) => string | undefined;

/**
 * The real file system, some of whose calls fail before they have done anything. It also knows what a disk would hold after
 * a power cut: of each file what was synced, and never what a sync failed to write, whatever later syncs report.
 */
export class FailingFiles {
  readonly #failures: Failures;
  readonly #synced = new Map<string, number>();
  readonly #lost = new Map<string, [from: number, to: number][]>();

  constructor(failures: Failures) {
    this.#failures = failures;
  }

  get calls(): SpoolFiles {
    const wrap =
      <Args extends unknown[], Result>(name: string, call: (...args: Args) => Promise<Result>) =>
      async (...args: Args): Promise<Result> => {
        this.#failWhenTold(name, String(args[0]));
        return call(...args);
      };
    return {
      mkdir: wrap('mkdir', files.mkdir) as typeof files.mkdir,
      readdir: wrap('readdir', files.readdir as never) as typeof files.readdir,
      stat: wrap('stat', files.stat as never) as typeof files.stat,
      truncate: wrap('truncate', files.truncate),
      unlink: wrap('unlink', files.unlink),
      rename: wrap('rename', async (from, to) => {
        await files.rename(from, to);
        for (const known of [this.#synced, this.#lost] as Map<string, unknown>[]) {
          if (known.has(String(from))) known.set(String(to), known.get(String(from)));
          known.delete(String(from));
        }
      }),
      open: wrap('open', async (path, flags, mode) =>
        this.#wrapHandle(await files.open(path, flags, mode), String(path)),
      ),
    };
  }

  /** Does to the files what a power cut may do at worst. */
  async cutPower(): Promise<void> {
    for (const [path, bytes] of this.#synced) {
      const size = await files.stat(path).then(
        (stats) => stats.size,
        () => undefined,
      );
      if (size === undefined) continue;
      if (size > bytes) await files.truncate(path, bytes);
      const handle = await files.open(path, 'r+');
      for (const [from, to] of this.#lost.get(path) ?? []) {
        const length = Math.min(to, bytes) - from;
        if (length > 0) await handle.write(new Uint8Array(length), 0, length, from);
      }
      await handle.close();
    }
  }

  #failWhenTold(name: string, path: string): void {
    const code = this.#failures({ name, path });
    if (code !== undefined) throw Object.assign(new Error(`${code}: ${name} of ${path} failed`), { code });
  }

  #wrapHandle(handle: files.FileHandle, path: string): files.FileHandle {
    return new Proxy(handle, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name, target);
        if (typeof member !== 'function' || typeof name !== 'string') return member;
        return async (...args: unknown[]) => {
          const isSync = name === 'sync' || name === 'datasync';
          const size = isSync ? (await target.stat()).size : 0;
          try {
            this.#failWhenTold(name, path);
          } catch (error) {
            // What the kernel could not write it forgets.
            if (isSync) this.#lost.set(path, [...(this.#lost.get(path) ?? []), [this.#synced.get(path) ?? 0, size]]);
            // Closed in any case: a test must not run out of files.
            if (name === 'close') await target.close();
            throw error;
          }
          const result: unknown = await member.apply(target, args);
          if (isSync && !(await target.stat()).isDirectory()) this.#synced.set(path, size);
          return result;
        };
      },
    });
  }
}

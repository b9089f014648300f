import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

export interface EntryPackage {
  readonly name: string;
  readonly version: string | undefined;
}

/** The folder of the entry script; the working directory when there is none, as with `node -e`. */
export function entryFolder(): string {
  return process.argv[1] === undefined ? process.cwd() : dirname(resolve(process.argv[1]));
}

/** The nearest package.json with a name, from the entry script upwards: `dist/` often holds one with a type only. */
export function findEntryPackage(): EntryPackage | undefined {
  let folder = entryFolder();
  for (;;) {
    const found = readPackage(join(folder, 'package.json'));
    if (found !== undefined) return found;
    const parent = dirname(folder);
    if (parent === folder) return undefined;
    folder = parent;
  }
}

function readPackage(path: string): EntryPackage | undefined {
  try {
    const { name, version } = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
    if (typeof name !== 'string' || name === '') return undefined;
    return { name, version: typeof version === 'string' ? version : undefined };
  } catch {
    return undefined;
  }
}

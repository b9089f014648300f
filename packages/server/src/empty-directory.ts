import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** Makes a directory of files for this user only. One that is there is emptied and stays: a full disk has no room for another. */
export async function emptyDirectory(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  for (const name of await readdir(directory)) await rm(join(directory, name), { force: true });
}

import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { z } from 'zod';
import { ClewError } from '../errors.ts';
import { syncDirectory } from '../spool/durable-file.ts';

/**
 * Reads a small JSON file of the data directory, which is replaced as a whole.
 * @param without what happens when the file is removed, for the message: `the limits of the configuration hold`
 * @throws ClewError CLEW_STATE_FILE_UNUSABLE when it cannot be read, or is not what `schema` says
 */
export async function readState<State>(
  path: string,
  schema: z.ZodType<State>,
  without: string,
): Promise<State | undefined> {
  try {
    const result = schema.safeParse(parseJson(await readFile(path, 'utf8')));
    if (result.success) return result.data;
    throw new Error(result.error.issues.map(({ path: at, message }) => [...at, message].join(': ')).join('; '));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw unusable(path, error, without);
  }
}

/** Durable when it resolves; a crash leaves the old file or the new one. */
export async function writeState(path: string, state: unknown): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.new`;
  const handle = await open(temporary, 'w', 0o600);
  try {
    await handle.writeFile(`${JSON.stringify(state, null, 2)}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, path);
  await syncDirectory(dirname(path));
}

/** @param without as for {@link readState} @throws ClewError CLEW_STATE_FILE_UNUSABLE */
export async function removeState(path: string, without: string): Promise<void> {
  try {
    await rm(path, { force: true });
  } catch (error) {
    throw unusable(path, error, without);
  }
}

function unusable(path: string, cause: unknown, without: string): ClewError {
  const reason = (cause as Error).message;
  return new ClewError('CLEW_STATE_FILE_UNUSABLE', { path, reason, without }, { cause });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`it is not JSON (${(error as Error).message})`);
  }
}

import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { z } from 'zod';
import { ClewError } from '../errors.ts';
import { syncDirectory } from '../spool/durable-file.ts';

/**
 * A small JSON file in the data directory, replaced as a whole.
 * @throws ClewError CLEW_CONFIG_INVALID when it is not what `schema` says: somebody else has changed it.
 */
export async function readState<State>(path: string, schema: z.ZodType<State>): Promise<State | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const result = schema.safeParse(parseJson(text));
  if (result.success) return result.data;
  throw new ClewError('CLEW_CONFIG_INVALID', {
    name: `The file ${path}`,
    value: text.length > 200 ? `${text.length} characters long and damaged` : JSON.stringify(text),
    expected: 'as the server wrote it; mend it, or remove it to start with the settings of the command line',
  });
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

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

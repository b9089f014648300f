import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ClewError } from '../errors.ts';

/** What the shortest of the supported systems (macOS) takes as the path of a unix socket, with its terminating zero. */
const maxSocketPathBytes = 104;

/**
 * Where the engine of a data directory listens: inside it, or in a directory of its own in the temporary directory when
 * that path is too long. Anybody may write there and can compute the name, so it must be ours alone.
 * @throws ClewError CLEW_DATA_DIR_UNUSABLE when somebody else has made it, or may write to it
 */
export function chooseSocketPath(dataDir: string): string {
  const inside = join(dataDir, 'engine.sock');
  if (Buffer.byteLength(inside) < maxSocketPathBytes) return inside;
  const hash = createHash('sha256').update(dataDir).digest('hex').slice(0, 16);
  const directory = join(tmpdir(), `clew-${hash}`);
  try {
    mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw unusable(dataDir, (error as Error).message, error);
  }
  const stats = lstatSync(directory);
  if (!stats.isDirectory()) throw unusable(dataDir, `${directory}, the directory of its socket, is not a directory`);
  if (stats.uid !== process.getuid!()) {
    throw unusable(dataDir, `${directory}, the directory of its socket, belongs to another user (${stats.uid})`);
  }
  const mode = stats.mode & 0o777;
  if ((mode & 0o077) !== 0) {
    throw unusable(
      dataDir,
      `${directory}, the directory of its socket, is open to other users (mode ${mode.toString(8)}, must be 700)`,
    );
  }
  return join(directory, 'engine.sock');
}

function unusable(dataDir: string, reason: string, cause?: unknown): ClewError {
  return new ClewError('CLEW_DATA_DIR_UNUSABLE', { dataDir, reason }, { cause });
}

import { type Stats, statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Logger } from './log.ts';

/** Warns when others than the user of this server may use a data directory that is there: whoever made it may have meant that. */
export function warnIfOpenToOthers(dataDir: string, log: Logger): void {
  const path = resolve(dataDir);
  let stats: Stats | undefined;
  try {
    stats = statSync(path, { throwIfNoEntry: false });
  } catch {
    // Whatever keeps it from being read, the engine or the lock reports.
  }
  // One that is not there yet is made for this user only.
  if (stats === undefined || (stats.mode & 0o077) === 0) return;
  const quoted = `'${path.replaceAll("'", "'\\''")}'`;
  log.warn(
    { dataDir: path, mode: (stats.mode & 0o7777).toString(8) },
    `Other users of this machine may open the data directory, in which all spans are stored: run chmod 700 ${quoted}`,
  );
}

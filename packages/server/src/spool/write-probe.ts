import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** A block of a file system: an empty file may fit where no more data does. */
const probeBytes = 4096;

/** Writes a file as the spool does, synced, and removes it. @throws what the file system says when it refuses. */
export async function probeWrite(directory: string): Promise<void> {
  const path = join(directory, 'write-probe');
  try {
    const handle = await open(path, 'w', 0o600);
    try {
      await handle.write(new Uint8Array(probeBytes));
      await handle.datasync();
    } finally {
      await handle.close();
    }
  } finally {
    await rm(path, { force: true });
  }
}

import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What the shortest of the supported systems (macOS) takes as the path of a unix socket, with its terminating zero. */
const maxSocketPathBytes = 104;

/** Where the engine of a data directory listens: inside it, or in the temporary directory when that path is too long. */
export function chooseSocketPath(dataDir: string): string {
  const inside = join(dataDir, 'engine.sock');
  if (Buffer.byteLength(inside) < maxSocketPathBytes) return inside;
  const hash = createHash('sha256').update(dataDir).digest('hex').slice(0, 16);
  return join(tmpdir(), `clew-${hash}.sock`);
}

import { once } from 'node:events';
import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { ClewError } from '../errors.ts';

/**
 * Keeps a data directory for this process, as the embedded engine does where there is one: two servers on one spool would
 * send and remove each other's segments. Held by listening on a unix socket, which ends with the process; the file that a
 * killed one leaves behind has no listener.
 *
 * @returns lets it go.
 * @throws ClewError CLEW_DATA_DIR_LOCKED, CLEW_DATA_DIR_UNUSABLE
 */
export async function lockDirectory(dataDir: string, socketPath: string): Promise<() => Promise<void>> {
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    const holder = `${process.pid}-${process.hrtime.bigint()}`;
    const server = await listen(socketPath, holder);
    // Of two that found the file of a killed one at the same time, one has taken it from the other.
    if (server === undefined || (await askHolder(socketPath)) !== holder) {
      server?.close();
      throw new ClewError('CLEW_DATA_DIR_LOCKED', { dataDir });
    }
    return async () => {
      server.close();
      await once(server, 'close');
    };
  } catch (error) {
    if (error instanceof ClewError) throw error;
    throw new ClewError('CLEW_DATA_DIR_UNUSABLE', { dataDir, reason: (error as Error).message }, { cause: error });
  }
}

/** Undefined when another process listens. */
async function listen(socketPath: string, holder: string): Promise<Server | undefined> {
  const server = createServer((asking) => {
    asking.on('error', () => {});
    asking.end(holder);
  });
  // It must not keep the process alive.
  server.unref();
  for (;;) {
    server.listen(socketPath);
    try {
      await once(server, 'listening');
      chmodSync(socketPath, 0o600);
      return server;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
      if ((await askHolder(socketPath)) !== undefined) return undefined;
      rmSync(socketPath, { force: true });
    }
  }
}

/** What the listener says; undefined when there is none. */
async function askHolder(socketPath: string): Promise<string | undefined> {
  const socket = connect(socketPath);
  try {
    return Buffer.concat(await socket.toArray()).toString();
  } catch {
    return undefined;
  }
}

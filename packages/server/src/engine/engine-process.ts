/**
 * The process around the embedded engine, started by `engine.ts`. It owns the engine's data directory and answers on a
 * unix socket. It must be a process and not a worker thread: the engine can take down the process that it lives in, and
 * does so at the exit of a thread.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { Session } from 'chdb';
import { emptyDirectory } from '../empty-directory.ts';
import { createEngineHandler } from './engine-http.ts';
import type { EngineMessage, EngineProcessOptions } from './engine-options.ts';
import { SessionPool } from './session-pool.ts';
import { quoteText } from './session-settings.ts';
import { StatementStopper } from './statement-stopper.ts';

/** Running statements get this long to end when the process is asked to stop. */
const drainMs = 8_000;

const options = JSON.parse(process.argv[2] ?? '') as EngineProcessOptions;

/** Settings that every session starts with, and returns to after a request that sets others. */
const baseSettings: ReadonlyMap<string, string> = new Map([
  ['max_memory_usage', String(options.maxStatementMemoryBytes)],
  ['max_execution_time', String(options.maxExecutionS)],
  ['max_threads_min_free_memory_per_thread', String(options.minFreeBytesPerThread)],
]);

function openSession(): Session {
  const session = new Session(options.dataDir, {
    connectionArgs: [`--max_server_memory_usage=${options.maxMemoryBytes}`],
  });
  session.query(`SET ${[...baseSettings].map(([name, value]) => `${name} = ${quoteText(value)}`).join(', ')}`);
  return session;
}

/** A running engine that cannot take one more session is broken; the parent starts another. */
function reopenSession(): Session {
  try {
    return openSession();
  } catch (error) {
    console.error(`Cannot reopen a session: ${String(error)}`);
    process.kill(process.pid, 'SIGKILL');
    throw error;
  }
}

function tellParent(message: EngineMessage): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined) resolve();
    else process.send(message, () => resolve());
  });
}

/** Sudden and certain: what was acknowledged is on disk, and the engine's own exit could wait for running statements. */
function dieNow(): void {
  process.kill(process.pid, 'SIGKILL');
}

async function stop(server: Server, pool: SessionPool, stopper: StatementStopper): Promise<void> {
  setTimeout(dieNow, drainMs).unref();
  server.close();
  server.closeIdleConnections();
  await pool.drain();
  pool.close();
  await stopper.close();
  rmSync(options.socketPath, { force: true });
  process.exit(0);
}

async function start(): Promise<void> {
  // A terminal sends its SIGINT to parent and child alike; the parent decides when this process ends.
  process.on('SIGINT', () => {});
  process.on('disconnect', dieNow);
  // What the engine writes, and its socket, are for this user only.
  process.umask(0o077);
  mkdirSync(options.dataDir, { recursive: true, mode: 0o700 });
  // The engine takes a config.xml in its working directory for its own, whosever that is.
  process.chdir(options.dataDir);
  const sessions = Array.from({ length: options.sessions }, openSession);
  const pool = new SessionPool(sessions, reopenSession, options.maxQueued);
  // From here on the directory is this process's own, and so is what another one has left in it.
  const insertDir = join(options.dataDir, 'clew-inserts');
  await emptyDirectory(insertDir);
  rmSync(options.socketPath, { force: true });
  const stopper = new StatementStopper(openSession());
  const handler = createEngineHandler({ pool, stopper, limits: options, insertDir, baseSettings });
  // Parameters travel in the URL; Node's own limit of 16 KiB is for strangers.
  const server = createServer({ maxHeaderSize: 1024 * 1024, requestTimeout: 0, keepAliveTimeout: 60_000 }, handler);
  process.on('SIGTERM', () => void stop(server, pool, stopper));
  server.listen(options.socketPath, () => void tellParent({ type: 'ready' }));
  server.on('error', (error) => void fail(error));
}

async function fail(error: unknown): Promise<void> {
  await tellParent({ type: 'failed', reason: error instanceof Error ? error.message : String(error) });
  process.exit(1);
}

start().catch(fail);

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { chown, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

/** A server of these tests alone: its port, and what ends it and removes its data. */
export interface LibraryServer {
  readonly port: number;
  stop(): Promise<void>;
}

/** Where `npm test` found an executable, else where Debian has it. */
function executable(variable: string, ...candidates: string[]): string {
  const path = process.env[variable] ?? candidates.find((candidate) => existsSync(candidate));
  if (path === undefined) throw new Error(`${variable} is not set: run npm test, or set it to the path of the server`);
  return path;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function makeFolder(): Promise<string> {
  return mkdtemp(join(await realpath(tmpdir()), 'clew-server-'));
}

interface Command {
  readonly file: string;
  readonly args: readonly string[];
  readonly env?: Record<string, string>;
  readonly user?: { readonly uid: number; readonly gid: number };
  /** What ends it; for PostgreSQL, which has children to end, not SIGKILL. */
  readonly stopSignal: NodeJS.Signals;
}

/** A running server. It stays in the process group of the tests, so that it ends with them whatever happens. */
interface Running {
  readonly pid: number;
  stop(): Promise<void>;
}

/** Starts a server and waits for its line that says it is ready. */
async function startServer(command: Command, ready: RegExp): Promise<Running> {
  const child = spawn(command.file, command.args, {
    cwd: '/',
    env: { PATH: process.env.PATH, ...command.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...command.user,
  });
  let output = '';
  const closed = once(child, 'close');
  await new Promise<void>((resolve, reject) => {
    const read = (chunk: Buffer): void => {
      output += chunk;
      if (ready.test(output)) resolve();
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.once('error', reject);
    child.once('exit', () => reject(new Error(`${command.file} ended before it was ready: ${output}`)));
  });
  return {
    pid: child.pid!,
    async stop() {
      child.kill(command.stopSignal);
      await closed;
    },
  };
}

function removeFolder(folder: string): Promise<void> {
  return rm(folder, { recursive: true, force: true, maxRetries: 5 });
}

/** PostgreSQL refuses to run as root, so it runs as nobody there. */
const nobody = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : undefined;

/** PostgreSQL with the database and user `postgres` and no password. */
export async function startPostgres(): Promise<LibraryServer> {
  const home = '/usr/lib/postgresql';
  const versions = existsSync(home) ? readdirSync(home) : [];
  const postgres = await realpath(
    executable('CLEW_POSTGRES', ...versions.map((version) => join(home, version, 'bin', 'postgres'))),
  );
  const folder = await makeFolder();
  if (nobody !== undefined) await chown(folder, nobody.uid, nobody.gid);
  const data = join(folder, 'data');
  await promisify(execFile)(
    join(dirname(postgres), 'initdb'),
    ['-D', data, '-U', 'postgres', '-A', 'trust', '--no-sync'],
    { cwd: '/', ...nobody },
  );
  const port = await freePort();
  const args = ['-D', data, '-p', String(port), '-k', folder, '-c', 'listen_addresses=127.0.0.1', '-c', 'fsync=off'];
  const running = await startServer(
    { file: postgres, args, stopSignal: 'SIGINT', ...(nobody !== undefined && { user: nobody }) },
    /ready to accept connections/,
  );
  return { port, stop: () => running.stop().then(() => removeFolder(folder)) };
}

/** Redis without persistence. */
export async function startRedis(): Promise<LibraryServer> {
  const folder = await makeFolder();
  const port = await freePort();
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder];
  const file = executable('CLEW_REDIS_SERVER', '/usr/bin/redis-server');
  const running = await startServer({ file, args, stopSignal: 'SIGKILL' }, /eady to accept connections/);
  return { port, stop: () => running.stop().then(() => removeFolder(folder)) };
}

/** RabbitMQ with its user `guest`. Erlang's port mapper would stay behind as a daemon, so it is started here, too. */
export async function startRabbit(): Promise<LibraryServer> {
  const folder = await makeFolder();
  const [port, mapperPort, nodePort] = [await freePort(), await freePort(), await freePort()];
  const erlang = { ERL_EPMD_PORT: String(mapperPort), ERL_EPMD_ADDRESS: '127.0.0.1', HOME: folder };
  const mapper = await startServer({ file: 'epmd', args: ['-d'], env: erlang, stopSignal: 'SIGKILL' }, /epmd running/);
  const pidFile = join(folder, 'pid');
  await writeFile(join(folder, 'plugins'), '[].\n');
  const env = {
    ...erlang,
    RABBITMQ_NODENAME: `clew-${port}@localhost`,
    RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
    RABBITMQ_NODE_PORT: String(port),
    RABBITMQ_DIST_PORT: String(nodePort),
    RABBITMQ_PID_FILE: pidFile,
    RABBITMQ_MNESIA_BASE: join(folder, 'data'),
    RABBITMQ_LOG_BASE: join(folder, 'log'),
    RABBITMQ_CONFIG_FILE: join(folder, 'rabbitmq'),
    RABBITMQ_ADVANCED_CONFIG_FILE: join(folder, 'advanced'),
    RABBITMQ_CONF_ENV_FILE: join(folder, 'environment'),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, 'plugins'),
  };
  const file = executable('CLEW_RABBITMQ_SERVER', '/usr/lib/rabbitmq/bin/rabbitmq-server');
  const script = await startServer({ file, args: [], env, stopSignal: 'SIGKILL' }, /completed with \d+ plugins/);
  const pid = Number(await readFile(pidFile, 'utf8'));
  return {
    port,
    stop: async () => {
      // The script waits for Erlang's machine, which would outlive it.
      process.kill(pid, 'SIGKILL');
      await script.stop();
      await mapper.stop();
      await removeFolder(folder);
    },
  };
}

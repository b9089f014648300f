// Finds PostgreSQL, Redis and RabbitMQ for the tests of the SDK, and installs Debian's where that is possible without
// asking. The tests start servers of their own, on free ports and in temporary folders; none of the system's is used.

import { existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { runProcess } from './processes.mjs';

/** @typedef {{ variable: string, title: string, debianPackage: string, find: () => string | undefined }} Server */

/** @type {readonly Server[]} */
const servers = [
  {
    variable: 'CLEW_POSTGRES',
    title: 'PostgreSQL',
    debianPackage: 'postgresql',
    find: () => findCommand('postgres', listPostgresFolders()),
  },
  {
    variable: 'CLEW_REDIS_SERVER',
    title: 'Redis',
    debianPackage: 'redis-server',
    find: () => findCommand('redis-server'),
  },
  {
    variable: 'CLEW_RABBITMQ_SERVER',
    title: 'RabbitMQ',
    debianPackage: 'rabbitmq-server',
    // Not the one on the PATH of Debian, which changes to the user and the folder of the system's own server.
    find: () => findCommand('rabbitmq-server', ['/usr/lib/rabbitmq/bin', '/opt/homebrew/sbin'], ''),
  },
];

/**
 * The servers of this machine, installed first where this is root on Debian and one is missing.
 *
 * @returns {Promise<Record<string, string>>} Variables that tell the tests where the executables are.
 * @throws {Error} That says what to install. These tests are never skipped.
 */
export async function ensureTestServers() {
  const missing = servers.filter((server) => locate(server) === undefined);
  if (missing.length > 0 && process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
    const packages = missing.map(({ debianPackage }) => debianPackage);
    console.log(`Installing ${packages.join(', ')} for the tests of the SDK (apt-get) …`);
    // The run level keeps the system's own servers from being started.
    const env = { DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
    await runProcess('apt-get', ['update', '-q'], { env });
    await runProcess('apt-get', ['install', '-qy', '--no-install-recommends', ...packages], { env });
  }
  const absent = servers.filter((server) => locate(server) === undefined);
  if (absent.length === 0) return Object.fromEntries(servers.map((each) => [each.variable, locate(each) ?? '']));
  throw new Error(
    [
      `The tests of the SDK need ${absent.map(({ title }) => title).join(', ')}, and not all is on this machine. Install it:`,
      `  Debian, Ubuntu:  sudo apt-get install --no-install-recommends ${absent.map(({ debianPackage }) => debianPackage).join(' ')}`,
      '  macOS:           brew install postgresql redis rabbitmq',
      `or set ${absent.map(({ variable }) => variable).join(', ')} to the path of the executable, and run npm test again.`,
    ].join('\n'),
  );
}

/** @param {Server} server @returns {string | undefined} */
function locate({ variable, find }) {
  const named = process.env[variable];
  if (!named) return find();
  if (existsSync(named)) return named;
  throw new Error(`${variable}=${named} is no file: give the path of the executable, or unset it`);
}

/** Debian keeps PostgreSQL off the PATH, a folder for each version. */
function listPostgresFolders() {
  const home = '/usr/lib/postgresql';
  const versions = existsSync(home) ? readdirSync(home) : [];
  return versions.sort((a, b) => Number(b) - Number(a)).map((version) => join(home, version, 'bin'));
}

/**
 * @param {string} name @param {readonly string[]} [folders] Searched before the path.
 * @param {string | undefined} [path]
 * @returns {string | undefined}
 */
function findCommand(name, folders = [], path = process.env.PATH) {
  return [...folders, ...(path ?? '').split(delimiter).filter(Boolean)]
    .map((folder) => join(folder, name))
    .find((file) => existsSync(file));
}

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

export interface ChildOptions {
  readonly args?: readonly (string | number)[];
  /** Beside the variables of this process. */
  readonly env?: NodeJS.ProcessEnv;
  /** Default: the Node that runs this. */
  readonly node?: string;
  /** Arguments of node, in front of the script. */
  readonly nodeArgs?: readonly string[];
}

/** Starts a script that talks in messages; what it prints is thrown away. */
export function startChild(script: string, { args = [], env, node, nodeArgs = [] }: ChildOptions = {}): ChildProcess {
  return fork(script, args.map(String), {
    execArgv: [...nodeArgs],
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    ...(node !== undefined && { execPath: node }),
  });
}

/** Resolves with the next message; rejects when the child ends without one. */
export async function nextMessage<Message>(child: ChildProcess): Promise<Message> {
  const stopWaiting = new AbortController();
  const { signal } = stopWaiting;
  const ended = once(child, 'exit', { signal }).then(([code]) => {
    throw new Error(`${child.spawnargs.slice(0, 4).join(' ')} ended with ${code}`);
  });
  try {
    const [message] = (await Promise.race([once(child, 'message', { signal }), ended])) as [Message];
    return message;
  } finally {
    stopWaiting.abort();
    ended.catch(() => undefined);
  }
}

/** Asks a child for its report. */
export function ask<Answer>(child: ChildProcess): Promise<Answer> {
  child.send('report');
  return nextMessage<Answer>(child);
}

/** Lets a child end by itself. */
export async function endChild(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit');
  child.disconnect();
  await exited;
}

/** The binary of a major version of Node, as `npm run bench` and `npm test` install them. */
export function nodeBinary(major: number): string {
  const path = join(import.meta.dirname, '../../tests/node-versions/node_modules', `node-${major}`, 'bin/node');
  if (!existsSync(path)) throw new Error(`there is no ${path}: npm has binaries for Linux on x64 only`);
  return path;
}

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { ReadyMessage } from './service.ts';

export interface ServiceProcessOptions {
  readonly name: string;
  readonly module: URL;
  /** Modules to load first, as `--import` takes them, in this order. */
  readonly preload: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
  /** Takes each line that the process writes. */
  readonly onLine: (name: string, line: string) => void;
}

export interface ServiceProcess {
  readonly name: string;
  readonly pid: number;
  /** Resolves when the process takes requests; rejects when it ends before that. */
  readonly url: Promise<string>;
  /** Resolves when the process is gone, with how it ended: "exit code 1", "signal SIGKILL". */
  readonly ended: Promise<string>;
  /** Asks the process to end, kills it when it has not after eight seconds, and resolves when it is gone. */
  stop(): Promise<void>;
}

const stopTimeoutMs = 8_000;

function describeEnd(code: number | null, signal: NodeJS.Signals | null): string {
  return signal === null ? `exit code ${code}` : `signal ${signal}`;
}

async function waitForUrl(child: ChildProcess, name: string, ended: Promise<string>): Promise<string> {
  const ready = once(child, 'message').then(([message]) => (message as ReadyMessage).url);
  const failed = ended.then((how) => {
    throw new Error(`${name} ended with ${how} before it took requests; its output says why`);
  });
  return Promise.race([ready, failed]);
}

/** Starts a service as a Node process of its own that ends, whatever happens, when this process does. */
export function startServiceProcess(options: ServiceProcessOptions): ServiceProcess {
  const { name, module, preload, environment, onLine } = options;
  const imports = preload.flatMap((specifier) => ['--import', specifier]);
  const child = spawn(process.execPath, [...imports, fileURLToPath(module)], {
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  for (const stream of [child.stdout, child.stderr]) {
    if (stream) createInterface({ input: stream }).on('line', (line) => onLine(name, line));
  }
  const ended = new Promise<string>((resolve) => {
    child.once('close', (code, signal) => resolve(describeEnd(code, signal)));
    child.once('error', (error) => resolve(error.message));
  });
  const url = waitForUrl(child, name, ended);
  // A process that is stopped while it starts is no failure; who waits for the address still gets the rejection.
  url.catch(() => {});

  return {
    name,
    pid: child.pid ?? 0,
    url,
    ended,
    async stop() {
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs);
      await ended;
      clearTimeout(timer);
    },
  };
}

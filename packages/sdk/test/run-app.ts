import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

/** A process with an app in it. Killed when the test ends, should it still run. */
export class App {
  readonly child: ChildProcess;
  stdout = '';
  stderr = '';
  private readonly exited: Promise<[code: number | null, signal: NodeJS.Signals | null]>;

  constructor(child: ChildProcess) {
    this.child = child;
    child.stdout!.setEncoding('utf8').on('data', (chunk: string) => {
      this.stdout += chunk;
    });
    child.stderr!.setEncoding('utf8').on('data', (chunk: string) => {
      this.stderr += chunk;
    });
    this.exited = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  }

  /** Lines of stderr that the SDK wrote. */
  get notices(): string[] {
    return this.stderr.split('\n').filter((line) => line.startsWith('clew: '));
  }

  /** Resolves with the first match in stdout or stderr; rejects when the process ends without one. */
  async waitForText(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.stdout) ?? pattern.exec(this.stderr);
      if (match !== null) return match;
      if (this.child.exitCode !== null) throw new Error(`ended without ${pattern}: ${this.stdout}${this.stderr}`);
      await Promise.race([once(this.child.stdout!, 'data'), once(this.child.stderr!, 'data'), this.exited]);
    }
  }

  /** The address that the app listens on; it prints `port=…`. */
  async url(): Promise<string> {
    return `http://127.0.0.1:${(await this.waitForText(/port=(\d+)/))[1]}`;
  }

  /** How the process ended. */
  async exit(): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
    const [code, signal] = await this.exited;
    return { code, signal };
  }
}

/** Programs that show faults which users would meet. */
export const casesFolder = join(import.meta.dirname, '..', '..', '..', 'tests', 'cases', 'sdk', 'programs');

/** Runs node with `args`, in an environment that has no variables for the SDK but `env`, and in `cwd`. */
export function runNode(t: TestContext, args: readonly string[], env: Record<string, string> = {}, cwd?: string): App {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(OTEL|CLEW|NODE)_/.test(name));
  const child = spawn(process.execPath, args, {
    env: { ...Object.fromEntries(inherited), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(cwd !== undefined && { cwd }),
  });
  const app = new App(child);
  t.after(() => {
    child.kill('SIGKILL');
  });
  return app;
}

/** Writes an app's source where it finds the packages of the workspace; removed when the test ends. */
export async function writeApp(t: TestContext, fileName: string, source: string): Promise<string> {
  const folder = await mkdtemp(join(import.meta.dirname, 'app-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, fileName);
  await writeFile(path, source);
  return path;
}

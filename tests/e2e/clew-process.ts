import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const repositoryRoot = fileURLToPath(new URL('../../..', import.meta.url));
const clew = `${repositoryRoot}packages/cli/bin/clew.js`;
const shop = `${repositoryRoot}examples/shop/dist/start.js`;

const startTimeoutMs = 60_000;

const freePorts = ['http', 'otlp-http', 'otlp-grpc', 'zipkin', 'jaeger-http', 'jaeger-grpc'].flatMap((name) => [
  `--${name}-port`,
  '0',
]);

/** A process under test, with what it has written so far for messages about its end. */
export interface TestProcess {
  /** What the pattern found in its output: one string a group. */
  readonly groups: readonly string[];
  /** Ends it with SIGTERM; resolves when it is gone, with its exit code. */
  stop(): Promise<number | null>;
}

/** The server by its command, on free ports. `groups` are the addresses of the UI, of OTLP/HTTP and of Zipkin. */
export function startClew(dataDir: string, ...options: readonly string[]): Promise<TestProcess> {
  const args = ['serve', ...freePorts, '--data-dir', dataDir, '--log-level', 'warn', ...options];
  return startProcess([clew, ...args], {}, /UI and API\s+(\S+)[\s\S]+OTLP\/HTTP\s+(\S+)[\s\S]+Zipkin\s+(\S+)\n/);
}

/** The shop of examples/shop with its customers. The one group is the address of its gateway. */
export function startShop(otlpUrl: string, requestsPerSecond: number): Promise<TestProcess> {
  const args = ['--requests-per-second', String(requestsPerSecond)];
  return startProcess([shop, ...args], { OTEL_EXPORTER_OTLP_ENDPOINT: otlpUrl }, /shop ready at (\S+)/);
}

/** Runs a command of `clew` to its end, and gives what it printed. Rejects when its exit code is not 0. */
export async function runClew(uiUrl: string, ...args: readonly string[]): Promise<string> {
  const env = { ...process.env, CLEW_URL: uiUrl };
  const { stdout } = await promisify(execFile)(process.execPath, [clew, ...args], { env, maxBuffer: 64 * 1024 * 1024 });
  return stdout;
}

async function startProcess(args: readonly string[], env: NodeJS.ProcessEnv, ready: RegExp): Promise<TestProcess> {
  const child = spawn(process.execPath, args, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  const stop = async (): Promise<number | null> => {
    child.kill('SIGTERM');
    return exited;
  };
  try {
    return { groups: await waitForOutput(child, ready), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function waitForOutput(child: ChildProcess, ready: RegExp): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    let output = '';
    const timer = setTimeout(
      () =>
        reject(new Error(`${child.spawnargs.join(' ')} did not print ${ready} in ${startTimeoutMs} ms:\n${output}`)),
      startTimeoutMs,
    );
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (chunk: string) => {
        output += chunk;
        const match = ready.exec(output);
        if (match === null) return;
        clearTimeout(timer);
        resolve(match.slice(1));
      });
    }
    child.once('exit', (code) => {
      clearTimeout(timer);
      reject(new Error(`${child.spawnargs.join(' ')} ended with exit code ${code}:\n${output}`));
    });
  });
}

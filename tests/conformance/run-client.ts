import { spawn } from 'node:child_process';

// Exporters try for some seconds when they do not reach the server.
const timeoutMs = 30_000;

/** Runs a client to its end, and gives what it printed. Rejects, with all of its output, when its exit code is not 0. */
export function runClient(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    // What the machine has set for exporters is not for these.
    const own = Object.entries(process.env).filter(([name]) => !/^(?:OTEL_|NODE_)|_proxy$/i.test(name));
    const child = spawn(command, args, {
      env: { ...Object.fromEntries(own), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: timeoutMs,
    });
    let output = '';
    let errors = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk;
    });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      errors += chunk;
    });
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (code === 0) resolve(output);
      else reject(new Error(`${command} ended with ${signal ?? `exit code ${code}`}:\n${errors}\n${output}`));
    });
  });
}

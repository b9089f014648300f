import { spawn } from 'node:child_process';
import { repositoryRoot } from './repository.mjs';

/**
 * @typedef {object} RunningProcess
 * @property {Promise<number>} exited Its exit code; 128 when a signal ended it.
 * @property {(timeoutMs?: number) => Promise<void>} stop Ends it and all that it started: SIGTERM first, SIGKILL after the timeout.
 */

/**
 * Starts a process in a process group of its own. Ctrl-C in a terminal then reaches only this command, which passes the
 * signal on once and waits, rather than all of them at once in no order.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ env?: NodeJS.ProcessEnv, onOutput?: ((chunk: string) => void) | undefined }} [options]
 *   The environment adds to this process's own. With `onOutput`, output goes there rather than to the terminal.
 * @returns {RunningProcess}
 */
export function startProcess(command, args, { env = {}, onOutput } = {}) {
  const piped = onOutput === undefined ? 'inherit' : 'pipe';
  const child = spawn(command, args, {
    cwd: repositoryRoot,
    env: { ...process.env, ...env },
    detached: true,
    stdio: ['ignore', piped, piped],
  });
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (chunk) => onOutput?.(chunk));
  }
  /** @type {Promise<number>} */
  const exited = new Promise((resolve, reject) => {
    child.once('error', (error) => reject(new Error(`${command} cannot be started: ${error.message}`)));
    child.once('close', (code) => resolve(code ?? 128));
  });
  exited.catch(() => {});

  /** @param {NodeJS.Signals} signal */
  const signalGroup = (signal) => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, signal);
    } catch {
      // The group is empty: everything in it has ended.
    }
  };
  /** @type {RunningProcess} */
  const running = {
    exited,
    async stop(timeoutMs = 15_000) {
      if (child.exitCode === null && child.signalCode === null && child.pid !== undefined) {
        process.kill(child.pid, 'SIGTERM');
        const timer = setTimeout(() => signalGroup('SIGKILL'), timeoutMs);
        await exited.catch(() => {});
        clearTimeout(timer);
      }
      // What the process should have ended itself and did not.
      signalGroup('SIGKILL');
      runningProcesses.delete(running);
    },
  };
  runningProcesses.add(running);
  return running;
}

/** @type {Set<RunningProcess>} */
const runningProcesses = new Set();

/** Ends every process that this command started, the newest first. */
async function stopAllProcesses() {
  for (const running of [...runningProcesses].reverse()) await running.stop();
}

/**
 * Runs a process to its end with its output in the terminal.
 *
 * @param {string} command @param {readonly string[]} args @param {{ env?: NodeJS.ProcessEnv }} [options]
 * @returns {Promise<number>} Its exit code.
 */
export async function runProcess(command, args, options) {
  const running = startProcess(command, args, options);
  const code = await running.exited;
  await running.stop();
  return code;
}

/**
 * Runs the body of a command: Ctrl-C, SIGTERM and a closed terminal end every process it started before it exits, and a
 * failure is one message rather than a stack.
 *
 * @param {() => Promise<number>} main Resolves to the exit code.
 */
export async function runCommand(main) {
  let stopping = false;
  for (const [signal, code] of /** @type {const} */ ([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ])) {
    process.on(signal, async () => {
      // npm passes on a Ctrl-C that the terminal has sent already: the second one means nothing new.
      if (stopping) return;
      stopping = true;
      await stopAllProcesses();
      process.exit(code);
    });
  }
  try {
    const code = await main();
    if (stopping) return;
    await stopAllProcesses();
    process.exitCode = code;
  } catch (error) {
    if (stopping) return;
    await stopAllProcesses();
    console.error(`\n${error instanceof Error ? error.message : error}`);
    process.exitCode = 1;
  }
}

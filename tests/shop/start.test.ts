import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const startModule = fileURLToPath(new URL('start.js', import.meta.resolve('@clew-examples/shop')));

interface RunningShop {
  readonly child: ChildProcess;
  readonly gatewayUrl: string;
  /** Process ids by the service's name. */
  readonly pids: ReadonlyMap<string, number>;
}

function spawnStart(args: readonly string[], environment: NodeJS.ProcessEnv = {}): ChildProcess {
  return spawn(process.execPath, [startModule, '--no-tracing', ...args], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** Starts the shop from the command line and resolves when it says that it is ready. */
async function startFromCommandLine(args: readonly string[]): Promise<RunningShop> {
  const child = spawnStart(['--verbose', ...args]);
  const pids = new Map<string, number>();
  for await (const line of createInterface({ input: child.stdout! })) {
    const member = /^(\S+) +\| http\S+, process (\d+)$/.exec(line);
    if (member) pids.set(member[1]!, Number(member[2]));
    const ready = /^shop ready at (\S+)$/.exec(line);
    if (ready) {
      child.stdout!.resume();
      return { child, gatewayUrl: ready[1]!, pids };
    }
  }
  throw new Error(`the shop ended before it was ready: ${await text(child.stderr!)}`);
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Resolves when none of the processes is left; rejects after five seconds. */
async function waitUntilGone(pids: Iterable<number>): Promise<void> {
  const deadline = performance.now() + 5_000;
  for (const pid of pids) {
    while (isRunning(pid)) {
      assert.ok(performance.now() < deadline, `process ${pid} is still there after 5 s`);
      await sleep(20);
    }
  }
}

describe('the shop from the command line', () => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    test(`ends with code 0 on ${signal}, with customers about, and leaves no process behind`, async () => {
      const { child, pids } = await startFromCommandLine(['--requests-per-second', '20']);
      assert.equal(pids.size, 7);
      child.kill(signal);
      assert.deepEqual(await once(child, 'exit'), [0, null]);
      assert.deepEqual([...pids.values()].filter(isRunning), []);
    });
  }

  test('says which service died, stops the others and ends with code 1', async () => {
    const { child, pids } = await startFromCommandLine(['--no-load']);
    const errors = text(child.stderr!);
    process.kill(pids.get('payments')!, 'SIGKILL');
    assert.deepEqual(await once(child, 'exit'), [1, null]);
    assert.equal(await errors, 'shop: payments ended with signal SIGKILL; the others were stopped\n');
    assert.deepEqual([...pids.values()].filter(isRunning), []);
  });

  test('leaves no service behind when it is killed itself', async () => {
    const { child, pids } = await startFromCommandLine(['--no-load']);
    child.kill('SIGKILL');
    await waitUntilGone(pids.values());
  });

  test('plays customers for the duration that is asked for and sums up what they met', async () => {
    const child = spawnStart(['--duration', '2', '--requests-per-second', '40', '--seed', '3']);
    const output = await text(child.stdout!);
    const summary = /^shop stopped after (\d+) requests: (\d+) ok, (\d+) 4xx, (\d+) 5xx, 0 failed$/m.exec(output);
    assert.ok(summary, output);
    const [requests, ...kinds] = summary.slice(1).map(Number);
    assert.ok(requests! >= 40, `${requests} requests in 2 s`);
    assert.equal(
      requests,
      kinds.reduce((sum, count) => sum + count),
    );
  });

  test('refuses a problem, a rate and a duration that make no sense, and says what would', async () => {
    const refusals = [
      { args: [], environment: { SHOP_PROBLEMS: 'n-plus-two' }, message: /"n-plus-two".*n-plus-one,serial-calls/ },
      { args: ['--requests-per-second', '0'], environment: {}, message: /--requests-per-second is "0".*at least 0\.1/ },
      { args: ['--duration', 'long'], environment: {}, message: /--duration is "long".*at least 0/ },
    ];
    for (const { args, environment, message } of refusals) {
      const child = spawnStart(args, environment);
      const [errors, [code]] = await Promise.all([text(child.stderr!), once(child, 'exit')]);
      assert.match(errors, message);
      assert.equal(code, 1);
    }
  });
});

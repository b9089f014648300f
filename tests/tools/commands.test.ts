import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';

const repositoryRoot = fileURLToPath(new URL('../../..', import.meta.url));

function runTool(name: string, ...args: readonly string[]) {
  return spawnSync(process.execPath, [join(repositoryRoot, 'tools', `${name}.mjs`), ...args], { encoding: 'utf8' });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('npm test', () => {
  it('refuses a name that no tests have, and lists those that there are', () => {
    const { status, stderr } = runTool('test', 'nothing');
    assert.equal(status, 1);
    assert.match(stderr, /there are no tests of "nothing": take .*cli, .*tools/);
  });

  it('refuses an option that it does not know', () => {
    const { status, stderr } = runTool('test', '--skip-browser');
    assert.equal(status, 1);
    assert.match(stderr, /Unknown option '--skip-browser'/);
  });
});

describe('npm run bench', () => {
  it('lists the benchmarks without a name, and fails on one that is not there', () => {
    const list = runTool('bench');
    assert.equal(list.status, 0);
    assert.match(list.stdout, /^npm run bench -- NAME/);
    const unknown = runTool('bench', 'nothing');
    assert.equal(unknown.status, 1);
    assert.match(unknown.stderr, /there is no benchmark "nothing"/);
  });
});

describe('npm run demo', () => {
  it('has help, and refuses a duration that is no number before it starts anything', () => {
    assert.match(runTool('demo', '--help').stdout, /--duration SECONDS/);
    const { status, stderr } = runTool('demo', '--duration', 'long');
    assert.equal(status, 1);
    assert.match(stderr, /--duration is "long": give a number of seconds/);
  });
});

describe('a command that started processes', () => {
  // The child ignores SIGTERM and has a child of its own: both must be gone.
  const grandchild = 'setInterval(() => {}, 1000)';
  const child = `
    const { spawn } = require('node:child_process');
    process.on('SIGTERM', () => console.log('asked to end'));
    const { pid } = spawn(process.execPath, ['-e', ${JSON.stringify(grandchild)}], { stdio: 'ignore' });
    console.log('pids ' + process.pid + ' ' + pid);
    setInterval(() => {}, 1000);`;
  const command = `
    import { runCommand, startProcess } from ${JSON.stringify(pathToFileURL(join(repositoryRoot, 'tools/processes.mjs')).href)};
    await runCommand(async () => {
      const running = startProcess(process.execPath, ['-e', ${JSON.stringify(child)}]);
      running.stop = running.stop.bind(running, 300);
      return running.exited;
    });`;

  for (const [signal, exitCode] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    it(`leaves none of them behind on ${signal}, not even one that does not listen`, async () => {
      const running = spawn(process.execPath, ['--input-type=module', '-e', command], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const lines: string[] = [];
      let pids: number[] = [];
      const exited = once(running, 'exit');
      for await (const line of createInterface({ input: running.stdout })) {
        lines.push(line);
        if (!line.startsWith('pids ')) continue;
        pids = line.split(' ').slice(1).map(Number);
        assert.ok(pids.every(isAlive));
        // Twice, as npm and a terminal do it.
        running.kill(signal);
        running.kill(signal);
      }
      assert.deepEqual(await exited, [exitCode, null]);
      assert.ok(lines.includes('asked to end'));
      // The kernel needs a moment to reap what was killed.
      for (let tries = 0; pids.some(isAlive) && tries < 100; tries++) await sleep(20);
      assert.equal(pids.length, 2);
      assert.ok(!pids.some(isAlive), `still there: ${pids.filter(isAlive)}`);
    });
  }
});

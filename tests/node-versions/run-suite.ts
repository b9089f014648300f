import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const root = join(import.meta.dirname, '..', '..', '..');
const sdk = join(root, 'packages', 'sdk');
/** Of the server, what stands closest to Node's own HTTP/2 and zlib, which are not the same in all versions. */
const receiverTests = ['grpc-receiver', 'http-compression', 'zstd-frames'].map((name) =>
  join(root, 'packages', 'server', 'dist-test', `${name}.test.js`),
);

const hasBinaries = process.platform === 'linux' && process.arch === 'x64';

// The suite takes four minutes, twice that on a busy machine. What hangs is ended file by file (--test-timeout below).
const suiteTimeoutMs = 1_000_000;

interface Outcome {
  readonly code: number | null;
  readonly output: string;
}

/** The tests of the SDK and of the server's receivers on this major version of Node; one test, which names those that failed. */
export function testOnNode(version: '20' | '22' | '24' | '26'): void {
  const skip = !hasBinaries && 'npm has the binary for Linux on x64 only';
  test(`the tests of the SDK and of the receivers pass on Node ${version}`, {
    skip,
    timeout: suiteTimeoutMs,
  }, async (t) => {
    const node = join(root, 'tests', 'node-versions', 'node_modules', `node-${version}`, 'bin', 'node');
    assert.ok(existsSync(node), 'the binary is missing: npm test installs it, or npm ci in tests/node-versions');
    const exact = (await run(node, ['--version'], t.signal)).output.trim();
    assert.ok(exact.startsWith(`v${version}.`), `tests/node-versions/package.json brings ${exact}`);
    const suite = listSuite();
    for (const file of receiverTests) assert.ok(existsSync(file), `${file} is missing: npm run build`);
    assert.ok(suite.length >= 10, 'the tests of the SDK are gone');
    const args = [
      '--test',
      '--test-concurrency=1',
      '--test-timeout=180000',
      '--test-reporter=tap',
      ...suite,
      ...receiverTests,
    ];
    const { code, output } = await run(node, args, t.signal);
    const failed = [...output.matchAll(/^not ok \d+ - .+\n(?: +.*\n)*/gm)].map(([block]) => block);
    t.diagnostic(`Node ${exact}: ${/^# pass (\d+)$/m.exec(output)?.[1]} tests passed, ${failed.length} failed`);
    assert.equal(code, 0, `Node ${exact} fails ${failed.length} tests:\n${failed.join('\n') || output}`);
  });
}

function run(command: string, args: readonly string[], signal: AbortSignal): Promise<Outcome> {
  // What this test's own runner, or npm, has set for its children is not for these.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(?:NODE_|npm_|OTEL_)/.test(name)));
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: sdk, env, signal, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (chunk: string) => {
        output += chunk;
      });
    }
    child.once('error', (error) => reject(new Error(`${error.message}; so far:\n${output}`)));
    child.once('close', (code) => resolve({ code, output }));
  });
}

/** The compiled tests, found by their sources: what a removed test left behind never runs. */
function listSuite(): string[] {
  return readdirSync(join(sdk, 'test'))
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => join('dist-test', name.replace(/\.ts$/, '.js')));
}

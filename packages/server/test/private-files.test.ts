import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { RunningServer } from '@clew/server';
import { freePorts } from './free-ports.js';

let root: string;
const tokenOf = (name: string) => `${name}-0123456789abcdef`;
const tokensOf = (name: string) => ({
  ingestTokens: [tokenOf(name)],
  queryTokens: [tokenOf(name)],
  adminTokens: [tokenOf(name)],
});

before(() => {
  root = mkdtempSync(join(tmpdir(), 'clew-private-'));
});

const children: ChildProcess[] = [];

after(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(root, { recursive: true });
});

interface Started {
  readonly server: RunningServer;
  /** Ends the process, and gives what it has logged. */
  stop(): Promise<string>;
}

/** Starts a server in a process whose umask takes no right away. */
async function start(settings: object): Promise<Started> {
  const options = JSON.stringify({ ...freePorts, healthPort: 0, logLevel: 'warn', ...settings });
  const program = fileURLToPath(new URL('./started-server.js', import.meta.url));
  const child: ChildProcess = spawn('sh', ['-c', 'umask 0; exec "$0" "$@"', process.execPath, program, options]);
  children.push(child);
  let log = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    log += text;
  });
  const closed = once(child, 'close');
  const [first] = (await Promise.race([once(child.stdout!, 'data'), closed.then(() => assert.fail(log))])) as [Buffer];
  return {
    server: JSON.parse(first.toString()) as RunningServer,
    stop: async () => {
      child.kill('SIGTERM');
      await closed;
      return log;
    },
  };
}

/** Everything below a directory that others may read, write or enter, with its mode. */
function listOpen(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => !entry.isSymbolicLink())
    .map((entry) => join(entry.parentPath, entry.name))
    .flatMap((path) => {
      const { mode } = lstatSync(path);
      return (mode & 0o077) === 0 ? [] : [`${path} ${(mode & 0o777).toString(8)}`];
    });
}

/** Sends a span, sets a limit and starts a redaction, so that all files are there. */
async function use({ uiUrl, otlpUrl }: RunningServer, token: string): Promise<void> {
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
  const span = { traceId: 'ab'.repeat(16), spanId: 'cd'.repeat(8), startTimeUnixNano: `${Date.now()}000000` };
  const send = async (url: string, method: string, body: unknown): Promise<void> => {
    const answer = await fetch(url, { method, headers, body: JSON.stringify(body) });
    assert.equal(answer.status, 200, await answer.text());
  };
  await send(`${otlpUrl}/v1/traces`, 'POST', { resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] });
  await send(`${uiUrl}/clew/v1/redactions`, 'POST', { key: 'email' });
  await send(`${uiUrl}/clew/v1/retention`, 'PUT', { age: '7d' });
}

describe('what the server writes', () => {
  test('is for its own user only, also when the umask takes no right away', async () => {
    const dataDir = join(root, 'new', 'data');
    const { server, stop } = await start({
      dataDir,
      ...tokensOf('main'),
      tenants: [{ name: 'acme', ...tokensOf('acme') }],
      tailSamplingAfter: '1h',
      tailSamplingKeep: [{ error: true }],
    });
    for (const name of ['main', 'acme']) await use(server, tokenOf(name));
    while (statSync(join(dataDir, 'reserve'), { throwIfNoEntry: false }) === undefined) await sleep(50);
    const names = readdirSync(dataDir);
    for (const name of [
      'engine',
      'engine.sock',
      'overflow',
      'spool',
      'tenants',
      'retention.json',
      'redactions.json',
      'tail-sampling.json',
    ]) {
      assert.ok(names.includes(name), name);
    }
    assert.deepEqual(listOpen(join(root, 'new')), []);
    assert.equal(statSync(join(root, 'new')).mode & 0o777, 0o700);
    assert.equal(await stop(), '', 'a directory of its own is nothing to warn of');
  });

  test('is for its own user only where a ClickHouse has the spans', async () => {
    const dataDir = join(root, 'remote');
    const { stop } = await start({ dataDir, clickhouseUrl: 'http://127.0.0.1:1/', logLevel: 'error' });
    assert.deepEqual(listOpen(dataDir), []);
    assert.ok(lstatSync(join(dataDir, 'engine.sock')).isSocket());
    await stop();
  });
});

describe('a data directory that was there before', () => {
  for (const [mode, others] of [
    [0o755, 'read'],
    [0o730, 'write'],
    [0o701, 'enter'],
  ] as const) {
    test(`in which others may ${others} is left as it is, with a warning of how to change it`, async () => {
      const dataDir = join(root, `it's ${others}`);
      mkdirSync(dataDir);
      chmodSync(dataDir, mode);
      const { stop } = await start({ dataDir, clickhouseUrl: 'http://127.0.0.1:1/' });
      const warnings = (await stop()).split('\n').filter((line) => line.includes('chmod'));
      assert.equal(warnings.length, 1);
      const { dataDir: path, mode: logged, msg } = JSON.parse(warnings[0]!) as Record<string, string>;
      assert.deepEqual([path, logged], [dataDir, mode.toString(8)]);
      assert.ok(msg!.includes(`chmod 700 '${root}/it'\\''s ${others}'`), msg);
      assert.equal(statSync(dataDir).mode & 0o777, mode);
    });
  }

  test('of its own user only is nothing to warn of', async () => {
    const dataDir = join(root, 'private');
    mkdirSync(dataDir);
    chmodSync(dataDir, 0o700);
    const { stop } = await start({ dataDir, clickhouseUrl: 'http://127.0.0.1:1/' });
    assert.doesNotMatch(await stop(), /chmod/);
  });
});

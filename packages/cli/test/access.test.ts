import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { freePorts } from './free-ports.js';

const clew = fileURLToPath(new URL('../bin/clew.js', import.meta.url));
const dataDir = mkdtempSync(join(tmpdir(), 'clew-cli-access-'));
after(() => rmSync(dataDir, { recursive: true, force: true }));

function run(args: readonly string[], env: NodeJS.ProcessEnv) {
  return new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    execFile(process.execPath, [clew, ...args], { env: { ...process.env, ...env } }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
  });
}

const ports = { ...freePorts, CLEW_DATA_DIR: dataDir };

test('commands send the token of CLEW_TOKEN or --token, and say what is missing without it; no log has it', async () => {
  const env = { ...ports, CLEW_QUERY_TOKENS: 'enigma-query-0123456789', CLEW_HOST: '0.0.0.0', CLEW_LOG_LEVEL: 'trace' };
  const child = spawn(process.execPath, [clew, 'serve'], { env: { ...process.env, ...env } });
  let output = '';
  const uiUrl = await new Promise<string>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (chunk: string) => {
        output += chunk;
        const port = /UI and API\s+http:\/\/0\.0\.0\.0:(\d+)[\s\S]*Health/.exec(output)?.[1];
        if (port !== undefined) resolve(`http://127.0.0.1:${port}`);
      });
    }
    child.once('exit', () => reject(new Error(output)));
  });
  try {
    for (const command of [['stats'], ['search'], ['trace', '1'.repeat(32)]]) {
      const refused = await run(command, { CLEW_URL: uiUrl });
      assert.equal(refused.code, 1);
      assert.match(
        refused.stderr,
        /^clew: A bearer token is needed\..*--token or CLEW_TOKEN.*\(CLEW_UNAUTHENTICATED\)\n$/,
      );
    }
    const wrong = await run(['stats', '--token', 'enigma-wrong-0123456789'], { CLEW_URL: uiUrl });
    assert.match(wrong.stderr, /^clew: The bearer token is not known\./);
    const byVariable = await run(['stats'], { CLEW_URL: uiUrl, CLEW_TOKEN: 'enigma-query-0123456789' });
    assert.equal(byVariable.code, 0, byVariable.stderr);
    const byFlag = await run(['search', '--token', 'enigma-query-0123456789'], { CLEW_URL: uiUrl });
    assert.equal(byFlag.code, 0, byFlag.stderr);
    // Bound to all addresses with tokens for one half only: the other is said, once.
    const warnings = output.split('\n').filter((line) => line.includes('Everyone who reaches this address'));
    assert.equal(warnings.length, 1);
    assert.match(warnings[0]!, /can send spans: set CLEW_INGEST_TOKENS, or bind to 127\.0\.0\.1 with CLEW_HOST"/);
    assert.doesNotMatch(output, /enigma/);
  } finally {
    child.kill('SIGTERM');
    await once(child, 'exit');
  }
});

test('the password of a ClickHouse is in no message of a start that fails, nor of one that waits', async () => {
  const stranger = createServer((_, response) => response.writeHead(401).end('no such user')).listen(0, '127.0.0.1');
  await once(stranger, 'listening');
  const { port } = stranger.address() as AddressInfo;
  try {
    for (const url of [`http://ada:enigma@127.0.0.1:${port}/clew`, 'x://ada:enigma@db']) {
      const { code, stdout, stderr } = await run(['serve', '--clickhouse-url', url, '--log-level', 'trace'], ports);
      assert.equal(code, 1);
      assert.match(stderr, /clew: /);
      assert.doesNotMatch(stdout + stderr, /enigma/, url);
    }
  } finally {
    stranger.close();
  }
  const away = ['serve', '--clickhouse-url', 'http://ada:enigma@127.0.0.1:9/clew', '--log-level', 'trace'];
  const child = spawn(process.execPath, [clew, ...away], { env: { ...process.env, ...ports } });
  let output = '';
  const waits = new Promise<void>((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (chunk: string) => {
        output += chunk;
        if (output.includes('trying again')) resolve();
      });
    }
  });
  await waits;
  child.kill('SIGTERM');
  await once(child, 'exit');
  assert.match(output, /ClickHouse cannot be reached/);
  assert.doesNotMatch(output, /enigma/);
});

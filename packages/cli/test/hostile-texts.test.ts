import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { nativeTrace } from '@clew/model/fixtures';
import { createProgram } from '#src/program.js';

const clew = fileURLToPath(new URL('../bin/clew.js', import.meta.url));

/** Escape, CSI of C1, bell, carriage return, bidi override and isolate, zero-width space, marks, line separator, a tag. */
const hostile =
  'x\u001b]0;t\u0007\u009b2J\r\u0000\u007f\u202e\u2066\u200b\u200e\u200f\u061c\ufeff\u2028\u00ad\u2060\u{e0041}y';
const forbidden =
  /(?!\n)[\p{Cc}\p{Zl}\p{Zp}]|[\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]|[\u{e0000}-\u{e0fff}]/u;

const traceId = '5b8aa5a2d2c872e8321cf37308d69df2';
const calls = { calls: 1, errors: 1, meanNs: 1, p50Ns: 1, p95Ns: 1, p99Ns: 1 };
const window = { start: 0, end: 1, hasMore: false };
const redaction = {
  id: hostile,
  key: hostile,
  value: hostile,
  start: null,
  end: null,
  createdMs: 0,
  partsToDo: 1,
  error: hostile,
};
const run = {
  startedMs: 0,
  durationMs: 0,
  error: hostile,
  removed: [{ day: hostile, reason: 'age', beforeMs: 0, spans: 1, bytes: 1 }],
};
const limit = { value: 1, source: 'api' };

/** By path: what a server that wants to harm answers. */
const answers: Readonly<Record<string, unknown>> = {
  '/clew/v1/search': {
    ...window,
    traces: [
      {
        ...{
          traceId,
          firstService: hostile,
          firstName: hostile,
          rootCount: 1,
          startNs: '1',
          durationNs: 1,
          spanCount: 1,
          errorCount: 1,
        },
        services: [{ service: hostile, spanCount: 1 }],
      },
    ],
  },
  '/clew/v1/operation-metrics': {
    ...window,
    operations: [{ service: hostile, name: hostile, kind: 'server', ...calls }],
  },
  '/clew/v1/service-graph': { ...window, edges: [{ client: hostile, server: hostile, connectionType: '', ...calls }] },
  '/clew/v1/redactions': { redactions: [redaction] },
  '/clew/v1/retention': {
    ...{ age: { value: hostile, source: 'api' }, maxBytes: limit, diskShare: limit, bytesUsed: 1, diskFreeBytes: 1 },
    ...{ diskTotalBytes: 1, spans: 1, oldestMs: 0, newestMs: 0, lastRun: run, lastRemoval: run },
  },
  '/clew/v1/stats': {
    ...{ since: hostile, rejectedSpans: { [hostile]: 1 }, droppedSpans: { [hostile]: 1 } },
    receivers: [{ receiver: hostile, requests: 1, spans: 1, bytes: 1, refused: { [hostile]: 1 } }],
    tailSampling: { afterMs: 1, keep: [hostile], decidedUntilMs: 0, outcomes: { [hostile]: 1 } },
    spool: { bytes: 1, limitBytes: 1, segments: 1, oldestAgeS: 1, setAside: 1 },
    store: { unavailable: hostile },
  },
};

const blocks = nativeTrace({
  traceId,
  startNs: 1n,
  spans: [
    {
      ...{ id: '0000000000000001', service: hostile, name: hostile, startNs: 0, durationNs: 1, statusMessage: hostile },
      attributes: [{ key: hostile, value: { type: 'string', value: hostile } }],
      events: [{ name: hostile, atNs: 0 }],
    },
  ],
});

const folder = mkdtempSync(join(tmpdir(), 'clew-hostile-'));
const file = join(folder, `spans\u001b[2J\u202e.json`);
/** Others may open it, of which a server warns. */
const openDirectory = join(folder, hostile.replaceAll('\0', ''));
let good: Server;
let bad: Server;
const urlOf = (server: Server): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

before(async () => {
  mkdirSync(openDirectory);
  chmodSync(openDirectory, 0o755);
  writeFileSync(file, `{"resourceSpans": "${hostile.replace(/\p{Cc}/gu, '')}"}`);
  good = createServer((request, response) => {
    const path = request.url!.split('?')[0]!;
    request.resume();
    if (path.startsWith('/clew/v1/traces/') && request.method === 'GET') response.end(blocks);
    else
      response.end(
        JSON.stringify(request.method === 'POST' ? redaction : (answers[path] ?? { traceId, deletedSpans: 1 })),
      );
  }).listen(0, '127.0.0.1');
  bad = createServer((request, response) => {
    request.resume();
    response
      .writeHead(request.url!.includes('stats') ? 418 : 400, 'no')
      .end(JSON.stringify({ code: hostile, message: hostile }));
  }).listen(0, '127.0.0.1');
  await Promise.all([once(good, 'listening'), once(bad, 'listening')]);
});

after(() => {
  for (const server of [good, bad]) {
    server.close();
    server.closeAllConnections();
  }
  rmSync(folder, { recursive: true, force: true });
});

/** Each command, with arguments that make it print what it was given. */
const commands: Readonly<Record<string, readonly (readonly string[])[]>> = {
  serve: [
    ['--http-port', hostile.replaceAll('\0', '')],
    // A warning of the log names the directory, before the start fails.
    ['--data-dir', openDirectory, '--tls-cert', '/nowhere', '--tls-key', '/nowhere'],
  ],
  trace: [[traceId], [traceId, '--json'], [hostile.replaceAll('\0', '')]],
  search: [[], ['--json'], ['--no-such-\u001b[2J\u202e'], ['--attribute', hostile.replaceAll('\0', '')]],
  services: [[], ['--json'], ['any'], ['any', '--json']],
  graph: [[], ['--json']],
  export: [[], [traceId]],
  import: [[file], [file, '--json'], [`${file}\u001b`]],
  stats: [[], ['--json']],
  retention: [[], ['--json'], ['set', '--age', '1d'], ['set', '--age', '1d', '--json']],
  delete: [[traceId, '--yes']],
  redact: [[], ['--json'], ['key', '--yes'], ['key', '--yes', '--json']],
  doctor: [['--', `/nowhere/\u001b[2J\u202e`]],
  config: [
    ['print', '--data-dir', '/x\u001b[2J\u202e'],
    ['print', '--json', '--data-dir', '/x\u202e'],
    ['check', file],
  ],
};

describe('texts that would change the terminal', { concurrency: 4 }, () => {
  it('are tried with every command', () => {
    const names = createProgram([]).commands.map((command) => command.name());
    assert.deepEqual(names.toSorted(), Object.keys(commands).toSorted());
  });

  for (const [command, variants] of Object.entries(commands)) {
    for (const [place, args] of variants.entries()) {
      it(`are shown escaped by clew ${command} ${JSON.stringify(args).slice(0, 60)}`, async () => {
        // Errors of a server look the same whatever was asked for.
        for (const server of place === 0 ? [good, bad] : [good]) {
          const env = { ...process.env, CLEW_URL: urlOf(server) };
          const { stdout, stderr } = await new Promise<{ stdout: string; stderr: string }>((resolve) => {
            execFile(process.execPath, [clew, command, ...args], { env }, (_, out, err) =>
              resolve({ stdout: out, stderr: err }),
            );
          });
          assert.notEqual(stdout + stderr, '');
          assert.doesNotMatch(stdout, forbidden, JSON.stringify(stdout));
          assert.doesNotMatch(stderr, forbidden, JSON.stringify(stderr));
        }
      });
    }
  }

  it('stay the same value in JSON', async () => {
    const env = { ...process.env, CLEW_URL: urlOf(good) };
    const stdout = await new Promise<string>((resolve) => {
      execFile(process.execPath, [clew, 'stats', '--json'], { env }, (_, out) => resolve(out));
    });
    assert.deepEqual(JSON.parse(stdout), answers['/clew/v1/stats']);
  });
});

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ClewError, parseConfig, startServer } from '@clew/server';
import { createLogger } from '#src/log.js';
import { Redactions } from '#src/retain/redactions.js';
import { connectStore } from '#src/store/client.js';
import { freePorts } from './free-ports.js';

// A ClickHouse that is away is enough: these files are read before anything is asked of it.
const clickhouseUrl = 'http://127.0.0.1:1/';
let dataDir: string;

before(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'clew-state-'));
});

after(async () => {
  await rm(dataDir, { recursive: true });
});

const start = (settings: Parameters<typeof parseConfig>[1]) =>
  startServer(parseConfig({}, { dataDir, ...freePorts, logLevel: 'silent', clickhouseUrl, ...settings }));

const obstacles = {
  'is a directory': { make: (path: string) => mkdir(path), reason: /EISDIR/ },
  'cannot be read': { make: (path: string) => symlink(path, path), reason: /ELOOP/ },
  'is empty': { make: (path: string) => writeFile(path, ''), reason: /not JSON/ },
  'is not JSON': { make: (path: string) => writeFile(path, '{"limits":'), reason: /not JSON/ },
  'has fields that the server did not write': { make: (path: string) => writeFile(path, '{"a":1}'), reason: /a/ },
};

const sampling = { tailSamplingAfter: '1h', tailSamplingKeep: [{ error: true }] };

const files = [
  { file: 'retention.json', settings: {}, without: /the limits of the configuration hold/ },
  { file: 'redactions.json', settings: {}, without: /redactions that are not done/ },
  {
    file: 'tail-sampling.json',
    settings: sampling,
    without: /tail sampling begins with the spans that arrive from now on/,
  },
];

describe('a file of the data directory in which the server keeps what was set', () => {
  for (const { file, settings, without } of files) {
    for (const [obstacle, { make, reason }] of Object.entries(obstacles)) {
      test(`${file} that ${obstacle} refuses the start with its path, the reason and what to do`, async () => {
        const path = join(dataDir, file);
        await make(path);
        await assert.rejects(start(settings), (error) => {
          assert.ok(error instanceof ClewError, String(error));
          assert.equal(error.code, 'CLEW_STATE_FILE_UNUSABLE');
          assert.ok(error.message.includes(path), error.message);
          for (const part of [reason, /[Rr]emove it/, without]) assert.match(error.message, part);
          return true;
        });
        await rm(path, { recursive: true });
      });
    }
  }

  test('that is left of tail sampling and cannot be removed refuses the start: it would decide on what came meanwhile', async () => {
    const path = join(dataDir, 'tail-sampling.json');
    await mkdir(path);
    await assert.rejects(start({}), (error) => {
      assert.ok(error instanceof ClewError, String(error));
      assert.ok(error.message.includes(path), error.message);
      assert.match(error.message, /remove it/);
      return true;
    });
    await rm(path, { recursive: true });
  });

  test('that cannot be written refuses a redaction before it starts, with the reason', async () => {
    const client = connectStore({ clickhouseUrl, cluster: undefined });
    const path = join(dataDir, 'redactions.json');
    const redactions = await Redactions.open(client, path, createLogger('silent'));
    await mkdir(`${path}.new`);
    await assert.rejects(
      redactions.start({ key: 'email', value: undefined, startMs: undefined, endMs: undefined }),
      (error) => {
        assert.ok(error instanceof ClewError, String(error));
        assert.deepEqual([error.code, error.status, error.retryable], ['CLEW_REDACTION_NOT_SAVED', 503, true]);
        assert.match(error.message, /EISDIR.*redactions\.json/);
        return true;
      },
    );
    await rm(`${path}.new`, { recursive: true });
    await client.close();
  });
});

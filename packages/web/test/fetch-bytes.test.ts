import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { CutOffError, fetchBytes, RefusedError, UnreachableError } from '#src/fetch/http.js';
import { shouldRetry } from '#src/fetch/queries.js';

const fetchUrl = globalThis.fetch;
const path = '/trace';

let server: Server;
let answer: (req: IncomingMessage, res: ServerResponse) => void;

before(async () => {
  server = createServer((req, res) => answer(req, res)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  // As in a page, where paths are those of its server.
  globalThis.fetch = (path, init) => fetchUrl(new URL(path as string, origin), init);
});

after(() => {
  globalThis.fetch = fetchUrl;
  server.close();
  server.closeAllConnections();
});

const stays = new AbortController().signal;

describe('an answer in bytes', () => {
  test('comes whole, with its progress', async () => {
    answer = (_req, res) => {
      res.write('abc');
      setImmediate(() => res.end('defg'));
    };
    const progress: number[] = [];
    const bytes = await fetchBytes(path, stays, (received) => progress.push(received));
    assert.equal(new TextDecoder().decode(bytes), 'abcdefg');
    assert.equal(progress.at(-1), 7);
  });

  test('that breaks off is an error, and no part of it is an answer', async () => {
    answer = (_req, res) => {
      res.write('abc', () => res.destroy());
    };
    await assert.rejects(
      fetchBytes(path, stays, () => {}),
      (error) => error instanceof CutOffError && error.receivedBytes <= 3,
    );
  });

  test('is no longer sent when its page is left', async () => {
    const caller = new AbortController();
    const left = new Promise<void>((resolve) => {
      answer = (_req, res) => {
        res.write('abc');
        res.once('close', resolve);
      };
    });
    const answered = fetchBytes(path, caller.signal, () => caller.abort());
    await assert.rejects(answered, { name: 'AbortError' });
    await left;
  });
});

describe('asking again', () => {
  test('happens twice where the same request may succeed, and never where it cannot', () => {
    const passing = [new UnreachableError('/'), ...[502, 503, 504].map((status) => new RefusedError(status, '', ''))];
    for (const error of passing) {
      assert.deepEqual(
        [0, 1, 2].map((failures) => shouldRetry(failures, error)),
        [true, true, false],
        String(error),
      );
    }
    const final = [
      ...[400, 401, 404, 422, 500].map((status) => new RefusedError(status, '', '')),
      new CutOffError(1, undefined),
      new TypeError('a fault of the page'),
    ];
    for (const error of final) assert.equal(shouldRetry(0, error), false, String(error));
  });
});

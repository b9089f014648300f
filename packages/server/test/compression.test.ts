import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, before, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { type FastifyInstance, fastify } from 'fastify';
import { compressAnswers } from '#src/serve/compression.js';
import { serveWebUi } from '#src/serve/web-ui.js';

let app: FastifyInstance;
let webRoot: string;
let endless: Readable;
const megabyte = Buffer.alloc(1024 * 1024, 'span ');

before(async () => {
  webRoot = await mkdtemp(join(tmpdir(), 'clew-web-'));
  await mkdir(join(webRoot, 'assets'));
  await writeFile(
    join(webRoot, 'index.html'),
    '<script src="./assets/index-1.js"></script><a href="./favicon.svg"></a>',
  );
  for (const [name, content] of [
    ['index-1.js', 'export {};'],
    ['index-1.js.br', 'in brotli'],
    ['index-1.js.gz', 'in gzip'],
  ]) {
    await writeFile(join(webRoot, 'assets', name!), content!);
  }
  app = fastify();
  compressAnswers(app);
  app.get('/text/:length', async (asked) => ({
    text: 'x'.repeat(Number((asked.params as { length: string }).length)),
  }));
  app.get('/stream', (_asked, reply) =>
    reply.type('application/octet-stream').send(Readable.from([megabyte, megabyte])),
  );
  app.get('/broken', (_asked, reply) =>
    reply.type('application/octet-stream').send(
      Readable.from(
        (async function* () {
          for (let sent = 0; sent < 8; sent++) yield randomBytes(megabyte.length);
          throw new Error('the engine is gone');
        })(),
      ),
    ),
  );
  app.get('/endless', (_asked, reply) => {
    endless = new Readable({
      read() {
        this.push(megabyte);
      },
    });
    return reply.type('application/octet-stream').send(endless);
  });
  serveWebUi(app, webRoot);
  await app.listen({ host: '127.0.0.1', port: 0 });
});

after(async () => {
  await app.close();
  await rm(webRoot, { recursive: true });
});

async function get(path: string, headers: Record<string, string> = {}): Promise<IncomingMessage> {
  const { port } = app.server.address() as AddressInfo;
  const sent = request({ host: '127.0.0.1', port, path, headers, agent: false }).end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return response;
}

async function bodyOf(response: IncomingMessage): Promise<Buffer> {
  return Buffer.concat(await response.toArray());
}

test('an answer is compressed for clients that accept gzip, and says that it depends on them', async () => {
  for (const accepted of ['gzip', 'br, gzip', 'deflate, GZIP ;q=0.1', 'x-gzip']) {
    const response = await get('/text/2000', { 'accept-encoding': accepted });
    assert.equal(response.headers['content-encoding'], 'gzip', accepted);
    assert.equal(response.headers.vary, 'Accept-Encoding');
    assert.equal(JSON.parse(gunzipSync(await bodyOf(response)).toString()).text.length, 2000);
  }
});

test('clients that do not ask for gzip get the answer as it is', async () => {
  for (const accepted of ['', 'br', 'gzip;q=0', 'gzip; q=0.000', 'gzipped', 'identity']) {
    const response = await get('/text/2000', { 'accept-encoding': accepted });
    assert.equal(response.headers['content-encoding'], undefined, accepted);
    assert.equal(response.headers.vary, 'Accept-Encoding');
    assert.equal(JSON.parse((await bodyOf(response)).toString()).text.length, 2000);
  }
});

test('an answer that fits into one packet is not compressed', async () => {
  const frame = '{"text":""}'.length;
  const small = await get(`/text/${1399 - frame}`, { 'accept-encoding': 'gzip' });
  assert.equal(small.headers['content-encoding'], undefined);
  assert.equal((await bodyOf(small)).length, 1399);
  const large = await get(`/text/${1400 - frame}`, { 'accept-encoding': 'gzip' });
  assert.equal(large.headers['content-encoding'], 'gzip');
  large.resume();
});

test('a stream is compressed as it comes', async () => {
  const response = await get('/stream', { 'accept-encoding': 'gzip' });
  assert.equal(response.headers['content-encoding'], 'gzip');
  const body = await bodyOf(response);
  assert.ok(body.length < megabyte.length / 10);
  assert.ok(gunzipSync(body).equals(Buffer.concat([megabyte, megabyte])));
});

test('a stream that fails is cut off, so that its reader can tell', async () => {
  const response = await get('/broken', { 'accept-encoding': 'gzip' });
  await assert.rejects(bodyOf(response), { code: 'ECONNRESET' });
});

test('a reader that leaves ends the source of a compressed stream', async () => {
  const response = await get('/endless', { 'accept-encoding': 'gzip' });
  await once(response, 'data');
  const closed = once(endless, 'close').catch(() => {});
  response.destroy();
  await closed;
  assert.ok(endless.destroyed);
});

test('files are sent as the build has compressed them, each with its own validator', async () => {
  const tags = new Set<string | undefined>();
  for (const [accepted, encoding, content] of [
    ['gzip, deflate, br', 'br', 'in brotli'],
    ['gzip', 'gzip', 'in gzip'],
    ['', undefined, 'export {};'],
  ]) {
    const response = await get('/assets/index-1.js', { 'accept-encoding': accepted! });
    assert.equal(response.headers['content-encoding'], encoding);
    assert.equal((await bodyOf(response)).toString(), content);
    assert.match(response.headers['content-type']!, /^(text|application)\/javascript/);
    assert.match(response.headers['cache-control']!, /immutable/);
    assert.match(response.headers.vary!, /accept-encoding/i);
    tags.add(response.headers.etag);
  }
  assert.equal(tags.size, 3);
});

test('the links of a page lead from its address to the root', async () => {
  for (const [path, up] of [
    ['/', ''],
    ['/search?service=a/b', ''],
    ['/trace/4bf92f3577b34da6a3ce929d0e0e4736?span=1', '../'],
    ['/trace/1...2', '../'],
    ['/compare/a/b', '../../'],
  ]) {
    const response = await get(path!, { accept: 'text/html' });
    assert.deepEqual([path, response.statusCode, response.headers['cache-control']], [path, 200, 'no-cache']);
    assert.equal(
      (await bodyOf(response)).toString(),
      `<script src="./${up}assets/index-1.js"></script><a href="./${up}favicon.svg"></a>`,
    );
  }
});

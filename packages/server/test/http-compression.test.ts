import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import * as zlib from 'node:zlib';
import { startOtlpReceiver, type TestReceiver } from './otlp-http-receiver.js';

const mib = 2 ** 20;
const protobuf = { 'content-type': 'application/x-protobuf' };
const zstd = { ...protobuf, 'content-encoding': 'zstd' };
let receiver: TestReceiver;

afterEach(() => receiver.close());

function post(body: Uint8Array | string, headers: Record<string, string>): Promise<Response> {
  return fetch(receiver.url, { method: 'POST', body, headers });
}

const createZstd = (zlib as unknown as { zstdCompressSync?: (bytes: Uint8Array, options?: object) => Buffer })
  .zstdCompressSync;

// On Node 22, 24 and 26 this file is run by tests/node-versions.
describe('compressed bodies', () => {
  if (createZstd === undefined) {
    it('without zstd in Node, zstd is refused with 415, which Node has it, and what to send instead', async () => {
      receiver = await startOtlpReceiver();
      const answer = await post('x', { 'content-type': 'application/json', 'content-encoding': 'zstd' });
      assert.equal(answer.status, 415);
      assert.equal(answer.headers.get('accept-encoding'), 'gzip, deflate');
      assert.deepEqual(await answer.json(), {
        code: 3,
        message:
          `Content-Encoding "zstd" needs Node 22.15 or newer, and this server runs on ${process.version}; ` +
          'send gzip, deflate or no compression.',
      });
    });
  } else {
    it('of zstd are taken up to exactly the limit, and refused with one byte more', async () => {
      receiver = await startOtlpReceiver();
      assert.equal((await post(createZstd(Buffer.alloc(mib, 'a')), zstd)).status, 200);
      assert.deepEqual(Buffer.from(receiver.received[0]!), Buffer.alloc(mib, 'a'));
      const parts = [Buffer.alloc(mib), Buffer.alloc(1)].map((part) => createZstd(part));
      for (const body of [createZstd(Buffer.alloc(mib + 1)), Buffer.concat(parts)]) {
        const tooLarge = await post(body, zstd);
        assert.equal(tooLarge.status, 413);
        assert.match(await tooLarge.text(), /more than 1048576 bytes when decompressed/);
      }
    });

    it('of zstd may have several frames, up to as many as have a purpose', async () => {
      receiver = await startOtlpReceiver();
      const skippable = Buffer.from([0x5a, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 1, 2]);
      const frames = ['a', 'b', 'c'].map((letter) => createZstd(Buffer.alloc(100_000, letter)));
      assert.equal((await post(Buffer.concat([skippable, ...frames, skippable]), zstd)).status, 200);
      const plain = Buffer.concat(['a', 'b', 'c'].map((letter) => Buffer.alloc(100_000, letter)));
      assert.deepEqual(Buffer.from(receiver.received[0]!), plain);
      const many = Array.from({ length: 1_001 }, () => createZstd(Buffer.from('x')));
      assert.equal((await post(Buffer.concat(many.slice(1)), zstd)).status, 200);
      assert.equal(receiver.received[1]!.length, 1_000);
      const refused = await post(Buffer.concat(many), zstd);
      assert.equal(refused.status, 400);
      assert.match(await refused.text(), /The body is not zstd: more than 1000 frames\./);
    });

    it('that are not zstd, are cut off, or need a window of more than 8 MiB, are refused', async () => {
      receiver = await startOtlpReceiver({ maxRequestBytes: 32 * mib });
      const { ZSTD_c_windowLog } = zlib.constants as unknown as { ZSTD_c_windowLog: number };
      const large = (log: number) =>
        createZstd(Buffer.alloc(20 * mib), { params: { [ZSTD_c_windowLog]: log }, pledgedSrcSize: 20 * mib });
      for (const bytes of [Buffer.from('plain'), createZstd(Buffer.alloc(1000)).subarray(0, -5), large(25)]) {
        const answer = await post(bytes, zstd);
        assert.equal(answer.status, 400);
        assert.match(await answer.text(), /The body is not zstd: /);
      }
      assert.equal((await post(large(23), zstd)).status, 200);
    });
  }

  it('of another kind are refused with those that are taken', async () => {
    receiver = await startOtlpReceiver();
    const answer = await post('x', { ...protobuf, 'content-encoding': 'br' });
    assert.equal(answer.status, 415);
    const known = createZstd === undefined ? 'gzip, deflate' : 'gzip, deflate, zstd';
    assert.equal(answer.headers.get('accept-encoding'), known);
    assert.match(
      await answer.text(),
      new RegExp(`Content-Encoding "br" is not supported; send ${known} or no compression`),
    );
  });

  for (const encoding of ['x-gzip', 'GZIP', 'X-GZip', 'gzip, identity', 'identity,gzip', ' gzip ,']) {
    it(`of gzip may be called ${JSON.stringify(encoding)}`, async () => {
      receiver = await startOtlpReceiver();
      assert.equal((await post(zlib.gzipSync('abc'), { ...protobuf, 'content-encoding': encoding })).status, 200);
      assert.equal(Buffer.from(receiver.received[0]!).toString(), 'abc');
    });
  }

  for (const encoding of ['', 'identity', 'Identity', 'identity, identity', ',']) {
    it(`are none when the encoding is ${JSON.stringify(encoding)}`, async () => {
      receiver = await startOtlpReceiver();
      assert.equal((await post('abc', { ...protobuf, 'content-encoding': encoding })).status, 200);
      assert.equal(Buffer.from(receiver.received[0]!).toString(), 'abc');
    });
  }

  it('are compressed once', async () => {
    receiver = await startOtlpReceiver();
    const answer = await post(zlib.gzipSync(zlib.gzipSync('abc')), { ...protobuf, 'content-encoding': 'gzip, x-gzip' });
    assert.equal(answer.status, 415);
    assert.match(await answer.text(), /Content-Encoding "gzip, gzip" is more than one; send gzip/);
  });

  it('of gzip that are cut off are refused', async () => {
    receiver = await startOtlpReceiver();
    const answer = await post(zlib.gzipSync('abc').subarray(0, -9), { ...protobuf, 'content-encoding': 'gzip' });
    assert.equal(answer.status, 400);
    assert.match(await answer.text(), /The body is not gzip: unexpected end of file\./);
  });
});

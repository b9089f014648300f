import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BufferFullError, ByteWriter, ProtobufReader } from '@clew/wire';
import fc from 'fast-check';

function written(write: (writer: ByteWriter) => void): Buffer {
  const writer = new ByteWriter(16, 1_048_576);
  write(writer);
  return Buffer.from(writer.copyWritten());
}

test('a varint takes one byte up to 127 and two from 128, as the encoding guide of protobuf shows', () => {
  assert.equal(written((w) => w.writeVarint(0)).toString('hex'), '00');
  assert.equal(written((w) => w.writeVarint(127)).toString('hex'), '7f');
  assert.equal(written((w) => w.writeVarint(128)).toString('hex'), '8001');
  assert.equal(written((w) => w.writeVarint(150)).toString('hex'), '9601');
  assert.equal(written((w) => w.writeVarint(0x7fff_ffff)).toString('hex'), 'ffffffff07');
  assert.equal(written((w) => w.writeVarint(0x8000_0000)).toString('hex'), '8080808008');
  assert.equal(written((w) => w.writeVarint(Number.MAX_SAFE_INTEGER)).toString('hex'), 'ffffffffffffff0f');
});

test('an int64 is written as two complement, from the smallest to the largest that a double holds', () => {
  const integers = fc.oneof(
    fc.maxSafeInteger(),
    fc.integer(),
    fc.constantFrom(-(2 ** 63), 2 ** 62, 2 ** 63 - 1024, -1, 0, -(2 ** 53), 2 ** 53, 2 ** 32, -(2 ** 32)),
  );
  fc.assert(
    fc.property(integers, (value) => {
      const bytes = written((w) => w.writeInt64(value));
      const reader = new ProtobufReader(bytes);
      const low = reader.readVarint64(bytes.length);
      assert.equal(BigInt.asIntN(64, (BigInt(reader.high) << 32n) | BigInt(low)), BigInt(value));
      assert.equal(reader.position, bytes.length);
    }),
  );
});

test('a string is written as Node writes UTF-8, short or long, with the shortest length', () => {
  const strings = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 300 }),
    fc.string({ unit: 'binary-ascii', maxLength: 300 }),
    fc.constantFrom('', 'a'.repeat(48), 'a'.repeat(49), 'é'.repeat(42), 'é'.repeat(64), '€'.repeat(127), 'x\ud800y'),
  );
  fc.assert(
    fc.property(strings, (text) => {
      const bytes = written((w) => w.writeString(text));
      const reader = new ProtobufReader(bytes);
      const end = reader.readLength(bytes.length);
      assert.equal(end, bytes.length);
      assert.equal(bytes.toString('utf8', reader.position), Buffer.from(text, 'utf8').toString('utf8'));
      const length = end - reader.position;
      assert.equal(reader.position, length < 128 ? 1 : 2);
    }),
  );
});

test('the length of a message is right when it outgrows or undershoots the room that was left for it', () => {
  for (const guess of [1, 2] as const) {
    for (const length of [0, 127, 128, 16_383, 16_384]) {
      const bytes = written((w) => {
        w.writeByte(0x0a);
        const start = w.beginMessage(guess);
        w.writeRaw(new Uint8Array(length).fill(7));
        w.endMessage(start, guess);
        w.writeByte(0xff);
      });
      const reader = new ProtobufReader(bytes);
      assert.equal(reader.readVarint32(bytes.length), 0x0a);
      const end = reader.readLength(bytes.length);
      assert.equal(end - reader.position, length);
      assert.ok(bytes.subarray(reader.position, end).every((byte) => byte === 7));
      assert.equal(bytes.subarray(end).toString('hex'), 'ff');
    }
  }
});

test('the last byte below the cap is taken and the first above is refused, with what came before intact', () => {
  const writer = new ByteWriter(4, 10);
  writer.writeRaw(new Uint8Array(10).fill(1));
  assert.equal(writer.bytes.length, 10);
  assert.throws(
    () => writer.writeByte(2),
    (error) => error instanceof BufferFullError && error.neededBytes === 11 && error.maxBytes === 10,
  );
  assert.deepEqual([...writer.copyWritten()], new Array(10).fill(1));
});

test('a buffer that a burst has grown shrinks after 32 quiet resets, not after 31, and never below its start', () => {
  const writer = new ByteWriter(64, 1_048_576);
  writer.writeRaw(new Uint8Array(200));
  assert.equal(writer.bytes.length, 256);
  writer.reset();
  for (let index = 0; index < 31; index++) writer.reset();
  assert.equal(writer.bytes.length, 256);
  writer.reset();
  assert.equal(writer.bytes.length, 128);
  for (let index = 0; index < 100; index++) writer.reset();
  assert.equal(writer.bytes.length, 64);
});

test('a reset after real use starts the count of quiet ones anew', () => {
  const writer = new ByteWriter(64, 1_048_576);
  writer.writeRaw(new Uint8Array(200));
  for (let round = 0; round < 3; round++) {
    for (let index = 0; index < 31; index++) writer.reset();
    writer.writeRaw(new Uint8Array(64));
    writer.reset();
  }
  assert.equal(writer.bytes.length, 256);
});

test('a string that just fits under the cap is taken, and one that is a byte longer is not', () => {
  const fits = new ByteWriter(4, 108);
  fits.writeString('x'.repeat(100));
  assert.equal(fits.position, 101);
  const exceeds = new ByteWriter(4, 108);
  assert.throws(() => exceeds.writeString('x'.repeat(108)), BufferFullError);
});

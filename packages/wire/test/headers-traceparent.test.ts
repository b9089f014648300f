import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatTraceparent, parseTraceparent } from '@clew/wire';
import fc from 'fast-check';

const traceId = '0af7651916cd43dd8448eb211c80319c';
const spanId = 'b7ad6b7169203331';

test('a traceparent of version 00 is read', () => {
  assert.deepEqual(parseTraceparent(`00-${traceId}-${spanId}-01`), { traceId, spanId, flags: 1 });
  assert.deepEqual(parseTraceparent(`00-${traceId}-${spanId}-00`), { traceId, spanId, flags: 0 });
});

test('the random flag is kept and flags that level 2 does not define are dropped', () => {
  assert.equal(parseTraceparent(`00-${traceId}-${spanId}-02`)?.flags, 2);
  assert.equal(parseTraceparent(`00-${traceId}-${spanId}-03`)?.flags, 3);
  assert.equal(parseTraceparent(`00-${traceId}-${spanId}-ff`)?.flags, 3);
  assert.equal(parseTraceparent(`00-${traceId}-${spanId}-fc`)?.flags, 0);
  assert.equal(formatTraceparent(traceId, spanId, 0xff), `00-${traceId}-${spanId}-03`);
});

test('a version above 00 is read as its first 55 characters', () => {
  const read = { traceId, spanId, flags: 1 };
  assert.deepEqual(parseTraceparent(`01-${traceId}-${spanId}-01`), read);
  assert.deepEqual(parseTraceparent(`cc-${traceId}-${spanId}-01-what-the-future-brings`), read);
  assert.deepEqual(parseTraceparent(`fe-${traceId}-${spanId}-01-`), read);
});

const invalid: readonly [why: string, header: string][] = [
  ['is empty', ''],
  ['is cut off', `00-${traceId}-${spanId}-0`],
  ['is longer than version 00 allows', `00-${traceId}-${spanId}-01-more`],
  ['is longer than version 00 allows by one', `00-${traceId}-${spanId}-01.`],
  ['goes on without a dash', `cc-${traceId}-${spanId}-01.more`],
  ['has version ff', `ff-${traceId}-${spanId}-01`],
  ['has a version that is not hex', `0g-${traceId}-${spanId}-01`],
  ['has an upper-case version', `0A-${traceId}-${spanId}-01`],
  ['has a zero trace id', `00-${'0'.repeat(32)}-${spanId}-01`],
  ['has a zero span id', `00-${traceId}-${'0'.repeat(16)}-01`],
  ['has an upper-case trace id', `00-${traceId.toUpperCase()}-${spanId}-01`],
  ['has an upper-case span id', `00-${traceId}-${spanId.toUpperCase()}-01`],
  ['has a trace id that is not hex', `00-${traceId.slice(1)}.-${spanId}-01`],
  ['has flags that are not hex', `00-${traceId}-${spanId}-0x`],
  ['has other separators', `00_${traceId}_${spanId}_01`],
  ['is two headers joined', `00-${traceId}-${spanId}-01, 00-${traceId}-${spanId}-01`],
];
for (const [why, header] of invalid) {
  test(`a traceparent that ${why} restarts the trace`, () => assert.equal(parseTraceparent(header), undefined));
}

test('what is written is read back, for all ids and flags', () => {
  const hex = (length: number) =>
    fc.bigInt({ min: 1n, max: 16n ** BigInt(length) - 1n }).map((value) => value.toString(16).padStart(length, '0'));
  fc.assert(
    fc.property(hex(32), hex(16), fc.integer({ min: 0, max: 3 }), (trace, span, flags) => {
      assert.deepEqual(parseTraceparent(formatTraceparent(trace, span, flags)), {
        traceId: trace,
        spanId: span,
        flags,
      });
    }),
  );
});

test('no text makes the reader throw or accept what the grammar forbids', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 70 }), (text) => {
      if (parseTraceparent(text) !== undefined)
        assert.match(text, /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}/);
    }),
  );
});

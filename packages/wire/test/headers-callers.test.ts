import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Caller,
  formatB3,
  formatJaeger,
  formatXRay,
  isSpanId,
  isTraceId,
  parseB3,
  parseB3Headers,
  parseJaeger,
  parseXRay,
} from '@clew/wire';
import fc from 'fast-check';

const traceId = '80f198ee56343ba864fe8b2a57d3eff7';
const shortTraceId = '64fe8b2a57d3eff7';
const padded = `0000000000000000${shortTraceId}`;
const spanId = 'e457b5a2e4d86bd1';
const parentId = '05e3ac9a4f6e3b90';

type Reader = (header: string) => Caller | undefined;

const read: readonly [format: string, reader: Reader, header: string, traceId: string, decision: string][] = [
  ['b3', parseB3, `${traceId}-${spanId}-1-${parentId}`, traceId, 'keep'],
  ['b3', parseB3, `${traceId}-${spanId}-1`, traceId, 'keep'],
  ['b3', parseB3, `${traceId}-${spanId}-0`, traceId, 'drop'],
  ['b3', parseB3, `${traceId}-${spanId}-d`, traceId, 'debug'],
  ['b3', parseB3, `${traceId}-${spanId}`, traceId, 'defer'],
  ['b3', parseB3, `${shortTraceId}-${spanId}-1`, padded, 'keep'],
  ['b3', parseB3, `${traceId.toUpperCase()}-${spanId}-D`, traceId, 'debug'],
  ['uber-trace-id', parseJaeger, `${traceId}:${spanId}:0:1`, traceId, 'keep'],
  ['uber-trace-id', parseJaeger, `${traceId}:${spanId}:${parentId}:01`, traceId, 'keep'],
  ['uber-trace-id', parseJaeger, `${traceId}:${spanId}:0:0`, traceId, 'drop'],
  ['uber-trace-id', parseJaeger, `${traceId}:${spanId}:0:3`, traceId, 'debug'],
  // Jaeger's clients send the debug bit with the sampled one; alone it means nothing.
  ['uber-trace-id', parseJaeger, `${traceId}:${spanId}:0:2`, traceId, 'drop'],
  ['uber-trace-id', parseJaeger, `${shortTraceId}:${spanId}:0:ff`, padded, 'debug'],
  ['uber-trace-id', parseJaeger, `1:${spanId}:0:1`, '1'.padStart(32, '0'), 'keep'],
  ['uber-trace-id', parseJaeger, `${traceId}%3A${spanId}%3a0%3A1`, traceId, 'keep'],
  [
    'x-amzn-trace-id',
    parseXRay,
    `Root=1-80f198ee-56343ba864fe8b2a57d3eff7;Parent=${spanId};Sampled=1`,
    traceId,
    'keep',
  ],
  [
    'x-amzn-trace-id',
    parseXRay,
    `Sampled=0; Parent=${spanId}; Root=1-80f198ee-56343ba864fe8b2a57d3eff7`,
    traceId,
    'drop',
  ],
  [
    'x-amzn-trace-id',
    parseXRay,
    `Root=1-80f198ee-56343ba864fe8b2a57d3eff7;Parent=${spanId};Sampled=?`,
    traceId,
    'defer',
  ],
  ['x-amzn-trace-id', parseXRay, `Root=1-80f198ee-56343ba864fe8b2a57d3eff7;Parent=${spanId}`, traceId, 'defer'],
  [
    'x-amzn-trace-id',
    parseXRay,
    `Self=1-1-1;Root=1-80f198ee-56343ba864fe8b2a57d3eff7;Parent=${spanId};Sampled=1;Lineage=a:b=c;`,
    traceId,
    'keep',
  ],
];
for (const [format, reader, header, expected, decision] of read) {
  test(`${format} is read: ${header}`, () => assert.deepEqual(reader(header), { traceId: expected, spanId, decision }));
}

const refused: readonly [format: string, reader: Reader, header: string][] = [
  ['b3', parseB3, ''],
  ['b3', parseB3, '0'],
  ['b3', parseB3, traceId],
  ['b3', parseB3, `${traceId}-${spanId}-`],
  ['b3', parseB3, `${traceId}-${spanId}-2`],
  ['b3', parseB3, `${traceId}-${spanId}-1-`],
  ['b3', parseB3, `${traceId}-${spanId}-1-${parentId}0`],
  ['b3', parseB3, `0${traceId}-${spanId}-1`],
  ['b3', parseB3, `${traceId.slice(1)}-${spanId}-1`],
  ['b3', parseB3, `${traceId}-${spanId.slice(1)}-1`],
  ['b3', parseB3, `${'0'.repeat(32)}-${spanId}-1`],
  ['b3', parseB3, `${traceId}-${'0'.repeat(16)}-1`],
  ['b3', parseB3, `g${traceId.slice(1)}-${spanId}-1`],
  ['uber-trace-id', parseJaeger, `${traceId}:${spanId}:0`],
  ['uber-trace-id', parseJaeger, `${traceId}:${spanId}:0:`],
  ['uber-trace-id', parseJaeger, `${traceId}:${spanId}:0:100`],
  ['uber-trace-id', parseJaeger, `${traceId}:${spanId}:0:g`],
  ['uber-trace-id', parseJaeger, `0${traceId}:${spanId}:0:1`],
  ['uber-trace-id', parseJaeger, `${traceId}:0${spanId}:0:1`],
  ['uber-trace-id', parseJaeger, `0:${spanId}:0:1`],
  ['uber-trace-id', parseJaeger, `${traceId}:0:0:1`],
  ['uber-trace-id', parseJaeger, `:${spanId}:0:1`],
  ['x-amzn-trace-id', parseXRay, 'Root=1-80f198ee-56343ba864fe8b2a57d3eff7'],
  ['x-amzn-trace-id', parseXRay, `Parent=${spanId};Sampled=1`],
  ['x-amzn-trace-id', parseXRay, `Root=2-80f198ee-56343ba864fe8b2a57d3eff7;Parent=${spanId};Sampled=1`],
  ['x-amzn-trace-id', parseXRay, `Root=1-80f198e-56343ba864fe8b2a57d3eff7;Parent=${spanId};Sampled=1`],
  ['x-amzn-trace-id', parseXRay, `Root=1-80f198ee-56343ba864fe8b2a57d3eff7;Parent=${spanId}0;Sampled=1`],
  ['x-amzn-trace-id', parseXRay, `Root=1-80f198ee-56343ba864fe8b2a57d3eff7;Parent=${spanId};Sampled=2`],
  ['x-amzn-trace-id', parseXRay, `Root=1-80f198ee-56343ba864fe8b2a57d3eff7;Parent=${'0'.repeat(16)};Sampled=1`],
];
for (const [format, reader, header] of refused) {
  test(`${format} is refused: "${header}"`, () => assert.equal(reader(header), undefined));
}

const several: readonly [sampled: string | undefined, flags: string | undefined, decision: string | undefined][] = [
  ['1', undefined, 'keep'],
  ['true', undefined, 'keep'],
  ['0', undefined, 'drop'],
  ['False', undefined, 'drop'],
  [undefined, undefined, 'defer'],
  [undefined, '1', 'debug'],
  ['0', '1', 'debug'],
  ['1', '0', 'keep'],
  ['d', undefined, undefined],
  ['constructor', undefined, undefined],
];
for (const [sampled, flags, decision] of several) {
  test(`x-b3-sampled ${sampled} with x-b3-flags ${flags} means ${decision}`, () => {
    assert.equal(parseB3Headers({ traceId, spanId, sampled, flags })?.decision, decision);
  });
}

test('the ids of the x-b3 headers have 16 or 32 digits, and 16', () => {
  const idsOf = (trace: string | undefined, span: string | undefined): string | undefined =>
    parseB3Headers({ traceId: trace, spanId: span, sampled: '1', flags: undefined })?.traceId;
  assert.equal(idsOf(traceId, spanId), traceId);
  assert.equal(idsOf(shortTraceId, spanId), padded);
  for (const id of [traceId.slice(1), `0${traceId}`, shortTraceId.slice(1), '', undefined, '0'.repeat(32)]) {
    assert.equal(idsOf(id, spanId), undefined);
  }
  for (const id of [spanId.slice(1), `0${spanId}`, '', undefined, '0'.repeat(16)])
    assert.equal(idsOf(traceId, id), undefined);
});

test('the headers are written as their formats say', () => {
  assert.equal(formatB3(traceId, spanId, 'keep'), `${traceId}-${spanId}-1`);
  assert.equal(formatB3(traceId, spanId, 'drop'), `${traceId}-${spanId}-0`);
  assert.equal(formatB3(traceId, spanId, 'debug'), `${traceId}-${spanId}-d`);
  assert.equal(formatB3(traceId, spanId, 'defer'), `${traceId}-${spanId}`);
  assert.equal(formatJaeger(traceId, spanId, true, false), `${traceId}:${spanId}:0:01`);
  assert.equal(formatJaeger(traceId, spanId, true, true), `${traceId}:${spanId}:0:03`);
  assert.equal(formatJaeger(traceId, spanId, false, false), `${traceId}:${spanId}:0:00`);
  const fields = `Root=1-80f198ee-56343ba864fe8b2a57d3eff7;Parent=${spanId}`;
  assert.equal(formatXRay(traceId, spanId, 'keep'), `${fields};Sampled=1`);
  assert.equal(formatXRay(traceId, spanId, 'drop'), `${fields};Sampled=0`);
  assert.equal(formatXRay(traceId, spanId, 'defer'), `${fields};Sampled=?`);
});

/** Text that looks much like a header, and text that does not. */
const header = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc
    .array(
      fc.constantFrom(traceId, spanId, '-', ':', ';', '=', 'Root=1-', 'Parent=', 'Sampled=', '0', '1', 'd', '%3A', ' '),
    )
    .map((parts) => parts.join('')),
);
test('whatever a header holds, what is read is valid and nothing is thrown', () => {
  fc.assert(
    fc.property(header, header, (one, other) => {
      const callers = [
        parseB3(one),
        parseJaeger(one),
        parseXRay(one),
        parseB3Headers({ traceId: one, spanId: other, sampled: one, flags: other }),
        parseB3Headers({ traceId, spanId, sampled: one, flags: other }),
      ];
      for (const caller of callers) {
        assert.ok(caller === undefined || (isTraceId(caller.traceId) && isSpanId(caller.spanId)));
      }
    }),
    { numRuns: 2_000 },
  );
});

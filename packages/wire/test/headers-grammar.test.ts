import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Caller,
  formatB3,
  formatBaggage,
  formatTraceparent,
  formatXRay,
  isSpanId,
  isTraceId,
  parseB3,
  parseB3Headers,
  parseBaggage,
  parseJaeger,
  parseTraceparent,
  parseTracestate,
  parseXRay,
  Tracestate,
} from '@clew/wire';
import fc from 'fast-check';
import * as grammar from './header-grammars.js';

/*
 * Every header against its grammar: what follows it is accepted and carried on exactly; of what nearly follows it, only
 * that is accepted which still does, and nothing throws.
 */

const many = { numRuns: 2_000 };

test('traceparent: what the grammar allows is read and carried on as version 00', () => {
  fc.assert(
    fc.property(grammar.traceparent, ({ header, traceId, spanId, flags }) => {
      const known = Number.parseInt(flags, 16) & 3;
      assert.deepEqual(parseTraceparent(header), { traceId, spanId, flags: known });
      assert.equal(formatTraceparent(traceId, spanId, Number.parseInt(flags, 16)), `00-${traceId}-${spanId}-0${known}`);
    }),
    many,
  );
});

test('traceparent: of what is nearly right, only what the grammar allows is accepted', () => {
  fc.assert(
    fc.property(grammar.mutated(grammar.traceparent.map(({ header }) => header)), (text) => {
      assert.equal(parseTraceparent(text) !== undefined, grammar.isTraceparent(text), JSON.stringify(text));
    }),
    many,
  );
});

test('tracestate: what the grammar allows is read, and carried on whole up to 512 characters', () => {
  fc.assert(
    fc.property(grammar.tracestate, ({ header, members }) => {
      assert.deepEqual(
        parseTracestate(header)?.map(({ key, value }) => [key, value]),
        members,
      );
      const sent = new Tracestate(header).serialize();
      const whole = members.map((member) => member.join('=')).join(',');
      if (whole.length <= 512) {
        assert.equal(sent, whole);
        return;
      }
      // Members go as a whole, and the others keep their order.
      assert.ok(sent.length <= 512);
      const kept = sent === '' ? [] : sent.split(',');
      const all = members.map((member) => member.join('='));
      assert.deepEqual(
        kept,
        all.filter((text) => kept.includes(text)),
      );
      // Nobody over 128 characters stays where a shorter one had to go.
      const isShortGone = all.some((text) => text.length <= 128 && !kept.includes(text));
      assert.ok(!isShortGone || kept.every((text) => text.length <= 128));
    }),
    { numRuns: 500 },
  );
});

test('tracestate: of what is nearly right, only what the grammar allows is accepted', () => {
  fc.assert(
    fc.property(grammar.mutated(grammar.tracestate.map(({ header }) => header)), (text) => {
      const members = parseTracestate(text);
      assert.equal(members !== undefined, grammar.isTracestate(text), JSON.stringify(text));
      for (const { key, value } of members ?? []) assert.ok(grammar.isTracestateMember(`${key}=${value}`));
    }),
    many,
  );
});

/** Percent-decoding by somebody else: bytes, then UTF-8 with U+FFFD for what is none. */
function decode(text: string): string {
  const bytes = text.replace(/%([0-9a-f]{2})|./gis, (char, digits: string | undefined) =>
    digits === undefined ? char : String.fromCharCode(Number.parseInt(digits, 16)),
  );
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

test('baggage: what the grammar allows is read, and carried on with its keys, values and properties', () => {
  fc.assert(
    fc.property(grammar.baggage, ({ header, members }) => {
      const read = parseBaggage(header);
      assert.deepEqual(
        read,
        members.map(({ key, value, properties }) => ({ key, value: decode(value), properties })),
      );
      const sent = formatBaggage(read);
      assert.ok(grammar.isBaggage(sent), sent);
      assert.deepEqual(parseBaggage(sent), read);
    }),
    { numRuns: 1_000 },
  );
});

test('baggage: whatever comes, what is carried on follows the grammar and says what was read', () => {
  fc.assert(
    fc.property(grammar.mutated(grammar.baggage.map(({ header }) => header)), (text) => {
      const read = parseBaggage(text);
      const sent = formatBaggage(read);
      assert.ok(grammar.isBaggage(sent), JSON.stringify([text, sent]));
      const again = parseBaggage(sent);
      assert.deepEqual(
        again.map(({ key, value }) => [key, value]),
        read.map(({ key, value }) => [key, value]),
      );
    }),
    many,
  );
});

test('b3: what the grammar allows is read and carried on, without the parent', () => {
  fc.assert(
    fc.property(grammar.b3, ({ header, traceId, spanId, state, decision }) => {
      const caller = parseB3(header)!;
      assert.deepEqual(caller, { traceId, spanId, decision });
      const expected = state === '' ? `${traceId}-${spanId}` : `${traceId}-${spanId}-${state}`;
      assert.equal(formatB3(caller.traceId, caller.spanId, caller.decision), expected);
    }),
    many,
  );
});

test('b3 in several headers: what the grammar allows is read', () => {
  fc.assert(
    fc.property(grammar.b3Headers, ({ headers, ...expected }) => assert.deepEqual(parseB3Headers(headers), expected)),
    many,
  );
});

test('uber-trace-id: what the grammar allows is read', () => {
  fc.assert(
    fc.property(grammar.uberTraceId, ({ header, ...expected }) => assert.deepEqual(parseJaeger(header), expected)),
    many,
  );
});

test('x-amzn-trace-id: what the grammar allows is read and carried on in the usual order', () => {
  fc.assert(
    fc.property(grammar.xray, ({ header, ...expected }) => {
      assert.deepEqual(parseXRay(header), expected);
      const { traceId, spanId, decision } = expected;
      const sampled = { keep: '1', drop: '0', defer: '?' }[decision as 'keep'];
      assert.equal(
        formatXRay(traceId, spanId, decision as 'keep'),
        `Root=1-${traceId.slice(0, 8)}-${traceId.slice(8)};Parent=${spanId};Sampled=${sampled}`,
      );
    }),
    many,
  );
});

const headerOf = (arbitrary: fc.Arbitrary<{ header: string }>): fc.Arbitrary<string> =>
  grammar.mutated(arbitrary.map(({ header }) => header));
const readers: readonly [
  name: string,
  text: fc.Arbitrary<string>,
  read: (text: string) => Caller | undefined,
  isLegal: ((text: string) => boolean) | undefined,
][] = [
  ['b3', headerOf(grammar.b3), parseB3, grammar.isB3],
  ['uber-trace-id', headerOf(grammar.uberTraceId), parseJaeger, undefined],
  ['x-amzn-trace-id', headerOf(grammar.xray), parseXRay, undefined],
];
for (const [name, text, read, isLegal] of readers) {
  test(`${name}: what is nearly right is refused, or names a caller with valid ids`, () => {
    fc.assert(
      fc.property(text, (header) => {
        const caller = read(header);
        assert.ok(caller === undefined || (isTraceId(caller.traceId) && isSpanId(caller.spanId)));
        if (isLegal !== undefined) assert.equal(caller !== undefined, isLegal(header), JSON.stringify(header));
      }),
      many,
    );
  });
}

test('b3 in several headers: each of them may be anything, and what is read has valid ids', () => {
  const anything = grammar.mutated(fc.oneof(grammar.id(32), grammar.id(16), fc.constantFrom('1', '0', 'true', 'd')));
  const headers = fc.record({ traceId: anything, spanId: anything, sampled: anything, flags: anything });
  fc.assert(
    fc.property(headers, (given) => {
      const caller = parseB3Headers(given);
      assert.ok(caller === undefined || (isTraceId(caller.traceId) && isSpanId(caller.spanId)));
    }),
    many,
  );
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeResource, encodeScope, encodeTraceRequest, MalformedProtobufError, splitTraceRequest } from '@clew/wire';
import fc from 'fast-check';
import { type DecodedSpan, decodeSpans } from './converted-spans.js';

/** A span by protobuf's rules: an id of eight bytes, and a name that makes it as long as wanted. */
function spanField(id: number, nameLength: number): Uint8Array {
  const content = Buffer.concat([
    Buffer.from([0x12, 8, 0, 0, 0, 0, 0, 0, id >>> 8, id & 0xff]),
    Buffer.from([0x2a, nameLength]),
    Buffer.alloc(nameLength, 'n'),
  ]);
  return Buffer.concat([Buffer.from([0x12, content.length]), content]);
}

const request = fc.array(
  fc.record({
    service: fc.constantFrom('a', 'b'),
    scopes: fc.array(fc.array(fc.integer({ min: 0, max: 100 }), { maxLength: 6 }), { maxLength: 3 }),
  }),
  { maxLength: 3 },
);

function encode(groups: readonly { service: string; scopes: readonly (readonly number[])[] }[]): Uint8Array {
  let id = 0;
  return Buffer.concat(
    groups.map(({ service, scopes }, group) =>
      encodeTraceRequest(
        encodeResource(['service.name', service], 'https://example.com/resource'),
        scopes.map((lengths, index) => ({
          scope: encodeScope(`scope ${group}.${index}`, '1', ['key', 'value'], 'https://example.com/scope'),
          spans: Buffer.concat(lengths.map((length) => spanField(++id, length))),
        })),
      ),
    ),
  );
}

test('the parts have the same spans in the same order, with resource and scope, and are no larger than asked', () => {
  fc.assert(
    fc.property(request, fc.integer({ min: 120, max: 600 }), (groups, maxBytes) => {
      const whole = encode(groups);
      const parts = [...splitTraceRequest(whole, maxBytes)];
      const spans = parts.map(({ bytes }) => decodeSpans({ request: bytes }));
      assert.deepEqual(spans.flat(), decodeSpans({ request: whole }));
      assert.deepEqual(
        parts.map(({ spanCount }) => spanCount),
        spans.map(({ length }) => length),
      );
      const bytesOf = (of: readonly DecodedSpan[]) => of.reduce((sum, { name = '' }) => sum + 14 + name.length, 0);
      for (const part of spans) assert.ok(part.length > 0 && bytesOf(part) <= maxBytes);
      // As few parts as that allows: the first span of the next part of the same scope did not fit.
      for (const [i, part] of spans.entries()) {
        const next = spans[i + 1]?.[0];
        if (next?.scope.name === part[0]!.scope.name) assert.ok(bytesOf([...part, next!]) > maxBytes);
      }
    }),
  );
});

test('a span that is larger than a part is a part of its own', () => {
  const parts = [...splitTraceRequest(encode([{ service: 'a', scopes: [[10, 100, 10]] }]), 50)];
  assert.deepEqual(
    parts.map(({ spanCount }) => spanCount),
    [1, 1, 1],
  );
});

test('a part has no more spans than asked, whatever their size', () => {
  const parts = [...splitTraceRequest(encode([{ service: 'a', scopes: [[1, 1, 1, 1, 1], [1]] }]), 1_000, 2)];
  assert.deepEqual(
    parts.map(({ spanCount }) => spanCount),
    [2, 2, 1, 1],
  );
});

test('bytes that are no request are refused', () => {
  const whole = encode([{ service: 'a', scopes: [[10]] }]);
  assert.throws(() => [...splitTraceRequest(whole.subarray(0, -1), 100)], MalformedProtobufError);
  assert.throws(() => [...splitTraceRequest(Buffer.from('{"resourceSpans":[]}'), 100)], MalformedProtobufError);
});

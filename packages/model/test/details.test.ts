import assert from 'node:assert/strict';
import { test } from 'node:test';
import { detailsOf, tableFromNative } from '@clew/model';
import { type FixtureSpan, nativeTrace } from '@clew/model/fixtures';
import type { KeyValue } from '@clew/wire';

const traceId = '5b8efff798038103d269b633813fc60c';
const startNs = 1_700_000_000_123_456_789n;
const plain: FixtureSpan = { id: '00000000000000a1', service: 'shop', name: 'plain', startNs: 0, durationNs: 10 };

function detailsOfSpan(span: Partial<FixtureSpan>, at = 1) {
  const spans = [plain, { ...plain, id: '00000000000000a2', startNs: 5, ...span }];
  return detailsOf(tableFromNative(nativeTrace({ traceId, startNs, spans })), at);
}

test('attributes keep their types and are sorted by key', () => {
  const attributes: KeyValue[] = [
    { key: 'a.string', value: { type: 'string', value: 'héllo' } },
    { key: 'b.int', value: { type: 'int', value: -9_223_372_036_854_775_808n } },
    { key: 'c.double', value: { type: 'double', value: 1 } },
    { key: 'd.bool', value: { type: 'bool', value: false } },
    { key: 'e.bool', value: { type: 'bool', value: true } },
    {
      key: 'f.array',
      value: {
        type: 'array',
        values: [
          { type: 'int', value: 1n },
          { type: 'string', value: 'two' },
        ],
      },
    },
    { key: 'g.map', value: { type: 'map', entries: [{ key: 'k', value: { type: 'double', value: 0.5 } }] } },
    { key: 'h.bytes', value: { type: 'bytes', value: Uint8Array.of(0, 255) } },
    { key: 'i.empty', value: { type: 'empty' } },
  ];
  assert.deepEqual(detailsOfSpan({ attributes: attributes.toReversed() }).attributes, attributes);
});

test('a row shows its own attributes and not those of its neighbour', () => {
  const attributes: KeyValue[] = [{ key: 'only', value: { type: 'string', value: 'second' } }];
  assert.deepEqual(detailsOfSpan({ attributes }, 0).attributes, []);
  assert.deepEqual(detailsOfSpan({ attributes }, 1).attributes, attributes);
});

test('events have their time as an offset from the start of their span', () => {
  const attributes: KeyValue[] = [{ key: 'exception.type', value: { type: 'string', value: 'TypeError' } }];
  const { events } = detailsOfSpan({
    events: [
      { name: 'early', atNs: 3 },
      { name: 'exception', atNs: 12, attributes },
    ],
  });
  assert.deepEqual(
    events.map(({ name, offsetNs }) => [name, offsetNs]),
    [
      ['early', -2],
      ['exception', 7],
    ],
  );
  assert.deepEqual(events[1]!.attributes, attributes);
});

test('an event without a time has no offset', () => {
  const { events } = detailsOfSpan({ events: [{ name: 'untimed', atNs: undefined }] });
  assert.deepEqual(events, [
    { name: 'untimed', timeNs: 0n, offsetNs: undefined, attributes: [], droppedAttributesCount: 0 },
  ]);
});

test('links name the trace and the span they lead to', () => {
  const link = { traceId: 'ffffffffffffffffffffffffffffff01', spanId: 'ffffffffffffff02' };
  const { links } = detailsOfSpan({ links: [link] });
  assert.equal(links.length, 1);
  assert.equal(links[0]!.traceId, link.traceId);
  assert.equal(links[0]!.spanId, link.spanId);
});

test('resource, scope, status, ids, kind and trace state are there', () => {
  const resource: KeyValue[] = [{ key: 'service.version', value: { type: 'string', value: '2.0.1' } }];
  const details = detailsOfSpan({
    parent: plain.id,
    resource,
    resourceDroppedAttributesCount: 3,
    resourceSchemaUrl: 'https://opentelemetry.io/schemas/1.30.0',
    scope: {
      name: 'my-library',
      version: '1.2.3',
      attributes: resource,
      droppedAttributesCount: 4,
      schemaUrl: 'urn:x',
    },
    status: 2,
    statusMessage: 'declined',
    traceState: 'vendor=1',
    flags: 0x301,
    kind: 5,
  });
  assert.deepEqual(details.resource, resource);
  assert.equal(details.resourceDroppedAttributesCount, 3);
  assert.equal(details.resourceSchemaUrl, 'https://opentelemetry.io/schemas/1.30.0');
  assert.deepEqual(details.scope, {
    name: 'my-library',
    version: '1.2.3',
    attributes: resource,
    droppedAttributesCount: 4,
    schemaUrl: 'urn:x',
  });
  assert.equal(details.statusCode, 2);
  assert.equal(details.statusMessage, 'declined');
  assert.equal(details.traceState, 'vendor=1');
  assert.equal(details.flags, 0x301);
  assert.equal(details.kind, 5);
  assert.equal(details.traceId, traceId);
  assert.equal(details.spanId, '00000000000000a2');
  assert.equal(details.parentSpanId, plain.id);
  assert.equal(details.startNs, startNs + 5n);
});

test('a root has no parent id', () => {
  assert.equal(detailsOfSpan({}, 0).parentSpanId, undefined);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tableFromNative, traceToOtlpJson } from '@clew/model';
import { type FixtureSpan, nativeTrace } from '@clew/model/fixtures';

const traceId = '5b8efff798038103d269b633813fc60c';
const startNs = 1_700_000_000_123_456_789n;

function exportOf(...spans: Partial<FixtureSpan>[]): unknown {
  const whole = spans.map((span, at) => ({
    id: `00000000000000a${at}`,
    service: 'shop',
    name: 'work',
    startNs: at,
    durationNs: 10,
    ...span,
  }));
  return traceToOtlpJson(tableFromNative(nativeTrace({ traceId, startNs, spans: whole })));
}

const spanOf = (at: number) => ({
  traceId,
  spanId: `00000000000000a${at}`,
  flags: 1,
  name: 'work',
  kind: 1,
  startTimeUnixNano: String(startNs + BigInt(at)),
  endTimeUnixNano: String(startNs + BigInt(at) + 10n),
});
const attributes = [{ key: 'service.name', value: { stringValue: 'shop' } }];

test('schema URLs and dropped counts are exported, and tell resources and scopes apart', () => {
  const scope = { name: 's', version: '' };
  assert.deepEqual(
    exportOf(
      { resourceSchemaUrl: 'urn:1', resourceDroppedAttributesCount: 3, scope },
      { resourceSchemaUrl: 'urn:1', resourceDroppedAttributesCount: 3, scope: { ...scope, schemaUrl: 'urn:2' } },
      { scope: { ...scope, droppedAttributesCount: 5 } },
    ),
    {
      resourceSpans: [
        {
          resource: { attributes, droppedAttributesCount: 3 },
          scopeSpans: [
            { scope: { name: 's' }, spans: [spanOf(0)] },
            { scope: { name: 's' }, spans: [spanOf(1)], schemaUrl: 'urn:2' },
          ],
          schemaUrl: 'urn:1',
        },
        {
          resource: { attributes },
          scopeSpans: [{ scope: { name: 's', droppedAttributesCount: 5 }, spans: [spanOf(2)] }],
        },
      ],
    },
  );
});

test('the time of an event is exported to the nanosecond, however far from its span, and not made up', () => {
  const days = 200;
  const exported = exportOf({
    events: [
      { name: 'late', atNs: days * 86_400e9 + 256 + 1 },
      { name: 'untimed', atNs: undefined },
    ],
  }) as { resourceSpans: { scopeSpans: { spans: { events: unknown }[] }[] }[] };
  assert.deepEqual(exported.resourceSpans[0]!.scopeSpans[0]!.spans[0]!.events, [
    { timeUnixNano: String(startNs + BigInt(days * 86_400e9 + 256 + 1)), name: 'late' },
    { name: 'untimed' },
  ]);
});

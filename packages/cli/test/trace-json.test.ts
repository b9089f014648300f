import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { tableFromNative } from '@clew/model';
import { nativeTrace } from '@clew/model/fixtures';
import { describeTrace } from '#src/trace-json.js';

describe('describeTrace', () => {
  it('gives all of a span in the order of the waterfall, with attributes in the encoding of OTLP/JSON', () => {
    const bytes = nativeTrace({
      traceId: '5b8aa5a2d2c872e8321cf37308d69df2',
      startNs: 1_795_412_641_123_456_789n,
      spans: [
        { id: '00000000000000aa', service: 'gateway', name: 'GET /', startNs: 0, durationNs: 10, kind: 2 },
        {
          id: '00000000000000bb',
          parent: '00000000000000aa',
          service: 'orders',
          name: 'select',
          startNs: 3,
          durationNs: 4,
          kind: 3,
          status: 2,
          statusMessage: 'timeout',
          traceState: 'a=b',
          attributes: [
            { key: 'a.string', value: { type: 'string', value: 'x' } },
            { key: 'b.int', value: { type: 'int', value: 9_007_199_254_740_993n } },
            { key: 'c.double', value: { type: 'double', value: Number.NaN } },
            { key: 'd.bool', value: { type: 'bool', value: false } },
            { key: 'e.bytes', value: { type: 'bytes', value: Uint8Array.of(1, 2, 3) } },
            { key: 'f.array', value: { type: 'array', values: [{ type: 'empty' }, { type: 'double', value: 0.5 }] } },
            {
              key: 'g.map',
              value: { type: 'map', entries: [{ key: 'k', value: { type: 'string', value: 'v' } }] },
            },
          ],
          events: [{ name: 'retry', atNs: 5, attributes: [{ key: 'n', value: { type: 'int', value: 2n } }] }],
          links: [{ traceId: '0000000000000000000000000000000c', spanId: '000000000000000d' }],
          resourceDroppedAttributesCount: 3,
          resourceSchemaUrl: 'urn:1',
          scope: { name: 'mysql', version: '1.2.3', droppedAttributesCount: 4, schemaUrl: 'urn:2' },
        },
      ],
    });
    const resource = (name: string) => [{ key: 'service.name', value: { stringValue: name } }];
    assert.deepEqual(JSON.parse(JSON.stringify(describeTrace(tableFromNative(bytes)))), {
      traceId: '5b8aa5a2d2c872e8321cf37308d69df2',
      startNs: '1795412641123456789',
      durationNs: 10,
      spanCount: 2,
      errorCount: 1,
      services: ['gateway', 'orders'],
      spans: [
        {
          traceId: '5b8aa5a2d2c872e8321cf37308d69df2',
          spanId: '00000000000000aa',
          traceState: '',
          flags: 1,
          service: 'gateway',
          name: 'GET /',
          kind: 'server',
          startNs: '1795412641123456789',
          durationNs: 10,
          selfNs: 6,
          statusCode: 'unset',
          statusMessage: '',
          attributes: [],
          droppedAttributesCount: 0,
          events: [],
          droppedEventsCount: 0,
          links: [],
          droppedLinksCount: 0,
          resource: resource('gateway'),
          resourceDroppedAttributesCount: 0,
          resourceSchemaUrl: '',
          scope: { name: '', version: '', attributes: [], droppedAttributesCount: 0, schemaUrl: '' },
          depth: 0,
        },
        {
          traceId: '5b8aa5a2d2c872e8321cf37308d69df2',
          spanId: '00000000000000bb',
          parentSpanId: '00000000000000aa',
          traceState: 'a=b',
          flags: 1,
          service: 'orders',
          name: 'select',
          kind: 'client',
          startNs: '1795412641123456792',
          durationNs: 4,
          selfNs: 4,
          statusCode: 'error',
          statusMessage: 'timeout',
          attributes: [
            { key: 'a.string', value: { stringValue: 'x' } },
            { key: 'b.int', value: { intValue: '9007199254740993' } },
            { key: 'c.double', value: { doubleValue: 'NaN' } },
            { key: 'd.bool', value: { boolValue: false } },
            { key: 'e.bytes', value: { bytesValue: 'AQID' } },
            { key: 'f.array', value: { arrayValue: { values: [{}, { doubleValue: 0.5 }] } } },
            { key: 'g.map', value: { kvlistValue: { values: [{ key: 'k', value: { stringValue: 'v' } }] } } },
          ],
          droppedAttributesCount: 0,
          events: [
            {
              timeNs: '1795412641123456794',
              offsetNs: 2,
              name: 'retry',
              attributes: [{ key: 'n', value: { intValue: '2' } }],
              droppedAttributesCount: 0,
            },
          ],
          droppedEventsCount: 0,
          links: [
            {
              traceId: '0000000000000000000000000000000c',
              spanId: '000000000000000d',
              traceState: '',
              flags: 1,
              attributes: [],
              droppedAttributesCount: 0,
            },
          ],
          droppedLinksCount: 0,
          resource: resource('orders'),
          resourceDroppedAttributesCount: 3,
          resourceSchemaUrl: 'urn:1',
          scope: { name: 'mysql', version: '1.2.3', attributes: [], droppedAttributesCount: 4, schemaUrl: 'urn:2' },
          depth: 1,
        },
      ],
    });
  });
});

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fetchStored, startTestServer, type TestServer } from './clew-server.js';
import { runClient } from './run-client.js';

const app = join(import.meta.dirname, 'clew-sdk-app.js');

let clew: TestServer;

before(async () => {
  clew = await startTestServer();
});

after(() => clew.stop());

describe('what @clew/sdk exports is stored', () => {
  for (const protocol of ['grpc', 'http/protobuf', 'http/json']) {
    for (const compression of ['none', 'gzip']) {
      it(`over OTLP/${protocol}, compression ${compression}`, async () => {
        const { otlpUrl, otlpGrpcUrl } = clew.server;
        const traceId = await runClient(process.execPath, ['--import', '@clew/sdk/register', app], {
          OTEL_SERVICE_NAME: 'orders',
          OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
          OTEL_EXPORTER_OTLP_COMPRESSION: compression,
          OTEL_EXPORTER_OTLP_ENDPOINT: protocol === 'grpc' ? otlpGrpcUrl : otlpUrl,
        });
        const [root, child] = (await fetchStored(clew.server.uiUrl, traceId, 2))
          .sort((a, b) => b.kind - a.kind)
          .reverse();
        assert.deepEqual(
          { ...root, spanId: '', startNs: '', endNs: '', resource: [] },
          {
            traceId,
            spanId: '',
            parentSpanId: '',
            traceState: '',
            flags: 0x103,
            name: 'POST /checkout',
            kind: 2,
            startNs: '',
            endNs: '',
            attributes: [
              { key: 'fraction', value: { doubleValue: 0.1 } },
              { key: 'list', value: { arrayValue: { values: [{ stringValue: 'a' }, { stringValue: 'b' }] } } },
              { key: 'text', value: { stringValue: 'Grüße' } },
              { key: 'whole', value: { intValue: '42' } },
              { key: 'yes', value: { boolValue: true } },
            ],
            events: [
              {
                timeNs: root?.events[0]?.timeNs,
                name: 'cache.miss',
                attributes: [{ key: 'key', value: { stringValue: 'cart:7' } }],
                dropped: 0,
              },
            ],
            links: [],
            statusCode: 2,
            statusMessage: 'out of stock',
            droppedAttributes: 0,
            droppedEvents: 0,
            droppedLinks: 0,
            resource: [],
            scopeName: 'checkout',
            scopeVersion: '1.2.3',
            scopeAttributes: [],
          },
        );
        assert.deepEqual([child?.name, child?.kind, child?.parentSpanId], ['charge', 3, root?.spanId]);
        assert.deepEqual(
          child?.links.map((link) => [link.traceId, link.spanId]),
          [[traceId, root?.spanId]],
        );
        const service = root?.resource.find(({ key }) => key === 'service.name');
        assert.deepEqual(service?.value, { stringValue: 'orders' });
      });
    }
  }
});

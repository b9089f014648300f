import { type FixtureTrace, nativeTrace } from '@clew/model/fixtures';
import type { KeyValue } from '@clew/wire';

const text = (key: string, value: string): KeyValue => ({ key, value: { type: 'string', value } });
const int = (key: string, value: bigint): KeyValue => ({ key, value: { type: 'int', value } });
const ms = 1e6;

export const shopTraceId = '4bf92f3577b34da6a3ce929d0e0e4736';
/** Sixteen digits and no letter: must not be read as a number. */
export const paymentSpanId = '9007199254740993';

/** A request through four services, with one of everything that the page shows. */
export const shopTrace: FixtureTrace = {
  traceId: shopTraceId,
  startNs: 1_767_225_600_123_456_789n,
  spans: [
    {
      id: '00f067aa0ba902b7',
      service: 'gateway',
      name: 'POST /checkout',
      startNs: 0,
      durationNs: 412 * ms,
      kind: 2,
      status: 2,
      attributes: [
        text('http.request.method', 'POST'),
        int('http.response.status_code', 502n),
        text('user-id', 'alice'),
      ],
    },
    {
      id: '00f067aa0ba90201',
      parent: '00f067aa0ba902b7',
      service: 'gateway',
      name: 'middleware',
      startNs: 1 * ms,
      durationNs: 3 * ms,
    },
    {
      id: '00f067aa0ba90202',
      parent: '00f067aa0ba902b7',
      service: 'gateway',
      name: 'POST',
      startNs: 6 * ms,
      durationNs: 398 * ms,
      kind: 3,
      attributes: [text('server.address', 'orders'), int('server.port', 8081n)],
    },
    {
      id: '00f067aa0ba90203',
      parent: '00f067aa0ba90202',
      service: 'orders',
      name: 'POST /orders',
      startNs: 9 * ms,
      durationNs: 391 * ms,
      kind: 2,
      status: 2,
      attributes: [text('user-id', 'alice')],
    },
    {
      id: '00f067aa0ba90204',
      parent: '00f067aa0ba90203',
      service: 'inventory',
      name: 'GET /stock/:id',
      startNs: 20 * ms,
      durationNs: 80 * ms,
      kind: 2,
    },
    ...Array.from({ length: 6 }, (_, at) => ({
      id: `00f067aa0ba9021${at}`,
      parent: '00f067aa0ba90204',
      service: 'inventory',
      name: 'SELECT stock',
      startNs: (24 + at * 12) * ms,
      durationNs: 9 * ms,
      kind: 3,
      attributes: [text('db.system.name', 'sqlite'), text('db.query.text', 'SELECT * FROM stock WHERE id = ?')],
    })),
    {
      id: paymentSpanId,
      parent: '00f067aa0ba90203',
      service: 'payments',
      name: 'POST /charge',
      startNs: 110 * ms,
      durationNs: 280 * ms,
      kind: 2,
      status: 2,
      statusMessage: 'card declined',
      attributes: [
        text('user-id', 'alice'),
        int('amount', 9_007_199_254_740_993n),
        { key: 'rate', value: { type: 'double', value: 1 } },
        { key: 'retry', value: { type: 'bool', value: true } },
        {
          key: 'cards',
          value: {
            type: 'array',
            values: [
              { type: 'string', value: 'visa' },
              { type: 'int', value: 2n },
            ],
          },
        },
        { key: 'risk', value: { type: 'map', entries: [{ key: 'score', value: { type: 'double', value: 0.7 } }] } },
        { key: 'signature', value: { type: 'bytes', value: Uint8Array.of(222, 173, 190, 239) } },
      ],
      events: [
        { name: 'gateway called', atNs: 130 * ms },
        {
          name: 'exception',
          atNs: 385 * ms,
          attributes: [
            text('exception.type', 'CardDeclinedError'),
            text('exception.message', 'card declined'),
            text(
              'exception.stacktrace',
              'CardDeclinedError: card declined\n    at charge (payments.js:41:11)\n    at handle (server.js:12:5)',
            ),
          ],
        },
      ],
      links: [{ traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' }],
      resource: [text('service.name', 'payments'), text('service.version', '2.1.0'), text('host.name', 'box-7')],
      scope: { name: '@clew/sdk', version: '0.1.0' },
    },
    {
      id: '00f067aa0ba90220',
      parent: '00f067aa0ba902ff',
      service: 'mailer',
      name: 'send receipt',
      startNs: 395 * ms,
      durationNs: 60 * ms,
      kind: 5,
    },
  ],
};

export const shopBlock: Uint8Array = nativeTrace(shopTrace);

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { OperationMetrics, ServiceGraphEdge } from '@clew/model';
import picocolors from 'picocolors';
import { renderGraph, renderOperations, renderServices } from '#src/services-table.js';

const colors = picocolors.createColors(false);
const window = { hasMore: false, start: Date.UTC(2026, 10, 25, 11), end: Date.UTC(2026, 10, 25, 12) };
const foot = 'Calls between 2026-11-25T11:00:00.000Z and 2026-11-25T12:00:00.000Z';
const operation = (fields: Partial<OperationMetrics>): OperationMetrics => ({
  service: 'shop',
  name: 'GET /',
  kind: 'server',
  calls: 10,
  errors: 0,
  meanNs: 2e6,
  p50Ns: 1e6,
  p95Ns: 5e6,
  p99Ns: 9e6,
  ...fields,
});
const edge: ServiceGraphEdge = { client: 'a', server: 'b', connectionType: '', calls: 1, errors: 0, meanNs: 1e3 };

describe('the tables of services', () => {
  it('add up the calls that a service got, the most called first', () => {
    const operations = [
      operation({}),
      operation({ name: 'PUT /', calls: 30, errors: 3, meanNs: 6e6 }),
      operation({ kind: 'client', calls: 1000 }),
      operation({ service: 'mail', kind: 'consumer', calls: 1500, errors: 1500 }),
      operation({ service: 'cron', kind: 'internal' }),
    ];
    assert.deepEqual(renderServices({ operations, ...window }, colors), [
      'SERVICE  OPERATIONS  CALLS         ERRORS  MEAN',
      'mail              1  1,500  1,500 (100 %)  2 ms',
      'shop              2     40      3 (7.5 %)  5 ms',
      'cron              0      0              0     -',
      '',
      `${foot}.`,
    ]);
  });

  it('show the durations of operations, and no control characters of a server', () => {
    const operations = [operation({ name: 'GET \x1b[31m' })];
    const lines = renderOperations({ operations, ...window, hasMore: true }, colors);
    assert.match(lines[0]!, /^OPERATION +KIND {4}CALLS {2}ERRORS {2}MEAN {3}P50 {3}P95 {3}P99$/);
    assert.match(lines[1]!, / server {5}10 {7}0 {2}2 ms {2}1 ms {2}5 ms {2}9 ms$/);
    assert.ok(!lines.join('').includes('\x1b'));
    assert.equal(lines.at(-1), `${foot}, the most frequent of more.`);
  });

  it('show who calls whom, and by what', () => {
    const edges = [
      edge,
      { ...edge, connectionType: 'messaging_system' },
      { ...edge, connectionType: 'database' },
    ] as const;
    assert.deepEqual(renderGraph({ edges, ...window }, colors).slice(0, 4), [
      'CLIENT  SERVER  BY        CALLS  ERRORS  MEAN',
      'a       b       call          1       0  1 µs',
      'a       b       message       1       0  1 µs',
      'a       b       database      1       0  1 µs',
    ]);
    assert.match(renderGraph({ edges: [], ...window }, colors).join(), /^No calls between/);
  });
});

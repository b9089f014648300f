import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findText, tableFromNative } from '@clew/model';
import { nativeTrace } from '@clew/model/fixtures';

const spans = [
  { id: '0000000000000001', service: 'Gateway', name: 'GET /', startNs: 0, durationNs: 9 },
  {
    id: '0000000000000002',
    service: 'orders',
    name: 'SELECT',
    startNs: 1,
    durationNs: 9,
    attributes: [
      { key: 'user-id', value: { type: 'string', value: 'Ärger-ALICE' } },
      { key: 'http.response.status_code', value: { type: 'int', value: 503n } },
    ],
  },
  {
    id: '0000000000000003',
    service: 'orders',
    name: 'commit',
    startNs: 2,
    durationNs: 9,
    statusMessage: 'Deadlock found',
    attributes: [
      { key: 'ratio', value: { type: 'double', value: 0.25 } },
      { key: 'tail', value: { type: 'string', value: 'bo' } },
    ],
  },
] as const;
const table = tableFromNative(
  nativeTrace({ traceId: '5b8efff798038103d269b633813fc60c', startNs: 1_700_000_000_000_000_000n, spans }),
);
const rowsWith = (text: string): number[] =>
  [...findText(table, text)].flatMap((mark, row) => (mark === 1 ? [row] : []));

test('service and span name are searched without regard to case', () => {
  assert.deepEqual(rowsWith('gateWAY'), [0]);
  assert.deepEqual(rowsWith('orders'), [1, 2]);
  assert.deepEqual(rowsWith('select'), [1]);
});

test('values of attributes are searched: strings, integers, doubles', () => {
  assert.deepEqual(rowsWith('alice'), [1]);
  assert.deepEqual(rowsWith('503'), [1]);
  assert.deepEqual(rowsWith('0.25'), [2]);
});

test('the status message is searched', () => {
  assert.deepEqual(rowsWith('deadlock'), [2]);
});

test('keys of attributes are not searched', () => {
  assert.deepEqual(rowsWith('user-id'), []);
});

test('a text that runs over the end of a value does not match', () => {
  assert.deepEqual(rowsWith('bo'), [2]);
  assert.deepEqual(rowsWith('bob'), []);
});

test('an empty text marks nothing', () => {
  assert.deepEqual(rowsWith(''), []);
});

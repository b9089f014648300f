import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readSearchAddress, requestOf, type SearchAddress } from '#src/fetch/search-address.js';

const nowMs = 1_800_000_000_000;
const jaegerAddress = {
  service: 'orders',
  operation: 'POST /orders',
  tags: '{"http.response.status_code":"500","paid":true}',
  start: '1767225600000000',
  end: '1767229200000999',
  lookback: '1h',
  limit: '50',
  minDuration: '1.5s',
};

test("an address of Jaeger's UI is understood", () => {
  const { address, unknown, errors } = readSearchAddress({ ...jaegerAddress, view: 'ddg', uiSearchHideGraph: '1' });
  assert.deepEqual([unknown, errors], [[], {}]);
  assert.deepEqual(requestOf(address, nowMs), {
    service: 'orders',
    operation: 'POST /orders',
    attribute: ['http.response.status_code=500', 'paid=true'],
    minDuration: '1.5s',
    maxDuration: undefined,
    start: 1_767_225_600_000,
    end: 1_767_229_200_001,
    limit: 50,
  });
});

test("conditions in Jaeger's older form are joined with those of the newer", () => {
  const { address, unknown } = readSearchAddress({ tags: '{"a":"1"}', tag: ['b:2:3', 'a:4'] });
  assert.deepEqual(unknown, []);
  assert.deepEqual(requestOf(address, nowMs).attribute, ['a=1', 'a=4', 'b=2:3']);
  assert.deepEqual(readSearchAddress({ tag: 'novalue' }).unknown, ['tag=novalue']);
});

test('a look-back without a start counts from now; without either the server decides', () => {
  const { start, end } = requestOf({ lookback: '15m' }, nowMs);
  assert.deepEqual([start, end], [nowMs - 900_000, nowMs]);
  assert.equal(requestOf({}, nowMs).start, undefined);
});

test('parameters that are unknown or contradict themselves are named', () => {
  const query = { service: ['a', 'b'], operation: ['x', 'x'], traceID: '1', limit: '', serivce: 'c' };
  const { address, unknown } = readSearchAddress(query);
  assert.deepEqual(unknown, ['service=a', 'service=b', 'traceID=1', 'serivce=c']);
  assert.deepEqual(address, { operation: 'x' });
});

test('an error is at the field whose value is not understood', () => {
  const wrong: readonly [SearchAddress, keyof SearchAddress][] = [
    [{ tags: '{broken' }, 'tags'],
    [{ tags: '[1]' }, 'tags'],
    [{ tags: 'null' }, 'tags'],
    [{ tags: '{"a":{"b":1}}' }, 'tags'],
    [{ minDuration: '5' }, 'minDuration'],
    [{ maxDuration: '5x' }, 'maxDuration'],
    [{ minDuration: '2s', maxDuration: '1999ms' }, 'minDuration'],
    [{ limit: '0' }, 'limit'],
    [{ limit: '1001' }, 'limit'],
    [{ limit: '99999' }, 'limit'],
    [{ limit: '1e2' }, 'limit'],
    [{ lookback: '5x' }, 'lookback'],
    [{ lookback: 'custom' }, 'lookback'],
    [{ start: 'yesterday' }, 'start'],
    [{ start: '-5' }, 'start'],
    [{ start: '2', end: '1' }, 'end'],
  ];
  for (const [address, field] of wrong) {
    assert.deepEqual(Object.keys(readSearchAddress({ ...address }).errors), [field], JSON.stringify(address));
  }
});

test('the last accepted values are no errors', () => {
  const right: readonly SearchAddress[] = [
    { tags: '{}' },
    { minDuration: '2s', maxDuration: '2000ms' },
    { minDuration: '2m', maxDuration: '1h' },
    { limit: '1' },
    { limit: '1000' },
    { lookback: '4h' },
    { lookback: 'custom', start: '1', end: '1' },
  ];
  for (const address of right) assert.deepEqual(readSearchAddress({ ...address }).errors, {}, JSON.stringify(address));
});

test('times after the year 2255 keep their millisecond', () => {
  const { start, end } = requestOf({ start: '9183110400123000', end: '9183110400124001' }, nowMs);
  assert.deepEqual([start, end], [9_183_110_400_123, 9_183_110_400_125]);
});

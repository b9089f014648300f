import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  addressOf,
  conditionsOf,
  formatConditions,
  parseConditions,
  parseDuration,
  parseLookback,
  requestOf,
} from '#src/fetch/search-address.js';

const nowMs = 1_800_000_000_000;

test("an address of Jaeger's UI is understood", () => {
  const query = {
    service: 'orders',
    operation: 'POST /orders',
    tags: '{"http.response.status_code":"500","error":true}',
    start: '1767225600000000',
    end: '1767229200000999',
    lookback: '1h',
    limit: '50',
    minDuration: '1.5s',
    unknown: 'x',
  };
  assert.deepEqual(requestOf(addressOf(query), nowMs), {
    service: 'orders',
    operation: 'POST /orders',
    attribute: ['http.response.status_code=500', 'error=true'],
    minDuration: '1.5s',
    maxDuration: undefined,
    start: 1_767_225_600_000,
    end: 1_767_229_200_001,
    limit: 50,
  });
});

test('a look-back without a start counts from now; without either the server decides', () => {
  const { start, end } = requestOf({ lookback: '15m' }, nowMs);
  assert.deepEqual([start, end], [nowMs - 900_000, nowMs]);
  assert.equal(requestOf({}, nowMs).start, undefined);
});

test('look-backs have a unit', () => {
  assert.equal(parseLookback('2d'), 172_800_000);
  assert.equal(parseLookback('90s'), 90_000);
  assert.equal(parseLookback('custom'), undefined);
  assert.equal(parseLookback('1'), undefined);
});

test('tags that are no JSON object are no condition', () => {
  for (const tags of [undefined, '', '[1]', 'null', '{broken']) assert.deepEqual(conditionsOf(tags), {});
});

test('conditions are typed as key=value, with quotes around spaces', () => {
  assert.deepEqual(parseConditions(' user-id=42  http.route="/a b" empty= '), {
    'user-id': '42',
    'http.route': '/a b',
    empty: '',
  });
  assert.deepEqual(parseConditions(''), {});
  assert.deepEqual(parseConditions('url=http://x/?a=b'), { url: 'http://x/?a=b' });
});

test('anything else typed there is refused', () => {
  for (const text of ['user-id', '=42', 'a = b', 'a="b', 'a="b"c'])
    assert.equal(parseConditions(text), undefined, text);
});

test('conditions survive being written and read', () => {
  const key = fc.stringMatching(/^[a-z][a-z0-9._-]{0,12}$/);
  fc.assert(
    fc.property(fc.dictionary(key, fc.string()), (conditions) => {
      assert.deepEqual(parseConditions(formatConditions(conditions)), { ...conditions });
    }),
  );
});

test('a duration has a number and a unit', () => {
  assert.equal(parseDuration('1.5 s'), '1.5s');
  assert.equal(parseDuration('300µs'), '300us');
  assert.equal(parseDuration('20MS'), '20ms');
  for (const text of ['', '5', '1m', '-1s', '1.s', 's']) assert.equal(parseDuration(text), undefined, text);
});

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { RawParameters } from '#src/query/parameters.js';
import { parseSearch } from '#src/query/search-request.js';

const nowMs = 1_700_000_000_000;

describe('the parameters of a search', () => {
  const refused: readonly [RawParameters, RegExp][] = [
    [{ limit: '0' }, /limit is "0".* from 1 to 1000/],
    [{ limit: '1001' }, /limit is "1001"/],
    [{ limit: '1e1' }, /limit is "1e1"/],
    [{ limit: ['1', '2'] }, /given once/],
    [{ start: '-1' }, /start/],
    [{ end: '9223372036855' }, /end is "9223372036855".* to 9223372036854/],
    [{ start: '1.5' }, /start is "1\.5".*whole number/],
    [{ kind: 'servr' }, /kind is "servr".*server, client/],
    [{ status: 'failed' }, /status is "failed".*unset, ok, error/],
    [{ cursor: 'x' }, /cursor is "x"/],
    [{ allowRepeats: 'yes' }, /allowRepeats is "yes".*false, true/],
    [{ attribute: 'http.response.status_code>=500' }, /attribute is .*equality is the only comparison/],
    [{ attribute: '"a=b' }, /each double quote closed/],
    [{ start: '2', end: '1' }, /start is 2.*at most the end, 1/],
    [{ minDuration: '5' }, /minDuration is "5".*1\.5s/],
    [{ minDuration: '2s', maxDuration: '1s' }, /at most maxDuration, 1s/],
    [{ attribute: 'key' }, /"key".*key=value/],
    [{ attribute: '=value' }, /key=value/],
    [{ attribute: Array.from({ length: 21 }, () => 'a=b') }, /21 conditions.*at most 20/],
    [{ servce: 'a' }, /no parameter servce.*service/],
  ];
  for (const [raw, message] of refused) {
    test(`${JSON.stringify(raw).slice(0, 60)} is refused with what is allowed`, () => {
      assert.throws(() => parseSearch(raw, nowMs), { name: 'ClewError', status: 400, message });
    });
  }

  test('the last values that are allowed are accepted', () => {
    const raw = {
      limit: '1000',
      start: '0',
      end: '9223372036854',
      attribute: Array.from({ length: 20 }, () => 'a=b=c'),
    };
    const search = parseSearch(raw, nowMs);
    assert.equal(search.limit, 1000);
    assert.deepEqual(search.attributes[19], { key: 'a', value: 'b=c' });
    assert.equal(parseSearch({ limit: '1' }, nowMs).limit, 1);
  });
});

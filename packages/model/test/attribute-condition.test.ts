import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  type AttributeCondition,
  ConditionError,
  type ConditionFault,
  formatCondition,
  formatConditionList,
  formatTags,
  parseCondition,
  parseConditionList,
  parseTags,
} from '@clew/model';
import fc from 'fast-check';

const isFault =
  (fault: ConditionFault) =>
  (error: unknown): boolean =>
    error instanceof ConditionError && error.fault === fault;

describe('a condition of a request or of the command line', () => {
  for (const [text, key, value] of [
    ['user-id=42', 'user-id', '42'],
    ['a=', 'a', ''],
    ['url=http://x/?a=b', 'url', 'http://x/?a=b'],
    ['a="x"', 'a', '"x"'],
    ['a= 1 ', 'a', ' 1 '],
    ['a=>5', 'a', '>5'],
    ['"a=b"=c', 'a=b', 'c'],
    ['"a>"=5', 'a>', '5'],
    ['""=5', '', '5'],
    ['"a \\"b\\" \\\\"==~', 'a "b" \\', '=~'],
    ['服务=订单', '服务', '订单'],
    ['@jaeger@warnings=x', '@jaeger@warnings', 'x'],
    ['a[0].b/c:d,e=x', 'a[0].b/c:d,e', 'x'],
  ] as const) {
    test(`${text} is the key ${key} and the value ${value}`, () =>
      assert.deepEqual(parseCondition(text), { key, value }));
  }

  for (const [text, fault] of [
    ['', 'form'],
    ['key', 'form'],
    ['=value', 'form'],
    ['a = b', 'form'],
    ['my key=1', 'form'],
    ['"a"', 'form'],
    ['http.response.status_code>=500', 'operator'],
    ['http.response.status_code>500', 'operator'],
    ['a!=b', 'operator'],
    ['a=~b.*', 'operator'],
    ['a!~b', 'operator'],
    ['a==b', 'operator'],
    ['"a">=5', 'operator'],
    ['{resource.service.name="x"}', 'operator'],
    ['a&&b=1', 'operator'],
    ["'a=b'=1", 'operator'],
    ['"a=b', 'quotes'],
    ['"a"b=c', 'quotes'],
  ] as const) {
    test(`${text} is refused`, () => assert.throws(() => parseCondition(text), isFault(fault)));
  }
});

describe('conditions of the form', () => {
  test('stand between white space, with quotes around what has some', () => {
    assert.deepEqual(parseConditionList(' user-id=42 \n "a b"="c d"  empty=  x="~y" '), [
      { key: 'user-id', value: '42' },
      { key: 'a b', value: 'c d' },
      { key: 'empty', value: '' },
      { key: 'x', value: '~y' },
    ]);
    assert.deepEqual(parseConditionList(' '), []);
  });

  test('may name a key twice: an array has several elements', () => {
    assert.equal(parseConditionList('accept=a accept=b').length, 2);
  });

  for (const [text, fault] of [
    ['user-id', 'form'],
    ['=42', 'form'],
    ['a = b', 'form'],
    ['a=1 b', 'form'],
    ['a=1 b>=2', 'operator'],
    ['a=~b', 'operator'],
    ['a="b', 'quotes'],
    ['a="b"c', 'quotes'],
    ['a=b"c"', 'quotes'],
  ] as const) {
    test(`${text} is refused`, () => assert.throws(() => parseConditionList(text), isFault(fault)));
  }
});

describe('tags of a link', () => {
  test('are a JSON object; a list is one condition an element', () => {
    assert.deepEqual(parseTags('{"error":true,"http.status_code":500,"a":["1","2"]}'), [
      { key: 'error', value: 'true' },
      { key: 'http.status_code', value: '500' },
      { key: 'a', value: '1' },
      { key: 'a', value: '2' },
    ]);
    assert.deepEqual(parseTags('{}'), []);
    assert.deepEqual(parseTags('{"n":9007199254740991}'), [{ key: 'n', value: '9007199254740991' }]);
  });

  for (const json of ['', '{broken', '[1]', 'null', '"a"', '{"a":null}', '{"a":{"b":1}}', '{"n":9007199254740993}']) {
    test(`${json} is refused`, () => assert.throws(() => parseTags(json), isFault('tags')));
  }
});

test('conditions of any texts survive being written and read, in each form', () => {
  const condition = fc.record(
    { key: fc.string({ unit: 'binary' }), value: fc.string({ unit: 'binary' }) },
    { noNullPrototype: true },
  );
  const sorted = (conditions: readonly AttributeCondition[]): string[] =>
    conditions.map((one) => JSON.stringify(one)).sort();
  fc.assert(
    fc.property(fc.array(condition, { maxLength: 4 }), (conditions) => {
      for (const one of conditions) assert.deepEqual(parseCondition(formatCondition(one)), one);
      assert.deepEqual(parseConditionList(formatConditionList(conditions)), conditions);
      assert.deepEqual(sorted(parseTags(formatTags(conditions))), sorted(conditions));
    }),
  );
});

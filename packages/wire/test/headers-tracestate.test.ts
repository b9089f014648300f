import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatTracestate, parseTracestate, Tracestate } from '@clew/wire';
import fc from 'fast-check';

const members = (count: number) => Array.from({ length: count }, (_, index) => `k${index}=${index}`).join(',');

const valid: readonly [why: string, header: string, members: [string, string][]][] = [
  ['one member', 'foo=1', [['foo', '1']]],
  [
    'members in their order',
    'foo=1,bar=2',
    [
      ['foo', '1'],
      ['bar', '2'],
    ],
  ],
  [
    'whitespace around members',
    'foo=1 \t , \t bar=2',
    [
      ['foo', '1'],
      ['bar', '2'],
    ],
  ],
  [
    'empty members',
    'foo=1,,  ,bar=2,',
    [
      ['foo', '1'],
      ['bar', '2'],
    ],
  ],
  ['only empty members', ' , ,', []],
  ['leading spaces of a value', 'foo=  1', [['foo', '  1']]],
  [
    'an @ anywhere after the first character',
    't@v=1,a@=2,a@b@c=3',
    [
      ['t@v', '1'],
      ['a@', '2'],
      ['a@b@c', '3'],
    ],
  ],
  ['a digit as the first character', '0a=1', [['0a', '1']]],
  ['all key characters', 'a_-*/@9=1', [['a_-*/@9', '1']]],
  ['a key of 256 characters', `${'z'.repeat(256)}=1`, [['z'.repeat(256), '1']]],
  ['a value of 256 characters', `a=${'~'.repeat(256)}`, [['a', '~'.repeat(256)]]],
  ['the first of two members with one key', 'foo=1,foo=2', [['foo', '1']]],
];
for (const [why, header, expected] of valid) {
  test(`a tracestate is read: ${why}`, () => {
    assert.deepEqual(
      parseTracestate(header)?.map(({ key, value }) => [key, value]),
      expected,
    );
  });
}

const invalid: readonly [why: string, header: string][] = [
  ['no equals sign', 'foo'],
  ['an empty key', '=1'],
  ['an empty value', 'foo='],
  ['a space in front of the equals sign', 'foo =1'],
  ['an upper-case key', 'Foo=1'],
  ['a key that starts with @', '@foo=1'],
  ['a key that starts with _', '_foo=1'],
  ['a key with a character outside the grammar', 'foo.bar=1'],
  ['a key of 257 characters', `${'z'.repeat(257)}=1`],
  ['a value of 257 characters', `a=${'~'.repeat(257)}`],
  ['a value outside ASCII', 'foo=é'],
  ['an equals sign in a value', 'foo=bar=baz'],
  ['a tab in a value', 'foo=a\tb'],
  ['one bad member among good ones', 'foo=1,bar'],
];
for (const [why, header] of invalid) {
  test(`a tracestate is discarded: ${why}`, () => assert.equal(parseTracestate(header), undefined));
}

test('32 members are read and 33 are discarded; empty members do not count', () => {
  assert.equal(parseTracestate(members(32))?.length, 32);
  assert.equal(parseTracestate(`,${members(32)},,`)?.length, 32);
  assert.equal(parseTracestate(members(33)), undefined);
  assert.equal(parseTracestate(`${members(31)},k0=again`)?.length, 31);
  assert.equal(parseTracestate(`${members(32)},k0=again`), undefined);
});

test('a list that fits is written whole, and one character less drops a member', () => {
  const list = parseTracestate('aaa=1,bbb=2,ccc=3')!;
  assert.equal(formatTracestate(list, 17), 'aaa=1,bbb=2,ccc=3');
  assert.equal(formatTracestate(list, 16), 'aaa=1,bbb=2');
});

test('when members must go, those over 128 characters go first', () => {
  const atLimit = `long=${'x'.repeat(123)}`;
  const above = `long=${'x'.repeat(124)}`;
  assert.equal(formatTracestate(parseTracestate(`${above},b=2,c=3`)!, 100), 'b=2,c=3');
  assert.equal(formatTracestate(parseTracestate(`${atLimit},b=2,c=3`)!, 128), atLimit);
});

test('512 characters are propagated', () => {
  const header = `a=${'x'.repeat(126)},b=${'y'.repeat(126)},c=${'z'.repeat(126)},d=${'w'.repeat(123)}`;
  assert.equal(header.length, 512);
  assert.equal(new Tracestate(header).serialize(), header);
  assert.ok(new Tracestate(`${header}w`).serialize().length < 512);
});

test('a member that is set goes to the front, once, and pushes the 33rd out', () => {
  const state = new Tracestate(members(32)).set('k5', 'new');
  assert.match(state.serialize(), /^k5=new,k0=0,/);
  assert.equal(state.get('k31'), '31');
  const pushed = new Tracestate(members(32)).set('fresh', '1');
  assert.equal(pushed.get('k30'), '30');
  assert.equal(pushed.get('k31'), undefined);
});

test('a key or value outside the grammar changes nothing, and unset takes a member out', () => {
  const state = new Tracestate('a=1,b=2');
  assert.equal(state.set('A', '1').serialize(), 'a=1,b=2');
  assert.equal(state.set('a', 'x,y').serialize(), 'a=1,b=2');
  assert.equal(state.unset('a').serialize(), 'b=2');
  assert.equal(state.serialize(), 'a=1,b=2');
});

test('a bad header reads as an empty state', () => {
  assert.equal(new Tracestate('bad header').serialize(), '');
  assert.equal(new Tracestate('bad header').set('a', '1').serialize(), 'a=1');
});

test('what the grammar allows is read back as it was written', () => {
  const chars = (allowed: string) => fc.constantFrom(...allowed);
  const printable = Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index)).filter(
    (char) => char !== ',' && char !== '=',
  );
  const key = fc
    .tuple(chars('abcxyz0189'), fc.string({ unit: chars('abcxyz0189_-*/@'), maxLength: 20 }))
    .map((parts) => parts.join(''));
  const value = fc
    .tuple(fc.string({ unit: chars(printable.join('')), maxLength: 20 }), chars(printable.slice(1).join('')))
    .map((parts) => parts.join(''));
  const list = fc.uniqueArray(fc.record({ key, value }, { noNullPrototype: true }), {
    maxLength: 10,
    selector: (member) => member.key,
  });
  fc.assert(
    fc.property(list, (expected) => {
      assert.deepEqual(parseTracestate(formatTracestate(expected, 10_000)), expected);
    }),
  );
});

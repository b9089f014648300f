import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatBaggage, parseBaggage } from '@clew/wire';
import fc from 'fast-check';

const read = (header: string): string[][] =>
  parseBaggage(header).map(({ key, value, properties }) =>
    properties === '' ? [key, value] : [key, value, properties],
  );

const valid: readonly [why: string, header: string, members: string[][]][] = [
  [
    'members in their order',
    'a=1,b=2',
    [
      ['a', '1'],
      ['b', '2'],
    ],
  ],
  [
    'whitespace around every part',
    ' a = 1 ; p = 2 ,\tb\t=\t2',
    [
      ['a', '1', 'p = 2'],
      ['b', '2'],
    ],
  ],
  ['properties as they are', 'a=1;p;q=2;r=%20', [['a', '1', 'p;q=2;r=%20']]],
  ['equals signs in a value', 'a=b=c==', [['a', 'b=c==']]],
  ['an empty value', 'a=', [['a', '']]],
  [
    'percent-encoded UTF-8',
    'userId=Am%C3%A9lie,space=a%20b',
    [
      ['userId', 'Amélie'],
      ['space', 'a b'],
    ],
  ],
  ['an encoded percent sign', 'a=100%25', [['a', '100%']]],
  ['bytes that are not UTF-8 as U+FFFD', 'a=x%FFy', [['a', 'x\ufffdy']]],
  [
    'a percent sign that encodes nothing',
    'a=50%,b=%zz',
    [
      ['a', '50%'],
      ['b', '%zz'],
    ],
  ],
  ['all characters of a token', "!#$%&'*+-.^_`|~09azAZ=1", [["!#$%&'*+-.^_`|~09azAZ", '1']]],
  [
    'the last of two members with one key',
    'a=1,b=2,a=3',
    [
      ['a', '3'],
      ['b', '2'],
    ],
  ],
  ['__proto__ as a key', '__proto__=1', [['__proto__', '1']]],
  [
    'the good members beside bad ones',
    'a=1,noequals,=2,b c=3,(d)=4,e=5',
    [
      ['a', '1'],
      ['e', '5'],
    ],
  ],
  ['nothing in an empty header', '', []],
  // From the test cases of W3C's own implementation.
  [
    'every character of ASCII that has to be encoded',
    'SomeKey=%09%20%22%27%3B%3Dasdf%21%40%23%24%25%5E%26%2A%28%29',
    [['SomeKey', '\t "\';=asdf!@#$%^&*()']],
  ],
  [
    'tabs and spaces around every part of members with properties',
    'SomeKey \t = \t SomeValue \t ; \t SomeProp \t , \t SomeKey2 \t = \t SomeValue2 \t ; \t ValueProp \t = \t PropVal',
    [
      ['SomeKey', 'SomeValue', 'SomeProp'],
      ['SomeKey2', 'SomeValue2', 'ValueProp \t = \t PropVal'],
    ],
  ],
  ['several properties of one name', 'k=v;p=1;p=2;p', [['k', 'v', 'p=1;p=2;p']]],
  ['one member of 8192 bytes', `a=${'0123456789'.repeat(819)}`, [['a', '0123456789'.repeat(819)]]],
];
for (const [why, header, expected] of valid) {
  test(`a baggage header is read: ${why}`, () => assert.deepEqual(read(header), expected));
}

const written: readonly [why: string, value: string, header: string][] = [
  ['plain text', 'alice', 'k=alice'],
  ['a space', 'a b', 'k=a%20b'],
  ['a percent sign', '100%', 'k=100%25'],
  ['what separates members and properties', 'a,b;c', 'k=a%2Cb%3Bc'],
  ['a quote and a backslash', '"\\', 'k=%22%5C'],
  ['an equals sign, which stays', 'a=b', 'k=a=b'],
  ['text outside ASCII', 'Amélie 😀', 'k=Am%C3%A9lie%20%F0%9F%98%80'],
  ['a line break, which would split the header', 'a\r\nb', 'k=a%0D%0Ab'],
];
for (const [why, value, header] of written) {
  test(`a baggage value is written: ${why}`, () => {
    assert.equal(formatBaggage([{ key: 'k', value, properties: '' }]), header);
  });
}

test('a member whose key is no token is left out, and so are properties outside the grammar', () => {
  const header = formatBaggage([
    { key: 'a b', value: '1', properties: '' },
    { key: 'ok', value: '2', properties: 'p=1;q' },
    { key: 'x', value: '3', properties: 'bad\r\nheader: 1' },
    { key: 'y', value: '4', properties: 'p,z=5' },
  ]);
  assert.equal(header, 'ok=2;p=1;q,x=3,y=4');
});

test('64 members are sent and read, the 65th is not', () => {
  const list = Array.from({ length: 65 }, (_, index) => ({ key: `k${index}`, value: 'v', properties: '' }));
  const header = formatBaggage(list);
  assert.equal(header.split(',').length, 64);
  assert.equal(parseBaggage(`${header},k64=v`).length, 64);
});

test('8192 bytes are sent and read, one more leaves a whole member out', () => {
  const first = { key: 'a', value: 'x'.repeat(4_094), properties: '' };
  const fits = { key: 'b', value: 'y'.repeat(4_093), properties: '' };
  const header = formatBaggage([first, fits]);
  assert.equal(header.length, 8_192);
  assert.equal(parseBaggage(header).length, 2);
  assert.equal(parseBaggage(`${header}y`).length, 1);
  const exceeds = { ...fits, value: `${fits.value}y` };
  assert.equal(formatBaggage([first, exceeds, { key: 'c', value: '1', properties: '' }]).length, 4_096 + 4);
});

test('any text is read back as it was written', () => {
  const token = fc.string({ unit: fc.constantFrom(..."!#$%&'*+-.^_`|~09azAZ"), minLength: 1, maxLength: 12 });
  const value = fc.string({ unit: 'grapheme', maxLength: 30 });
  const properties = fc.constantFrom('', 'p', 'p=1', 'p;q=2');
  const list = fc.uniqueArray(fc.record({ key: token, value, properties }, { noNullPrototype: true }), {
    maxLength: 8,
    selector: (member) => member.key,
  });
  fc.assert(fc.property(list, (expected) => assert.deepEqual(parseBaggage(formatBaggage(expected)), expected)));
});

test('what is written follows the grammar, whatever the entries hold', () => {
  const member = fc.record({ key: fc.string(), value: fc.string({ unit: 'binary' }), properties: fc.string() });
  fc.assert(fc.property(fc.array(member), (list) => assert.match(formatBaggage(list), /^[\x21-\x7e \t]*$/)));
});

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { JsonNumber, JsonText, MalformedJsonError, parseElement, readJsonElements } from '@clew/wire';
import fc from 'fast-check';

const encoder = new TextEncoder();

interface Cut {
  readonly key: string;
  readonly value: unknown;
  readonly line: number;
}

/** As `JSON.parse` makes it. */
function withDoubles(value: unknown): unknown {
  if (value instanceof JsonNumber) return Number(value.text);
  if (Array.isArray(value)) return value.map(withDoubles);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withDoubles(item)]));
}

/** Cuts text that arrives in chunks of these sizes, again and again. */
function cut(text: string, keys: readonly string[], chunkSizes: readonly number[], maxElementBytes = 1_000): Cut[] {
  const bytes = encoder.encode(text);
  const json = new JsonText();
  const cuts: Cut[] = [];
  let position = 0;
  let chunk = 0;
  for (const element of readJsonElements(json, keys, maxElementBytes)) {
    if (element !== null) {
      cuts.push({ key: element.key, value: withDoubles(parseElement(element)), line: element.line });
      continue;
    }
    const size = chunkSizes[chunk++ % chunkSizes.length]!;
    if (position === bytes.length) json.isComplete = true;
    else json.append(bytes.subarray(position, position + size));
    position = Math.min(bytes.length, position + size);
  }
  return cuts;
}

const values = (cuts: readonly Cut[]) => cuts.map(({ value }) => value);
const sizes = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 5 });
// Texts full of what means something outside of strings, and numbers that end in no bracket.
const text = fc.string({ unit: fc.constantFrom('"', '\\', '[', ']', '{', '}', ',', ':', '\n', 'a', 'ü', '😀') });
const value = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    text,
    fc.integer(),
    fc.constantFrom(null, true, -1.5e3),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(text, tie('value'), { maxKeys: 4, noNullPrototype: true }),
  ),
})).value;
const indent = fc.constantFrom(undefined, 1, '\t', ' \r\n');
// An array of arrays is cut one level deeper.
const element = value.filter((item) => !Array.isArray(item));

describe('cutting JSON into elements', () => {
  test('gives the elements that JSON.parse gives, however the text is written and arrives', () => {
    fc.assert(
      fc.property(fc.array(element, { maxLength: 5 }), indent, sizes, (elements, space, chunkSizes) => {
        assert.deepEqual(values(cut(JSON.stringify(elements, null, space), [], chunkSizes, 100_000)), elements);
      }),
    );
    fc.assert(
      fc.property(fc.array(fc.array(value, { maxLength: 3 })), indent, sizes, (lists, space, chunkSizes) => {
        assert.deepEqual(values(cut(JSON.stringify(lists, null, space), [], chunkSizes, 100_000)), lists.flat());
      }),
    );
  });

  test('gives those of the wanted members, of any number of objects one behind the other', () => {
    const document = fc.record({ before: value, a: fc.array(value), other: value, b: fc.array(value) });
    fc.assert(
      fc.property(fc.array(document, { minLength: 1, maxLength: 4 }), indent, sizes, (documents, space, chunkSizes) => {
        const lines = documents.map((each) => JSON.stringify(each, null, space)).join('\n');
        const expected = documents.flatMap(({ a, b }) => [
          ...a.map((item) => ['a', item] as const),
          ...b.map((item) => ['b', item] as const),
        ]);
        const cuts = cut(lines, ['a', 'b'], chunkSizes, 100_000);
        assert.deepEqual(
          cuts.map((each) => [each.key, each.value]),
          expected,
        );
      }),
    );
  });

  test('looks into the objects of wrappers, one level deep', () => {
    const json = new JsonText(encoder.encode('{"w":{"a":[1],"x":2},"a":[3]}\n{"w":null}\n{"w":{"a":[4]}}'));
    const elements = Array.from(readJsonElements(json, ['a'], 100, ['w']), (element) =>
      withDoubles(parseElement(element!)),
    );
    assert.deepEqual(elements, [1, 3, 4]);
    assert.throws(
      () => [...readJsonElements(new JsonText(encoder.encode('{"w":{"w":{"a":[1]}}}')), ['a'], 100, ['w'])],
      /^MalformedJsonError: unexpected JSON in line 1: an object without a; it has w$/,
    );
  });

  test('keeps text that is longer than its first buffer, whose elements stand across the places where it is moved', () => {
    const elements = Array.from({ length: 3_000 }, (_, i) => ({ i, text: 'ü'.repeat(i % 100) }));
    for (const size of [997, 7_000, 100_000]) {
      assert.deepEqual(values(cut(JSON.stringify(elements), [], [size])), elements);
    }
  });

  test('tells the line of each element', () => {
    const lines = ['{"a": [', '  {"x":', '1},', '"text \\n",', '3]}', '', '{"a":[4,5]}'].join('\n');
    assert.deepEqual(
      cut(lines, ['a'], [3]).map(({ value: of, line }) => [of, line]),
      [
        [{ x: 1 }, 2],
        ['text \n', 4],
        [3, 5],
        [4, 7],
        [5, 7],
      ],
    );
  });

  test('takes a byte order mark, a member that is null, an empty object, and a key with an escape', () => {
    assert.deepEqual(values(cut('\ufeff [1]', [], [1])), [1]);
    assert.deepEqual(values(cut('{"a":null}\n{}\n{"\\u0061":[2]}', ['a'], [1])), [2]);
  });

  test('takes an element of exactly the limit, and refuses one that is a byte longer', () => {
    const fits = `"${'x'.repeat(8)}"`;
    assert.deepEqual(values(cut(`[${fits}]`, [], [4], 10)), ['x'.repeat(8)]);
    assert.throws(() => cut(`[\n"${'x'.repeat(9)}"]`, [], [4], 10), /line 2: the value .* is longer than 10 bytes/);
    assert.throws(
      () => cut(`{"a":1,\n"b":[1,2,3,4,5,6]}`, ['a'], [4], 10),
      /a.* must be an array|longer than 10 bytes/,
    );
  });

  test('nests 500 deep and no deeper', () => {
    const nested = (depth: number) => `[{"v":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}}]`;
    assert.equal(cut(nested(500), [], [100], 10_000).length, 1);
    assert.throws(() => cut(nested(501), [], [100], 10_000), /line 1: values nest deeper than 500/);
  });

  for (const [text_, keys, message] of [
    ['', [], /line 1: an array must be there; got the end of the text/],
    ['\n\n  7', [], /line 3: an array must be there; got "7"/],
    ['[1', [], /line 1: the text ends in the middle of the value/],
    ['[1 2]', [], /, or \] must be there; got "2"/],
    ['[,1]', [], /a value must be there; got ","/],
    ['[1,]', [], /a value must be there; got "\]"/],
    ['[1]]', [], /nothing more may follow behind the array/],
    ['[nul]', [], /line 1: null must be there; got "n"/],
    ['[{"a":[[}]', [], /the text ends in the middle of the value that begins here/],
    ['[1,\n{"a":[}]', [], /line 2: a value must be there; got "}" after "{\\"a\\":\["/],
    ['[1]', ['a'], /^unexpected JSON in line 1: an object with a must be there; got an array/],
    ['', ['a', 'b'], /an object with a or b must be there; got the end of the text/],
    ['{"a":[]}', [], /^unexpected JSON in line 1: an array must be there; got an object/],
    ['{"x":1,"y":2}', ['a', 'b'], /^unexpected JSON in line 1: an object without a or b; it has x, y/],
    ['{"a":5}', ['a'], /"a" must be an array; got "5"/],
    ['{"a":{}}', ['a'], /"a" must be an array; got "\{"/],
    ['{"a"[]}', ['a'], /: must follow the key "a"; got "\["/],
    ['{a:[]}', ['a'], /a key must be there; got "a"/],
    ['{"a":[],}', ['a'], /a key must follow the comma; got "\}"/],
    ['{"a":[]"b":1}', ['a'], /, or \} must be there; got "\\""/],
    ['{"a":[]', ['a'], /, or \} must be there; got the end of the text/],
    ['{"a":[]}x', ['a'], /an object with a must be there; got "x"/],
    ['\u0000', [], /an array must be there; got the byte 0/],
  ] as const) {
    test(`refuses ${JSON.stringify(text_)} where ${keys.join(' and ') || 'an array'} is wanted, and says why`, () => {
      for (const size of [1, 100]) {
        assert.throws(
          () => cut(text_, keys, [size]),
          (error) => error instanceof MalformedJsonError && message.test(error.message),
          message.source,
        );
      }
    });
  }
});

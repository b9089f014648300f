import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { JsonNumber, MalformedJsonError, parseElement } from '@clew/wire';
import fc from 'fast-check';

const encoder = new TextEncoder();
const parse = (json: string) => parseElement({ key: '', bytes: encoder.encode(json), line: 1 });

/** As `JSON.parse` makes it. */
function withDoubles(value: unknown): unknown {
  if (value instanceof JsonNumber) return Number(value.text);
  if (Array.isArray(value)) return value.map(withDoubles);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withDoubles(item)]));
}

function valueOrError(read: () => unknown): unknown {
  try {
    return read();
  } catch (error) {
    assert.ok(error instanceof SyntaxError || error instanceof MalformedJsonError, String(error));
    return 'an error';
  }
}

describe('parsing JSON without loss', () => {
  test('gives what JSON.parse gives', () => {
    fc.assert(
      fc.property(
        fc.json({ maxDepth: 5, stringUnit: 'grapheme' }),
        fc.constantFrom(undefined, 1, '\t'),
        (json, space) => {
          const written = JSON.stringify(JSON.parse(json), null, space);
          assert.deepEqual(withDoubles(parse(written)), JSON.parse(written));
        },
      ),
      { numRuns: 500 },
    );
  });

  test('takes and refuses what JSON.parse takes and refuses', () => {
    // Of pieces that are JSON more often than chance would have it.
    const piece = fc.constantFrom(
      ...'[]{},:"\\-+.0123eEu/ntfx \t\n\u0001\u007fé',
      'true',
      'false',
      'null',
      '"a"',
      '\\u00e9',
      '\\ud83d',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), fc.json(), fc.nat(), (pieces, json, place) => {
        const at = place % (json.length + 1);
        for (const text of [pieces.join(''), json.slice(0, at) + pieces.slice(0, 2).join('') + json.slice(at + 1)]) {
          // A lone surrogate is none in UTF-8.
          if (/\p{Surrogate}/u.test(text)) continue;
          assert.deepEqual(
            valueOrError(() => withDoubles(parse(text))),
            valueOrError(() => JSON.parse(text)),
            text,
          );
        }
      }),
      { numRuns: 20_000 },
    );
  });

  test('keeps numbers as they were sent', () => {
    const numbers = ['9007199254740993', '-0', '1.10', '1e400', '0.1e-2', '18446744073709551616'];
    const parsed = parse(`[${numbers.join(', ')}]`) as JsonNumber[];
    assert.deepEqual(
      parsed.map(({ text }) => text),
      numbers,
    );
  });

  test('a key like that of the prototype is a member like any other', () => {
    const parsed = parse('{"__proto__": {"a": 1}, "b": 2}') as object;
    assert.deepEqual(Object.keys(parsed), ['__proto__', 'b']);
    assert.equal(Object.getPrototypeOf(parsed), Object.prototype);
  });

  test('names the line, what is there, and what stands before it', () => {
    assert.throws(() => parse('{"a":1,\n"b":[1,,2]}'), {
      message: 'malformed JSON in line 2: a value must be there; got "," after "{\\"a\\":1,\\n\\"b\\":[1,"',
    });
    assert.throws(() => parse('{"a":\n"x'), {
      message: 'malformed JSON in line 2: the text ends in the middle of a value',
    });
  });
});

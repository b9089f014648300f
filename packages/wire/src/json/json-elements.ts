import {
  backslash,
  carriageReturn,
  closeBrace,
  closeBracket,
  colon,
  comma,
  JsonReader,
  maxJsonDepth,
  newline,
  openBrace,
  openBracket,
  quote,
  space,
  tab,
} from './json-reader.ts';
import { JsonText, MalformedJsonError } from './json-text.ts';

/** An element of an array: a span, a trace, the spans of a resource. */
export interface JsonElement {
  /** The member of the object whose value the array is; empty when the array stands alone. */
  readonly key: string;
  /** Its text, in UTF-8; a view that holds until the next element is asked for. */
  readonly bytes: Uint8Array;
  /** Where it begins, from line 1. */
  readonly line: number;
}

/** A generator that yields null when it has read all that has arrived: append more, or say that it is complete. */
type Reading<Result> = Generator<null, Result>;

/**
 * Cuts JSON text into the elements of its arrays without parsing them, so that a request of a million spans, or a file
 * of gigabytes, is parsed one element at a time and an error names the line of its element.
 *
 * ```
 * keys []        [ {…}, {…} ]     [ [ {…} ], [ {…} ] ]   the elements of one array, or of the arrays in it
 * keys [a, b]    { "x": 1, "a": [ {…}, {…} ] }           the elements of a and of b, in any number of objects
 *                { "b": [ {…} ] }
 * wrappers [w]   { "w": { "a": [ {…} ] } }               also of the objects in w
 * ```
 *
 * What is wrong inside an element is found by whoever parses it ({@link parseElement}).
 *
 * @param maxElementBytes the largest element
 * @throws MalformedJsonError
 */
export function* readJsonElements(
  text: JsonText,
  keys: readonly string[],
  maxElementBytes: number,
  wrappers: readonly string[] = [],
): Generator<JsonElement | null> {
  if ((yield* nextByte(text)) === byteOrderMark[0]) yield* skipByteOrderMark(text);
  if (keys.length === 0) {
    if ((yield* nextByte(text)) === openBrace) throw unexpected(text, 'an array must be there; got an object');
    yield* expectByte(text, openBracket, 'an array must be there');
    yield* readArray(text, '', maxElementBytes);
    if ((yield* nextByte(text)) !== -1) throw malformed(text, 'nothing more may follow behind the array');
    return;
  }
  const expected = `an object with ${keys.join(' or ')} must be there`;
  do {
    if ((yield* nextByte(text)) === openBracket) throw unexpected(text, `${expected}; got an array`);
    yield* expectByte(text, openBrace, expected);
    yield* readObject(text, keys, maxElementBytes, wrappers);
  } while ((yield* nextByte(text)) !== -1);
}

/** The elements of text that is there as a whole. @throws MalformedJsonError */
export function* cutJson(
  bytes: Uint8Array,
  keys: readonly string[],
  maxElementBytes: number,
): Generator<JsonElement, undefined> {
  for (const element of readJsonElements(new JsonText(bytes), keys, maxElementBytes)) {
    if (element !== null) yield element;
  }
}

/** The value of an element; its numbers are {@link JsonNumber}s. @throws MalformedJsonError */
export function parseElement({ bytes, line }: JsonElement): unknown {
  return new JsonReader(bytes, line).parse();
}

/** Behind the bracket of an array. */
function* readArray(
  text: JsonText,
  key: string,
  maxElementBytes: number,
  isInner = false,
): Generator<JsonElement | null> {
  if ((yield* nextByte(text)) === closeBracket) {
    text.advance(1);
    return;
  }
  for (;;) {
    const first = yield* nextByte(text);
    if (first === openBracket && key === '' && !isInner) {
      text.advance(1);
      yield* readArray(text, key, maxElementBytes, true);
    } else {
      const length = yield* measureValue(text, maxElementBytes);
      yield { key, bytes: text.bytes.subarray(text.position, text.position + length), line: text.line };
      text.advance(length);
    }
    const next = yield* nextByte(text);
    if (next !== comma && next !== closeBracket) throw malformed(text, `, or ] must be there; got ${show(next)}`);
    text.advance(1);
    if (next === closeBracket) return;
  }
}

/** Behind the brace of an object at the top. */
function* readObject(
  text: JsonText,
  keys: readonly string[],
  maxElementBytes: number,
  wrappers: readonly string[],
): Generator<JsonElement | null> {
  const others: string[] = [];
  let hasWanted = false;
  let next = yield* nextByte(text);
  while (next !== closeBrace) {
    if (next !== quote) throw malformed(text, `a key must be there; got ${show(next)}`);
    const key = String(parseElement({ key: '', bytes: yield* takeValue(text, maxKeyBytes), line: text.line }));
    yield* expectByte(text, colon, `: must follow the key ${JSON.stringify(key)}`);
    next = yield* nextByte(text);
    if (wrappers.includes(key) && next === openBrace) {
      hasWanted = true;
      text.advance(1);
      yield* readObject(text, keys, maxElementBytes, []);
    } else if (!keys.includes(key)) {
      if (wrappers.includes(key) && next === letterN) hasWanted = true;
      else if (others.length < maxKeysNamed) others.push(key);
      yield* takeValue(text, maxElementBytes);
    } else {
      hasWanted = true;
      if (next === openBracket) {
        text.advance(1);
        yield* readArray(text, key, maxElementBytes);
      } else if (decoder.decode(yield* takeValue(text, maxElementBytes)) !== 'null') {
        throw unexpected(text, `${JSON.stringify(key)} must be an array; got ${show(next)}`);
      }
    }
    next = yield* nextByte(text);
    if (next === comma) {
      text.advance(1);
      next = yield* nextByte(text);
      if (next === closeBrace) throw malformed(text, 'a key must follow the comma; got "}"');
    } else if (next !== closeBrace) throw malformed(text, `, or } must be there; got ${show(next)}`);
  }
  text.advance(1);
  if (!hasWanted && others.length > 0) {
    throw unexpected(text, `an object without ${keys.join(' or ')}; it has ${others.join(', ')}`);
  }
}

function* takeValue(text: JsonText, maxBytes: number): Reading<Uint8Array> {
  const length = yield* measureValue(text, maxBytes);
  const bytes = text.bytes.subarray(text.position, text.position + length);
  text.advance(length);
  return bytes;
}

/** How many bytes the value takes that begins at the position. Brackets are counted, not matched: parsing does that. */
function* measureValue(text: JsonText, maxBytes: number): Reading<number> {
  let depth = 0;
  let isInString = false;
  let isEscaped = false;
  let length = 0;
  for (;;) {
    // Appending may move the bytes, but only while this waits.
    const { bytes, position } = text;
    const available = Math.min(text.end - position, maxBytes);
    for (; length < available; length++) {
      const byte = bytes[position + length]!;
      if (isInString) {
        if (isEscaped) isEscaped = false;
        else if (byte === backslash) isEscaped = true;
        else if (byte === quote) {
          isInString = false;
          if (depth === 0) return length + 1;
        }
        continue;
      }
      switch (byte) {
        case quote:
          isInString = true;
          break;
        case openBracket:
        case openBrace:
          if (++depth > maxJsonDepth) throw malformed(text, `values nest deeper than ${maxJsonDepth}`);
          break;
        case closeBracket:
        case closeBrace:
          if (depth <= 1) return depth === 0 ? valueLength(text, length, byte) : length + 1;
          depth--;
          break;
        case comma:
        case space:
        case tab:
        case newline:
        case carriageReturn:
          if (depth === 0) return valueLength(text, length, byte);
      }
    }
    if (length === maxBytes) throw malformed(text, `the value that begins here is longer than ${maxBytes} bytes`);
    if (text.isComplete) throw malformed(text, 'the text ends in the middle of the value that begins here');
    yield null;
  }
}

/** The length of a value that is no array, object or string, of which a byte stands behind the last one. */
function valueLength(text: JsonText, length: number, byte: number): number {
  if (length === 0) throw malformed(text, `a value must be there; got ${show(byte)}`);
  return length;
}

/** The next byte that is no white space, where the text then stands; -1 at its end. */
function* nextByte(text: JsonText): Reading<number> {
  for (;;) {
    while (text.position === text.end) {
      if (text.isComplete) return -1;
      yield null;
    }
    const byte = text.bytes[text.position]!;
    if (byte !== space && byte !== newline && byte !== carriageReturn && byte !== tab) return byte;
    text.advance(1);
  }
}

function* expectByte(text: JsonText, wanted: number, message: string): Reading<void> {
  const byte = yield* nextByte(text);
  if (byte !== wanted) throw malformed(text, `${message}; got ${show(byte)}`);
  text.advance(1);
}

function* skipByteOrderMark(text: JsonText): Reading<void> {
  for (const byte of byteOrderMark) yield* expectByte(text, byte, 'JSON must be there');
}

function malformed(text: JsonText, what: string): MalformedJsonError {
  return new MalformedJsonError(what, text.line);
}

function unexpected(text: JsonText, what: string): MalformedJsonError {
  return new MalformedJsonError(what, text.line, 'unexpected JSON');
}

function show(byte: number): string {
  if (byte === -1) return 'the end of the text';
  return byte > space && byte < 0x7f ? JSON.stringify(String.fromCharCode(byte)) : `the byte ${byte}`;
}

/** Of null. */
const letterN = 0x6e;
const byteOrderMark: readonly number[] = [0xef, 0xbb, 0xbf];

// No key of the formats is longer than 20 bytes.
const maxKeyBytes = 1_024;
const maxKeysNamed = 8;

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

import { MalformedJsonError } from './json-text.ts';

/**
 * Reads JSON text in UTF-8 front to back, one token at a time. It makes nothing of what nobody asks for, and a number
 * stays the digits that were sent: `JSON.parse` would round them to a double.
 *
 * ```
 * {"name": "GET \"x\""}          after readString():  start and end are those of  GET \"x\"
 *           ^start    ^end ^position                  hasEscape is true
 * ```
 *
 * Every method throws {@link MalformedJsonError} where the text is not what RFC 8259 allows.
 */
export class JsonReader {
  readonly bytes: Uint8Array;
  /** The next byte to read. */
  position = 0;
  /** Where the content of the last string or number begins and ends. */
  start = 0;
  end = 0;
  /** Whether the last string has escapes, so that its content is not its bytes. */
  hasEscape = false;
  readonly #firstLine: number;
  /** All of the text, once values are made of it; undefined before, and where a letter is not one byte. */
  #letters: string | undefined;

  /** @param firstLine the line of the first byte, for messages */
  constructor(bytes: Uint8Array, firstLine = 1) {
    this.bytes = bytes;
    this.#firstLine = firstLine;
  }

  /** The next byte that is not white space, where the reader then stands; -1 at the end. */
  peek(): number {
    const { bytes } = this;
    const { length } = bytes;
    let { position } = this;
    while (position < length) {
      const byte = bytes[position]!;
      if (byte !== space && byte !== newline && byte !== carriageReturn && byte !== tab) {
        this.position = position;
        return byte;
      }
      position++;
    }
    this.position = position;
    return -1;
  }

  /** Reads `wanted`, one of the structural characters. */
  expect(wanted: number): void {
    if (this.peek() !== wanted) throw this.malformed(`${String.fromCharCode(wanted)} must be there`);
    this.position++;
  }

  /** After the opening bracket: whether the array or object has no element, whose end is then read. */
  closes(bracket: number): boolean {
    if (this.peek() !== bracket) return false;
    this.position++;
    return true;
  }

  /** After an element: reads the comma, for another one, or the closing bracket. */
  continues(bracket: number): boolean {
    const byte = this.peek();
    if (byte !== comma && byte !== bracket) throw this.malformed(`, or ${String.fromCharCode(bracket)} must be there`);
    this.position++;
    return byte === comma;
  }

  readString(): void {
    if (this.peek() !== quote) throw this.malformed('a string must be there');
    const { bytes } = this;
    const { length } = bytes;
    let position = this.position + 1;
    this.start = position;
    this.hasEscape = false;
    for (;;) {
      if (position >= length) throw this.#cutOff();
      const byte = bytes[position]!;
      if (byte === quote) break;
      if (byte === backslash) {
        this.hasEscape = true;
        position = this.#passEscape(position + 1);
      } else if (byte < space) {
        this.position = position;
        throw this.malformed('a string must not have a control character, but its escape');
      } else position++;
    }
    this.end = position;
    this.position = position + 1;
  }

  /** The content of the last string, or the last number as it was sent. */
  text(): string {
    if (!this.hasEscape) {
      // A piece of a string costs a tenth of a call of the decoder.
      return this.#letters?.slice(this.start, this.end) ?? decoder.decode(this.bytes.subarray(this.start, this.end));
    }
    return JSON.parse(decoder.decode(this.bytes.subarray(this.start - 1, this.end + 1))) as string;
  }

  readNumber(): void {
    this.peek();
    const { bytes } = this;
    let { position } = this;
    this.start = position;
    this.hasEscape = false;
    if (bytes[position] === minus) position++;
    if (bytes[position] === zero) position++;
    else position = this.#passDigits(position);
    if (bytes[position] === point) position = this.#passDigits(position + 1);
    if (bytes[position] === smallE || bytes[position] === largeE) {
      position++;
      if (bytes[position] === minus || bytes[position] === plus) position++;
      position = this.#passDigits(position);
    }
    this.end = position;
    this.position = position;
  }

  /** Reads `true`, `false` or `null`. */
  readWord(word: 'true' | 'false' | 'null'): void {
    this.peek();
    for (let i = 0; i < word.length; i++) {
      if (this.bytes[this.position + i] !== word.charCodeAt(i)) throw this.malformed(`${word} must be there`);
    }
    this.position += word.length;
  }

  /** Reads one value of any kind, and nothing of it. */
  skipValue(depth = 0): void {
    const byte = this.peek();
    switch (byte) {
      case quote:
        this.readString();
        return;
      case openBrace:
        this.#enter(depth);
        if (this.closes(closeBrace)) return;
        do {
          this.readString();
          this.expect(colon);
          this.skipValue(depth + 1);
        } while (this.continues(closeBrace));
        return;
      case openBracket:
        this.#enter(depth);
        if (this.closes(closeBracket)) return;
        do this.skipValue(depth + 1);
        while (this.continues(closeBracket));
        return;
      default:
        this.#readScalar(byte);
    }
  }

  /**
   * The value of all the text, as `JSON.parse` makes it, but for numbers, which are {@link JsonNumber}s.
   *
   * @throws MalformedJsonError for what nests deeper than {@link maxJsonDepth}, too
   */
  parse(): unknown {
    const letters = decoder.decode(this.bytes);
    if (letters.length === this.bytes.length) this.#letters = letters;
    const value = this.#readValue(0);
    this.expectEnd();
    return value;
  }

  #readValue(depth: number): unknown {
    const byte = this.peek();
    switch (byte) {
      case quote:
        this.readString();
        return this.text();
      case openBrace:
        return this.#readObject(depth);
      case openBracket: {
        const items: unknown[] = [];
        this.#enter(depth);
        if (this.closes(closeBracket)) return items;
        do items.push(this.#readValue(depth + 1));
        while (this.continues(closeBracket));
        return items;
      }
      default:
        return this.#readScalar(byte);
    }
  }

  /** After the last value. */
  expectEnd(): void {
    if (this.peek() !== -1) throw this.malformed('the text must end');
  }

  /** What must be here, and what is: its place is named by the line and by the text before it. */
  malformed(what: string): MalformedJsonError {
    const { bytes, position } = this;
    if (position >= bytes.length) return this.#cutOff();
    let line = this.#firstLine;
    for (let i = 0; i < position; i++) if (bytes[i] === newline) line++;
    const shown = decoder.decode(bytes.subarray(Math.max(0, position - shownBytes), position));
    const got = decoder.decode(bytes.subarray(position, position + 4)).charAt(0);
    return new MalformedJsonError(`${what}; got ${JSON.stringify(got)} after ${JSON.stringify(shown)}`, line);
  }

  #readObject(depth: number): Record<string, unknown> {
    const members: Record<string, unknown> = {};
    this.#enter(depth);
    if (this.closes(closeBrace)) return members;
    do {
      this.readString();
      const key = this.text();
      this.expect(colon);
      const value = this.#readValue(depth + 1);
      // An assignment would change the prototype.
      if (key === '__proto__') Object.defineProperty(members, key, { value, ...ownProperty });
      else members[key] = value;
    } while (this.continues(closeBrace));
    return members;
  }

  #readScalar(byte: number): boolean | null | JsonNumber {
    switch (byte) {
      case 0x74:
        this.readWord('true');
        return true;
      case 0x66:
        this.readWord('false');
        return false;
      case 0x6e:
        this.readWord('null');
        return null;
    }
    if (byte !== minus && (byte < zero || byte > nine)) throw this.malformed('a value must be there');
    this.readNumber();
    return new JsonNumber(this.text());
  }

  #enter(depth: number): void {
    if (depth >= maxJsonDepth) throw this.malformed(`values nest deeper than ${maxJsonDepth}`);
    this.position++;
  }

  #passDigits(from: number): number {
    const { bytes } = this;
    let position = from;
    while (bytes[position]! >= zero && bytes[position]! <= nine) position++;
    if (position > from) return position;
    this.position = position;
    throw this.malformed('a digit must be there');
  }

  /** @param at the byte after the backslash */
  #passEscape(at: number): number {
    const { bytes } = this;
    const letter = bytes[at];
    if (letter === undefined) throw this.#cutOff();
    if (letter !== smallU) {
      if (escapes.includes(letter)) return at + 1;
      this.position = at;
      throw this.malformed('an escape must be there');
    }
    for (let i = at + 1; i < at + 5; i++) {
      const digit = bytes[i];
      if (digit !== undefined && hexDigits.includes(digit)) continue;
      this.position = i;
      throw this.malformed('a hex digit must be there');
    }
    return at + 5;
  }

  #cutOff(): MalformedJsonError {
    let line = this.#firstLine;
    for (const byte of this.bytes) if (byte === newline) line++;
    return new MalformedJsonError('the text ends in the middle of a value', line);
  }
}

/** A number as it was sent, so that whoever knows its type loses no digit of it. */
export class JsonNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/**
 * How deep arrays and objects may nest. Spans nest five levels, values inside them a few more; whoever walks a parsed
 * element with a recursive function must not be driven out of the stack.
 */
export const maxJsonDepth = 500;

export const quote = 0x22;
export const comma = 0x2c;
export const colon = 0x3a;
export const backslash = 0x5c;
export const openBracket = 0x5b;
export const closeBracket = 0x5d;
export const openBrace = 0x7b;
export const closeBrace = 0x7d;
export const tab = 0x09;
export const newline = 0x0a;
export const carriageReturn = 0x0d;
export const space = 0x20;
const minus = 0x2d;
const plus = 0x2b;
const point = 0x2e;
const zero = 0x30;
const nine = 0x39;
const smallE = 0x65;
const largeE = 0x45;
const smallU = 0x75;
const encoder = new TextEncoder();
const escapes = encoder.encode('"\\/bfnrt');
const hexDigits = encoder.encode('0123456789abcdefABCDEF');
const ownProperty = { writable: true, enumerable: true, configurable: true } as const;

/** Of the text before the place that is wrong. */
const shownBytes = 24;

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

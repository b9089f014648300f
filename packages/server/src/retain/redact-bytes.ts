/**
 * SQL that replaces an attribute in the bytes of an OTLP KeyValueList, and the byte strings that it names as parameters
 * (hexadecimal). Only attributes of the list itself: what stands inside the value of another is left alone.
 *
 * ```
 * KeyValueList  1 KeyValue*                    0a length ( 0a length key 12 length AnyValue )
 * KeyValue      1 key · 2 value AnyValue
 * AnyValue      1 string · 2 bool varint · 3 int64 varint · 4 double fixed64
 * ```
 */
export interface BytesRedaction {
  /** Rewrites the expression, one KeyValue after another. */
  readonly rewrite: (list: string) => string;
  /** True where the list may hold the attribute; cheap, and never false where it does. */
  readonly mayHold: (list: string) => string;
  readonly params: Readonly<Record<string, string | readonly string[]>>;
}

/** What stands in the place of a value. */
export const redactedText = '[redacted]';

/** Each step copies what is written so far. SDKs send at most 128 attributes unless told otherwise. */
const maxEntries = 256;

/** @param value only attributes with this text; undefined: with any value */
export function buildBytesRedaction(key: string, value: string | undefined): BytesRedaction {
  const matches =
    value === undefined
      ? 'startsWith(body, unhex({keyBytes:String}))'
      : 'has(arrayMap(pair -> unhex(pair), {pairBytes:Array(String)}), body)';
  return {
    rewrite: (list) => buildRewrite(list, matches),
    mayHold: (list) => `position(${list}, unhex({keyBytes:String})) > 0`,
    params: {
      keyBytes: hex(encodeText(key)),
      replacement: hex(encodeField(encodePair(key, encodeText(redactedText)))),
      ...(value !== undefined && { pairBytes: encodeValues(value).map((bytes) => hex(encodePair(key, bytes))) }),
    },
  };
}

/**
 * A fold over the list. Its state is where the next KeyValue begins (from 1) and what is written so far; it takes as many
 * steps as there are bytes that may be the tag of one, within a bound. What is left then is kept if it has no such key.
 */
function buildRewrite(list: string, matches: string): string {
  const byte = (n: number) => `reinterpretAsUInt8(substring(${list}, state.1 + ${n}, 1))`;
  const sizeBytes = `multiIf(${[1, 2, 3].map((n) => `${byte(n)} < 128, ${n}`).join(', ')}, 4)`;
  const size = [1, 2, 3, 4]
    .map((n) => `if(sizeBytes < ${n}, 0, bitAnd(${byte(n)}, 127) * ${128 ** (n - 1)})`)
    .join(' + ');
  const field = `substring(${list}, state.1, 1 + sizeBytes + length(body))`;
  const step = `arrayMap(sizeBytes -> arrayMap(body ->
    (toUInt64(state.1 + 1 + sizeBytes + length(body)), concat(state.2, if(${matches}, unhex({replacement:String}), ${field}))),
    [substring(${list}, state.1 + 1 + sizeBytes, ${size})])[1], [${sizeBytes}])[1]`;
  const fold = `arrayFold((state, i) -> if(${byte(0)} != 10, state, ${step}),
    range(least(${maxEntries}, countSubstrings(${list}, char(10)))), (toUInt64(1), ''))`;
  return `arrayMap((done, rest) -> if(position(rest, unhex({keyBytes:String})) > 0, done, concat(done, rest)),
    [tupleElement(${fold} AS folded, 2)], [substring(${list}, tupleElement(folded, 1))])[1]`;
}

/** The text as each AnyValue that reads like it: always a string, and a bool or a number where it is one. */
function encodeValues(text: string): readonly Uint8Array[] {
  const values = [encodeText(text)];
  if (text === 'true' || text === 'false') values.push(Uint8Array.of(0x10, text === 'true' ? 1 : 0));
  if (/^(0|-?[1-9]\d*)$/.test(text) && BigInt.asIntN(64, BigInt(text)) === BigInt(text)) {
    values.push(Uint8Array.of(0x18, ...encodeVarint(BigInt.asUintN(64, BigInt(text)))));
  }
  if (/^-?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(text)) {
    const double = new DataView(new ArrayBuffer(8));
    double.setFloat64(0, Number(text), true);
    values.push(Uint8Array.of(0x21, ...new Uint8Array(double.buffer)));
  }
  return values;
}

function encodeVarint(value: bigint): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return [...bytes, Number(rest)];
}

/** An AnyValue of a string; the key of a KeyValue is encoded alike. */
function encodeText(text: string): Uint8Array {
  return encodeField(new TextEncoder().encode(text));
}

/** The content of a KeyValue. */
function encodePair(key: string, anyValue: Uint8Array): Uint8Array {
  return Buffer.concat([encodeText(key), encodeField(anyValue, 0x12)]);
}

function encodeField(content: Uint8Array, tag = 0x0a): Uint8Array {
  return Uint8Array.of(tag, ...encodeVarint(BigInt(content.length)), ...content);
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

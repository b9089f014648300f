import { type AttributeValue, Double, encodeAttributes, parseElement, toAttributeValue } from '@clew/wire';

/**
 * A text as the values that it can mean, in the encoding of OTLP, in which arrays, maps and bytes are stored.
 *
 * ```
 * text/html   in an array:  0a <0b 0a 09 text/html> 0a <…>      in a map:  … 12 <0b 0a 09 text/html>
 *                              ╰─ element: its length, the tag of its type, the value ─╯
 * ```
 *
 * To look for the bytes of an element is exact but for a text that has them in it: a line break between its own lengths.
 */
export interface EncodedValues {
  /** A part of the bytes of any array or map with this value in it, at any depth. Hex. */
  readonly elements: readonly string[];
  /** The bytes of an array, a map or bytes that the text is as a whole: JSON, base64 or hex. Hex. */
  readonly wholes: readonly string[];
}

/** @param numbers what the text is as a number; see `readNumbers` */
export function encodeValues(text: string, numbers: readonly AttributeValue[]): EncodedValues {
  const elements: AttributeValue[] = [text, ...numbers];
  if (text === 'true' || text === 'false') elements.push(text === 'true');
  const wholes: AttributeValue[] = [...readBytes(text), ...readJson(text)];
  return {
    elements: elements.map((value) => toHex(encodeElement(value))),
    // An attribute without a value reads as an empty text.
    wholes: [...(text === '' ? [''] : []), ...wholes.map((value) => toHex(withoutLength(encodeElement(value))))],
  };
}

/** The length and the bytes of an `AnyValue`. */
function encodeElement(value: AttributeValue): Uint8Array {
  // A KeyValue is: tag and length; 0a 00, an empty key; 12, and then the element.
  return withoutLength(encodeAttributes(0x0a, ['', value]).subarray(1)).subarray(3);
}

function withoutLength(bytes: Uint8Array): Uint8Array {
  return bytes.subarray(bytes.findIndex((byte) => byte < 0x80) + 1);
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
}

function readBytes(text: string): readonly Uint8Array[] {
  const readings: Uint8Array[] = [];
  if (/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text)) {
    readings.push(Buffer.from(text, 'base64'));
  }
  if (/^[0-9a-f]{2}(?: ?[0-9a-f]{2})*$/i.test(text)) readings.push(Buffer.from(text.replaceAll(' ', ''), 'hex'));
  return readings;
}

/** An array or object; its whole numbers as integers, to the last digit, and all of its numbers as doubles. */
function readJson(text: string): readonly AttributeValue[] {
  if (!/^[[{]/.test(text)) return [];
  try {
    const value = parseElement({ key: '', bytes: Buffer.from(text), line: 1 });
    return [toAttributeValue(value), toAttributeValue(value, ({ text: number }) => new Double(Number(number)))];
  } catch {
    return [];
  }
}

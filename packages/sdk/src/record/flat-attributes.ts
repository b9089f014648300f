import { type AttributeValue, maxWrittenDepth } from '@clew/wire';

/*
 * A span's attributes are one array, [key, value, key, value, …], in the order in which they were first set. Looking a
 * key up is a walk over it: real spans have ten to twenty, and a Map costs more to make than those walks.
 */

/**
 * Sets an attribute; a key that is there keeps its place. Returns how many attributes were dropped: 1 when `maxCount`
 * is reached, else 0. Keys that are no strings or empty, and values that no attribute can hold, change nothing.
 */
export function putAttribute(
  attributes: AttributeValue[],
  key: string,
  value: unknown,
  maxCount: number,
  maxChars: number,
): 0 | 1 {
  if (typeof key !== 'string' || key === '') return 0;
  const kept = keepValue(value, maxChars, 0);
  if (kept === undefined || kept === null) return 0;
  const length = attributes.length;
  for (let index = 0; index < length; index += 2) {
    if (attributes[index] === key) {
      attributes[index + 1] = kept;
      return 0;
    }
  }
  if (length >= maxCount * 2) return 1;
  attributes.push(key, kept);
  return 0;
}

/** The value of an attribute, or undefined. */
export function attributeOf(attributes: readonly AttributeValue[], key: string): AttributeValue {
  for (let index = 0; index < attributes.length; index += 2)
    if (attributes[index] === key) return attributes[index + 1];
  return undefined;
}

/** Own enumerable properties as flat attributes, within limits. */
export function flattenAttributes(
  source: object | undefined,
  maxCount: number,
  maxChars: number,
): { readonly attributes: AttributeValue[]; readonly dropped: number } {
  const attributes: AttributeValue[] = [];
  let dropped = 0;
  if (typeof source === 'object' && source !== null) {
    for (const [key, value] of Object.entries(source))
      dropped += putAttribute(attributes, key, value, maxCount, maxChars);
  }
  return { attributes, dropped };
}

/** The value as it is now: arrays and objects are copied, as the app may change them before the span ends. */
function keepValue(value: unknown, maxChars: number, depth: number): AttributeValue {
  switch (typeof value) {
    case 'string':
      return value.length > maxChars ? cut(value, maxChars) : value;
    case 'number':
    case 'boolean':
      return value;
    case 'object':
      return value === null || depth > maxWrittenDepth ? null : keepComposite(value, maxChars, depth + 1);
    default:
      return undefined;
  }
}

/** The beginning of a text; half of a character would be none. */
function cut(text: string, maxChars: number): string {
  const last = text.charCodeAt(maxChars - 1);
  const isHalf = last >= 0xd800 && last <= 0xdbff;
  return text.slice(0, isHalf ? maxChars - 1 : maxChars);
}

function keepComposite(value: object, maxChars: number, depth: number): AttributeValue {
  if (Array.isArray(value)) return value.map((item) => keepValue(item, maxChars, depth));
  if (value instanceof Uint8Array) return value.slice();
  const prototype: unknown = Object.getPrototypeOf(value);
  // Dates, Maps, class instances: OpenTelemetry has no attribute for them.
  if (prototype !== Object.prototype && prototype !== null) return undefined;
  const copy: Record<string, AttributeValue> = Object.create(null) as Record<string, AttributeValue>;
  for (const [key, item] of Object.entries(value)) copy[key] = keepValue(item, maxChars, depth);
  return copy;
}

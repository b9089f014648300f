import { JsonNumber } from '../json/json-reader.ts';
import { parseWholeNumber } from '../json/whole-number.ts';
import { InvalidSpanError } from './trace-request-builder.ts';
import type { AttributeValue } from './write-attributes.ts';

/** The text of a value that was parsed, its numbers as they were sent. */
export function formatJson(value: unknown): string {
  if (value instanceof JsonNumber) return value.text;
  if (Array.isArray(value)) return `[${value.map(formatJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'nothing';
  return `{${Object.entries(value)
    .map(([key, item]) => `${JSON.stringify(key)}:${formatJson(item)}`)
    .join(',')}}`;
}

/** Text as it is; other values as they were sent, and nothing for what is absent. */
export function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  return value === undefined || value === null ? '' : formatJson(value);
}

/** A number, or text that is one: what was sent. */
export function numberTextOf(value: unknown): string | undefined {
  if (value instanceof JsonNumber) return value.text;
  return typeof value === 'string' && /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(value) ? value : undefined;
}

/** Whole microseconds of a number, or of text that is one; a fraction is cut off. @throws InvalidSpanError */
export function microsecondsOf(value: unknown, name: string): bigint | undefined {
  if (value === undefined || value === null) return undefined;
  const text = numberTextOf(value);
  if (text === undefined) throw expected('a number of microseconds', value, name);
  return parseWholeNumber(text.replace(/\.\d+$/, '')) ?? BigInt(Math.trunc(Number(text)));
}

/** A value that names no type of its own. @param readNumber by default, an integer of 64 bits keeps all its digits */
export function toAttributeValue(
  value: unknown,
  readNumber: (number: JsonNumber) => AttributeValue = toNumber,
): AttributeValue {
  if (value instanceof JsonNumber) return readNumber(value);
  if (Array.isArray(value)) return value.map((item) => toAttributeValue(item, readNumber));
  if (typeof value !== 'object' || value === null) return value as AttributeValue;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, toAttributeValue(item, readNumber)]));
}

function toNumber({ text }: JsonNumber): bigint | number {
  const integer = /^-?\d+$/.test(text) ? BigInt(text) : undefined;
  return integer !== undefined && BigInt.asIntN(64, integer) === integer ? integer : Number(text);
}

/** @throws InvalidSpanError */
export function objectOf(value: unknown, name: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof JsonNumber)) {
    return value as Readonly<Record<string, unknown>>;
  }
  throw expected('an object', value, name);
}

/** Empty for what is absent. @throws InvalidSpanError */
export function arrayOf(value: unknown, name: string): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw expected('an array', value, name);
  return value;
}

export function expected(what: string, value: unknown, name: string): InvalidSpanError {
  const text = formatJson(value);
  return new InvalidSpanError(`${name} must be ${what}; got ${text.length > 60 ? `${text.slice(0, 60)}…` : text}`);
}

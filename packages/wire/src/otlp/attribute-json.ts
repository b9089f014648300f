import type { AnyValue, KeyValue } from './attribute-value.ts';

/** A `KeyValue` in OTLP's JSON encoding. */
export interface JsonKeyValue {
  readonly key: string;
  readonly value: JsonAnyValue;
}

/** An `AnyValue` in OTLP's JSON encoding: one member, or none when it is empty. */
export type JsonAnyValue = Readonly<Record<string, unknown>>;

/**
 * An attribute as OTLP/JSON has it: int64 as a decimal string, bytes as base64, doubles that JSON lacks as "NaN",
 * "Infinity" and "-Infinity". A oneof keeps its default: an empty string is something else than no value.
 */
export function keyValueToJson({ key, value }: KeyValue): JsonKeyValue {
  return { key, value: anyValueToJson(value) };
}

function anyValueToJson(value: AnyValue): JsonAnyValue {
  switch (value.type) {
    case 'empty':
      return {};
    case 'string':
      return { stringValue: value.value };
    case 'bool':
      return { boolValue: value.value };
    case 'int':
      return { intValue: String(value.value) };
    case 'double':
      return { doubleValue: doubleToJson(value.value) };
    case 'array':
      return { arrayValue: { values: value.values.map(anyValueToJson) } };
    case 'map':
      return { kvlistValue: { values: value.entries.map(keyValueToJson) } };
    case 'bytes':
      return { bytesValue: toBase64(value.value) };
  }
}

/** `JSON.stringify` knows neither the doubles that are not finite nor the sign of zero. */
function doubleToJson(value: number): number | string {
  if (Object.is(value, -0)) return '-0';
  return Number.isFinite(value) ? value : String(value);
}

function toBase64(bytes: Uint8Array): string {
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

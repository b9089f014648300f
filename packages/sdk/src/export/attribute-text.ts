import type { AnyValue, KeyValue } from '@clew/wire';

/** A value as one text: strings as they are, everything else as JSON, as OpenTelemetry maps it to formats of text. */
export function textOf(value: AnyValue): string {
  if (value.type === 'string') return value.value;
  if (value.type === 'empty') return '';
  if (value.type === 'bytes') return Buffer.from(value.value).toString('base64');
  return jsonTextOf(value);
}

/** `{"key":"value",…}`. */
export function jsonOf(entries: readonly KeyValue[]): string {
  return `{${entries.map(({ key, value }) => `${JSON.stringify(key)}:${jsonTextOf(value)}`).join(',')}}`;
}

function jsonTextOf(value: AnyValue): string {
  switch (value.type) {
    case 'string':
      return JSON.stringify(value.value);
    case 'bool':
      return String(value.value);
    case 'int':
      // All digits: a number of JavaScript would lose some of an int64's.
      return value.value.toString();
    case 'double':
      return Number.isFinite(value.value) ? String(value.value) : JSON.stringify(String(value.value));
    case 'array':
      return `[${value.values.map(jsonTextOf).join(',')}]`;
    case 'map':
      return jsonOf(value.entries);
    case 'bytes':
      return JSON.stringify(Buffer.from(value.value).toString('base64'));
    case 'empty':
      return 'null';
  }
}

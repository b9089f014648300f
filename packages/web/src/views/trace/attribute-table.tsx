import type { AnyValue, KeyValue } from '@clew/wire';
import { Fragment, type ReactNode } from 'react';

/** Keys and values. A value shows its type: two that read the same need not be the same. */
export function AttributeTable({ attributes }: { readonly attributes: readonly KeyValue[] }): ReactNode {
  if (attributes.length === 0) return null;
  return (
    <table className="attributes">
      <tbody>
        {attributes.map(({ key, value }) => (
          <tr key={key}>
            {isLong(value) ? (
              <td colSpan={2} className="long">
                <span>{key}</span>
                <pre className="value multiline">{value.value}</pre>
              </td>
            ) : (
              <>
                <th scope="row">{breakable(key)}</th>
                <td>
                  <span className={`value ${value.type}`}>{formatValue(value)}</span>
                  <span className="value-type">{value.type}</span>
                </td>
              </>
            )}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** A key that breaks behind its dots and underscores, not in the middle of a word. */
function breakable(key: string): ReactNode {
  return Array.from(key.matchAll(/[^._]+[._]*|[._]+/g), ({ 0: part, index: offset }) => (
    <Fragment key={offset}>
      {part}
      <wbr />
    </Fragment>
  ));
}

/** A text of several lines, such as a stack trace: it gets the whole width, and keeps its lines. */
function isLong(value: AnyValue): value is AnyValue & { type: 'string' } {
  return value.type === 'string' && value.value.includes('\n');
}

/** A value as text, close to JSON; an integer beyond 2^53 keeps its digits, a double shows that it is one. */
function formatValue(value: AnyValue): string {
  switch (value.type) {
    case 'empty':
      return '–';
    case 'string':
      return value.value;
    case 'bool':
      return String(value.value);
    case 'int':
      return value.value.toString();
    case 'double':
      return Number.isInteger(value.value) ? value.value.toFixed(1) : String(value.value);
    case 'bytes':
      return formatBytes(value.value);
    case 'array':
      return `[${value.values.map(formatNested).join(', ')}]`;
    case 'map':
      return `{${value.entries.map((entry) => `${JSON.stringify(entry.key)}: ${formatNested(entry.value)}`).join(', ')}}`;
  }
}

function formatNested(value: AnyValue): string {
  if (value.type === 'empty') return 'null';
  return value.type === 'string' ? JSON.stringify(value.value) : formatValue(value);
}

/** More than this is counted. */
const shownBytes = 64;

function formatBytes(bytes: Uint8Array): string {
  const hex = Array.from(bytes.subarray(0, shownBytes), (byte) => byte.toString(16).padStart(2, '0')).join(' ');
  return bytes.length > shownBytes ? `${hex} … (${bytes.length})` : hex;
}

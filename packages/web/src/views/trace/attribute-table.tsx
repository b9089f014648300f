import type { AnyValue, KeyValue } from '@clew/wire';
import { Fragment, type ReactNode, useDeferredValue, useMemo, useState } from 'react';
import { useIntl } from 'react-intl';
import { showControls } from '../../draw/visible-text.ts';
import { CopyButton } from '../copy-button.tsx';
import { ForeignText } from '../foreign-text.tsx';
import { useText } from '../text.ts';

/** So many attributes stand in the page until more are asked for. */
const shownAttributes = 100;

/** A table with more attributes than this has a filter. */
const filteredAttributes = 30;

/** Keys and values. A value shows its type: two that read the same need not be the same. */
export function AttributeTable({ attributes }: { readonly attributes: readonly KeyValue[] }): ReactNode {
  const say = useText();
  const [filter, setFilter] = useState('');
  const [shown, setShown] = useState(shownAttributes);
  const wanted = useDeferredValue(filter.trim().toLowerCase());
  const found = useMemo(
    () =>
      wanted === ''
        ? attributes
        : attributes.filter(({ key, value }) => `${key}\n${formatValue(value)}`.toLowerCase().includes(wanted)),
    [attributes, wanted],
  );
  if (attributes.length === 0) return null;
  return (
    <>
      {attributes.length > filteredAttributes && (
        <input
          className="attribute-filter"
          value={filter}
          onChange={(event) => setFilter(event.target.value)}
          placeholder={say('details.filter')}
          aria-label={say('details.filter')}
          spellCheck={false}
          autoComplete="off"
        />
      )}
      <table className="attributes">
        <tbody>
          {found.slice(0, shown).map(({ key, value }, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a key may occur several times
            <AttributeRow key={`${index} ${key.slice(0, 100)}`} name={key} value={value} />
          ))}
        </tbody>
      </table>
      {found.length > shown && (
        <button type="button" className="button small more" onClick={() => setShown(shown * 10)}>
          {say('details.more', { count: found.length - shown })}
        </button>
      )}
    </>
  );
}

function AttributeRow({ name, value }: { readonly name: string; readonly value: AnyValue }): ReactNode {
  return (
    <tr>
      {isLong(value) ? (
        <td colSpan={2} className="long">
          <span>
            <LongText text={name} />
          </span>
          <pre className={`value multiline ${value.value.includes('\n') ? '' : 'one-line'}`}>
            <LongText text={value.value} keep={'\n\r\t'} />
          </pre>
        </td>
      ) : (
        <>
          <th scope="row">
            <LongText text={name} breaks />
          </th>
          <td>
            <span className={`value ${value.type}`}>
              <LongText text={formatValue(value)} />
            </span>
            <span className="value-type">{value.type}</span>
          </td>
        </>
      )}
    </tr>
  );
}

/** Characters of a text that stand in the page at first. */
const shownChars = 2_000;

/** A value with more characters than this gets the whole width, and a frame that scrolls. */
const narrowChars = 300;

/** However often more is asked for: beyond this the text can only be copied, or the page would stop to answer. */
const mostShownChars = 200_000;

export interface LongTextProps {
  readonly text: string;
  /** Controls that are shown as they are meant. */
  readonly keep?: string;
  /** Whether it breaks at its dots and underscores. */
  readonly breaks?: boolean;
}

/** Text of others of any length: its beginning, how much more there is, and ways to it. */
export function LongText({ text, keep = '', breaks = false }: LongTextProps): ReactNode {
  const say = useText();
  const intl = useIntl();
  const [shown, setShown] = useState(shownChars);
  if (text.length <= shownChars)
    return breaks ? <bdi>{breakable(showControls(text))}</bdi> : <ForeignText text={text} keep={keep} />;
  const rest = text.length - shown;
  return (
    <>
      <ForeignText text={text.slice(0, shown)} keep={keep} />
      {rest > 0 && (
        <span className="cut">
          {'… '}
          {say('details.chars', { shown: intl.formatNumber(shown), total: intl.formatNumber(text.length) })}
          {shown < mostShownChars && (
            <button type="button" className="button small" onClick={() => setShown(shown * 10)}>
              {say('details.showMore')}
            </button>
          )}
          <CopyButton text={text} label={say('details.copyValue')} />
        </span>
      )}
    </>
  );
}

/** A key that breaks after its dots and underscores, not in the middle of a word. */
function breakable(key: string): ReactNode {
  return Array.from(key.matchAll(/[^._]+[._]*|[._]+/g), ({ 0: part, index: offset }) => (
    <Fragment key={offset}>
      {part}
      <wbr />
    </Fragment>
  ));
}

/** A long text, or one of several lines, such as a stack trace: it gets the whole width, and keeps its lines. */
function isLong(value: AnyValue): value is AnyValue & { type: 'string' } {
  return value.type === 'string' && (value.value.length > narrowChars || value.value.includes('\n'));
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

import { useQuery } from '@tanstack/react-query';
import { Search } from 'lucide-react';
import { type ReactNode, useId, useState } from 'react';
import { operationsQuery } from '../../fetch/queries.ts';
import {
  conditionsOf,
  formatConditions,
  parseConditions,
  parseDuration,
  parseLookback,
  type SearchAddress,
} from '../../fetch/search-address.ts';
import type { MessageId } from '../../messages/catalogues.ts';
import { useText } from '../text.ts';
import { formatLocalInput, parseLocalInput } from './local-time.ts';

const lookbacks = ['5m', '15m', '1h', '3h', '6h', '12h', '1d', '2d', '7d'];
const limits = ['20', '50', '100', '200', '500', '1000'];

export interface SearchFormProps {
  readonly address: SearchAddress;
  readonly services: readonly string[];
  readonly isSearching: boolean;
  /** With a concrete start and end: the address shows the same again to whoever it is sent to. */
  onSearch(address: SearchAddress): void;
}

interface Draft {
  service: string;
  operation: string;
  conditions: string;
  minDuration: string;
  maxDuration: string;
  lookback: string;
  start: string;
  end: string;
  limit: string;
}

type FieldErrors = Partial<Record<keyof Draft, MessageId>>;

export function SearchForm({ address, services, isSearching, onSearch }: SearchFormProps): ReactNode {
  const say = useText();
  const [draft, setDraft] = useState(() => draftOf(address));
  const [errors, setErrors] = useState<FieldErrors>({});
  const operations = useQuery(operationsQuery(draft.service));
  const change = (part: Partial<Draft>): void => setDraft((before) => ({ ...before, ...part }));
  const listId = useId();
  const text = (
    field: 'operation' | 'conditions' | 'minDuration' | 'maxDuration',
    hint: MessageId,
    listed?: string,
  ): ReactNode => (
    <Field label={say(`search.${field}`)} error={errors[field] && say(errors[field])}>
      <input
        value={draft[field]}
        onChange={(event) => change({ [field]: event.target.value })}
        placeholder={say(hint)}
        aria-invalid={errors[field] !== undefined}
        list={listed}
        spellCheck={false}
        autoComplete="off"
      />
    </Field>
  );

  return (
    <form
      className="search-form"
      onSubmit={(event) => {
        event.preventDefault();
        const found = checkDraft(draft);
        setErrors(found);
        if (Object.keys(found).length === 0) onSearch(addressOfDraft(draft, Date.now()));
      }}
    >
      <Field label={say('search.service')}>
        <select value={draft.service} onChange={(event) => change({ service: event.target.value, operation: '' })}>
          <option value="">{say('search.allServices')}</option>
          {draft.service !== '' && !services.includes(draft.service) && <option>{draft.service}</option>}
          {services.map((service) => (
            <option key={service}>{service}</option>
          ))}
        </select>
      </Field>
      {text('operation', 'search.operationHint', listId)}
      <datalist id={listId}>
        {operations.data?.operations.map((operation) => (
          <option key={operation} value={operation} />
        ))}
      </datalist>
      {text('conditions', 'search.conditionsHint')}
      <div className="field-pair">
        {text('minDuration', 'search.minDurationHint')}
        {text('maxDuration', 'search.maxDurationHint')}
      </div>
      <div className="field-pair">
        <Field label={say('search.lookback')}>
          <select value={draft.lookback} onChange={(event) => change({ lookback: event.target.value })}>
            {lookbacks.map((lookback) => (
              <option key={lookback} value={lookback}>
                {say(`search.lookback.${lookback as '5m'}`)}
              </option>
            ))}
            <option value="custom">{say('search.lookback.custom')}</option>
          </select>
        </Field>
        <Field label={say('search.limit')}>
          <select value={draft.limit} onChange={(event) => change({ limit: event.target.value })}>
            {limits.map((limit) => (
              <option key={limit}>{limit}</option>
            ))}
          </select>
        </Field>
      </div>
      {draft.lookback === 'custom' &&
        (['start', 'end'] as const).map((field) => (
          <Field key={field} label={say(`search.${field}`)} error={errors[field] && say(errors[field])}>
            <input
              type="datetime-local"
              step="1"
              value={draft[field]}
              onChange={(event) => change({ [field]: event.target.value })}
              aria-invalid={errors[field] !== undefined}
            />
          </Field>
        ))}
      <button type="submit" className="button primary" aria-busy={isSearching}>
        <Search size={15} aria-hidden /> {say('search.find')}
      </button>
    </form>
  );
}

function Field(props: { readonly label: string; readonly error?: string | undefined; readonly children: ReactNode }) {
  return (
    // biome-ignore lint/a11y/noLabelWithoutControl: the control is the child
    <label className="field">
      <span className="field-label">{props.label}</span>
      {props.children}
      {props.error !== undefined && (
        <span className="field-error" role="alert">
          {props.error}
        </span>
      )}
    </label>
  );
}

function draftOf(address: SearchAddress): Draft {
  const lookback = address.lookback ?? (address.start === undefined ? '1h' : 'custom');
  const isListed = lookbacks.includes(lookback);
  return {
    service: address.service ?? '',
    operation: address.operation ?? '',
    conditions: formatConditions(conditionsOf(address.tags)),
    minDuration: address.minDuration ?? '',
    maxDuration: address.maxDuration ?? '',
    lookback: isListed ? lookback : 'custom',
    start: formatLocalInput(address.start),
    end: formatLocalInput(address.end),
    limit: limits.includes(address.limit ?? '') ? address.limit! : '20',
  };
}

function checkDraft(draft: Draft): FieldErrors {
  const errors: FieldErrors = {};
  if (parseConditions(draft.conditions) === undefined) errors.conditions = 'search.conditionsWrong';
  for (const field of ['minDuration', 'maxDuration'] as const) {
    if (draft[field] !== '' && parseDuration(draft[field]) === undefined) errors[field] = 'search.durationWrong';
  }
  if (draft.lookback === 'custom') {
    const startUs = parseLocalInput(draft.start);
    const endUs = parseLocalInput(draft.end);
    if (startUs === undefined) errors.start = 'search.timeWrong';
    if (endUs === undefined) errors.end = 'search.timeWrong';
    else if (startUs !== undefined && endUs <= startUs) errors.end = 'search.endWrong';
  }
  return errors;
}

/** The draft must be without errors. */
function addressOfDraft(draft: Draft, nowMs: number): SearchAddress {
  const conditions = parseConditions(draft.conditions) ?? {};
  const minDuration = parseDuration(draft.minDuration);
  const maxDuration = parseDuration(draft.maxDuration);
  const lookbackMs = parseLookback(draft.lookback);
  const startUs = lookbackMs === undefined ? parseLocalInput(draft.start) : (nowMs - lookbackMs) * 1000;
  const endUs = lookbackMs === undefined ? parseLocalInput(draft.end) : nowMs * 1000;
  return {
    ...(draft.service === '' ? {} : { service: draft.service }),
    ...(draft.operation === '' ? {} : { operation: draft.operation }),
    ...(Object.keys(conditions).length === 0 ? {} : { tags: JSON.stringify(conditions) }),
    ...(minDuration === undefined ? {} : { minDuration }),
    ...(maxDuration === undefined ? {} : { maxDuration }),
    lookback: draft.lookback,
    start: String(startUs),
    end: String(endUs),
    limit: draft.limit,
  };
}

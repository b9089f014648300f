import {
  type AttributeCondition,
  ConditionError,
  type ConditionFault,
  formatConditionList,
  formatTags,
  parseConditionList,
  parseLookbackMs,
} from '@clew/model';
import { useQuery } from '@tanstack/react-query';
import { Search } from 'lucide-react';
import { type ReactNode, useId, useState } from 'react';
import { operationsQuery } from '../../fetch/queries.ts';
import { checkDurations, conditionsOf, type SearchAddress, type SearchReading } from '../../fetch/search-address.ts';
import type { MessageId } from '../../messages/en.ts';
import { useText } from '../text.ts';
import { useZoneName } from '../time-text.ts';
import { formatLocalInput, parseLocalInput, toMicroseconds } from './local-time.ts';

const lookbacks = ['5m', '15m', '1h', '3h', '6h', '12h', '1d', '2d', '7d'];
const limits = ['20', '50', '100', '200', '500', '1000'];

export interface SearchFormProps {
  readonly reading: SearchReading;
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

type DraftErrors = Partial<Record<keyof Draft, MessageId>>;

export function SearchForm({ reading, services, isSearching, onSearch }: SearchFormProps): ReactNode {
  const say = useText();
  const [draft, setDraft] = useState(() => draftOf(reading));
  const [errors, setErrors] = useState<DraftErrors>(() => {
    const { tags, ...others } = reading.errors;
    return { ...others, ...(tags !== undefined && { conditions: tags }) };
  });
  const zone = useZoneName();
  const operations = useQuery(operationsQuery(draft.service));
  const change = (part: Partial<Draft>): void => {
    setDraft((before) => ({ ...before, ...part }));
    setErrors((before) => ({ ...before, ...Object.fromEntries(Object.keys(part).map((field) => [field, undefined])) }));
  };
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
        const read = readDraft(draft, Date.now());
        setErrors('errors' in read ? read.errors : {});
        if ('address' in read) onSearch(read.address);
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
        <Field label={say('search.lookback')} error={errors.lookback && say(errors.lookback)}>
          <select
            value={draft.lookback}
            onChange={(event) => change({ lookback: event.target.value })}
            aria-invalid={errors.lookback !== undefined}
          >
            {lookbacks.map((lookback) => (
              <option key={lookback} value={lookback}>
                {say(`search.lookback.${lookback as '5m'}`)}
              </option>
            ))}
            {draft.lookback !== 'custom' && !lookbacks.includes(draft.lookback) && (
              <option value={draft.lookback}>{say('search.lookback.other', { lookback: draft.lookback })}</option>
            )}
            <option value="custom">{say('search.lookback.custom')}</option>
          </select>
        </Field>
        <Field label={say('search.limit')} error={errors.limit && say(errors.limit)}>
          <select
            value={draft.limit}
            onChange={(event) => change({ limit: event.target.value })}
            aria-invalid={errors.limit !== undefined}
          >
            {!limits.includes(draft.limit) && <option>{draft.limit}</option>}
            {limits.map((limit) => (
              <option key={limit}>{limit}</option>
            ))}
          </select>
        </Field>
      </div>
      {draft.lookback === 'custom' &&
        (['start', 'end'] as const).map((field) => (
          <Field key={field} label={say(`search.${field}`, { zone })} error={errors[field] && say(errors[field])}>
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

function draftOf({ address, errors }: SearchReading): Draft {
  return {
    service: address.service ?? '',
    operation: address.operation ?? '',
    conditions: errors.tags === undefined ? formatConditionList(conditionsOf(address.tags)) : address.tags!,
    minDuration: address.minDuration ?? '',
    maxDuration: address.maxDuration ?? '',
    lookback: address.lookback ?? (address.start === undefined ? '1h' : 'custom'),
    start: formatLocalInput(address.start),
    end: formatLocalInput(address.end),
    limit: address.limit ?? '20',
  };
}

const conditionErrors: Readonly<Record<ConditionFault, MessageId>> = {
  form: 'search.conditionsWrong',
  operator: 'search.conditionsOperator',
  quotes: 'search.conditionsQuotes',
  tags: 'search.tagsWrong',
};

/** The conditions as typed, or what is wrong with them. */
function readConditions(text: string): readonly AttributeCondition[] | MessageId {
  try {
    return parseConditionList(text);
  } catch (error) {
    if (error instanceof ConditionError) return conditionErrors[error.fault];
    throw error;
  }
}

/** The search that the form describes, or what is wrong with its fields. */
function readDraft(draft: Draft, nowMs: number): { address: SearchAddress } | { errors: DraftErrors } {
  const errors: DraftErrors = { ...checkDurations(draft.minDuration, draft.maxDuration) };
  const conditions = readConditions(draft.conditions);
  if (typeof conditions === 'string') errors.conditions = conditions;
  if (draft.limit !== '' && !/^\d+$/.test(draft.limit)) errors.limit = 'search.limitWrong';
  const lookbackMs = parseLookbackMs(draft.lookback);
  const startMs = lookbackMs === undefined ? parseLocalInput(draft.start) : nowMs - lookbackMs;
  const endMs = lookbackMs === undefined ? parseLocalInput(draft.end) : nowMs;
  if (startMs === undefined) errors.start = 'search.timeWrong';
  if (endMs === undefined) errors.end = 'search.timeWrong';
  else if (startMs !== undefined && endMs <= startMs) errors.end = 'search.endWrong';
  if (
    typeof conditions === 'string' ||
    startMs === undefined ||
    endMs === undefined ||
    Object.keys(errors).length > 0
  ) {
    return { errors };
  }
  return {
    address: {
      ...(draft.service !== '' && { service: draft.service }),
      ...(draft.operation !== '' && { operation: draft.operation }),
      ...(conditions.length > 0 && { tags: formatTags(conditions) }),
      ...(draft.minDuration !== '' && { minDuration: draft.minDuration.trim() }),
      ...(draft.maxDuration !== '' && { maxDuration: draft.maxDuration.trim() }),
      lookback: draft.lookback,
      start: toMicroseconds(startMs),
      end: toMicroseconds(endMs),
      limit: draft.limit,
    },
  };
}

import { formatDuration, type TraceTable } from '@clew/model';
import { ChevronDown, ChevronsDownUp, ChevronsUpDown, ChevronUp, CircleAlert, Keyboard, Search } from 'lucide-react';
import { type ReactNode, type RefObject, useMemo } from 'react';
import { useIntl } from 'react-intl';
import { totalServices } from '../../table/service-totals.ts';
import { CopyButton } from '../copy-button.tsx';
import { ForeignText } from '../foreign-text.tsx';
import { ServiceChip } from '../service-chip.tsx';
import { useText } from '../text.ts';
import { useTimeText } from '../time-text.ts';

export interface TraceHeaderProps {
  readonly table: TraceTable;
  readonly filter: string;
  /** Undefined without a filter. */
  readonly matchCount: number | undefined;
  readonly filterInput: RefObject<HTMLInputElement | null>;
  onFilter(text: string): void;
  onNextMatch(step: 1 | -1): void;
  onCollapseAll(): void;
  onExpandAll(): void;
  onHelp(): void;
}

export function TraceHeader(props: TraceHeaderProps): ReactNode {
  const { table } = props;
  const say = useText();
  const intl = useIntl();
  const { absolute, relative } = useTimeText(table.startNs);
  const services = useMemo(() => totalServices(table), [table]);
  const rootRow = table.tree.order[0]!;
  return (
    <header className="trace-header">
      <div className="trace-title">
        <h1>
          <b>
            <ForeignText text={table.services[table.service[rootRow]!]!} />
          </b>{' '}
          <ForeignText text={table.names[table.name[rootRow]!]!.slice(0, 500) || say('span.noName')} />
        </h1>
        <span className="trace-id">{table.traceId}</span>
        <CopyButton text={table.traceId} label={say('trace.copyId')} />
      </div>
      <dl className="trace-facts">
        <Fact name={say('trace.duration')} value={formatDuration(table.durationNs)} />
        <Fact name={say('trace.start')} value={absolute} note={relative} />
        <Fact name={say('trace.spans')} value={intl.formatNumber(table.spanCount)} />
        <Fact name={say('trace.services')} value={intl.formatNumber(services.length)} />
        <div className={table.errorCount > 0 ? 'fact has-errors' : 'fact'}>
          <dt>{say('trace.errors')}</dt>
          <dd>
            {table.errorCount > 0 && <CircleAlert className="fact-icon" size={13} aria-hidden />}{' '}
            {intl.formatNumber(table.errorCount)}
          </dd>
        </div>
      </dl>
      <div className="trace-tools">
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be scrolled by keys, too */}
        <ul className="trace-services" aria-label={say('trace.services')} tabIndex={0}>
          {services.map(({ service, spanCount }) => (
            <li key={service}>
              <ServiceChip service={service} spanCount={spanCount} />
            </li>
          ))}
        </ul>
        <FilterBox {...props} />
        <div className="tool-buttons">
          <ToolButton label={say('trace.collapseAll')} onClick={props.onCollapseAll}>
            <ChevronsDownUp size={15} aria-hidden />
          </ToolButton>
          <ToolButton label={say('trace.expandAll')} onClick={props.onExpandAll}>
            <ChevronsUpDown size={15} aria-hidden />
          </ToolButton>
          <ToolButton label={say('keys.title')} onClick={props.onHelp}>
            <Keyboard size={15} aria-hidden />
          </ToolButton>
        </div>
      </div>
    </header>
  );
}

function FilterBox({ filter, matchCount, filterInput, onFilter, onNextMatch }: TraceHeaderProps): ReactNode {
  const say = useText();
  return (
    <search className="trace-filter">
      <Search size={14} aria-hidden />
      <input
        ref={filterInput}
        value={filter}
        onChange={(event) => onFilter(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === 'Enter') onNextMatch(event.shiftKey ? -1 : 1);
          else if (event.key === 'Escape') {
            onFilter('');
            event.currentTarget.blur();
          }
        }}
        placeholder={say('trace.filter')}
        aria-label={say('trace.filter')}
        spellCheck={false}
        autoComplete="off"
      />
      {matchCount !== undefined && (
        <>
          <span className="match-count">{say('trace.matches', { count: matchCount })}</span>
          <ToolButton label={say('trace.previousMatch')} onClick={() => onNextMatch(-1)}>
            <ChevronUp size={14} aria-hidden />
          </ToolButton>
          <ToolButton label={say('trace.nextMatch')} onClick={() => onNextMatch(1)}>
            <ChevronDown size={14} aria-hidden />
          </ToolButton>
        </>
      )}
    </search>
  );
}

function Fact({ name, value, note }: { readonly name: string; readonly value: string; readonly note?: string }) {
  return (
    <div className="fact">
      <dt>{name}</dt>
      <dd>
        {value} {note !== undefined && <small>{note}</small>}
      </dd>
    </div>
  );
}

function ToolButton(props: { readonly label: string; readonly onClick: () => void; readonly children: ReactNode }) {
  return (
    <button
      type="button"
      className="icon-button small"
      onClick={props.onClick}
      aria-label={props.label}
      title={props.label}
    >
      {props.children}
    </button>
  );
}

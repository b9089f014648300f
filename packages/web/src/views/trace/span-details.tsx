import { detailsOf, formatDuration, rowOfSpan, type SpanEvent, type SpanLink, type TraceTable } from '@clew/model';
import { Link } from '@tanstack/react-router';
import { CircleAlert, X } from 'lucide-react';
import { type ReactNode, useMemo } from 'react';
import type { MessageId } from '../../messages/en.ts';
import { CopyButton } from '../copy-button.tsx';
import { ServiceChip } from '../service-chip.tsx';
import { useText } from '../text.ts';
import { useTimeText } from '../time-text.ts';
import { Ancestors } from './ancestors.tsx';
import { AttributeTable, LongText } from './attribute-table.tsx';
import { FaultList } from './fault-list.tsx';
import './span-details.css';

const kinds: readonly MessageId[] = [
  'kind.unspecified',
  'kind.internal',
  'kind.server',
  'kind.client',
  'kind.producer',
  'kind.consumer',
];
const statuses: readonly MessageId[] = ['status.unset', 'status.ok', 'status.error'];

export interface SpanDetailsPanelProps {
  readonly table: TraceTable;
  readonly row: number;
  /** Bits of `findFaults`. */
  readonly faults: number;
  onClose(): void;
  onSelect(row: number): void;
}

/** All that is known of the selected span. */
export function SpanDetailsPanel({ table, row, faults, onClose, onSelect }: SpanDetailsPanelProps): ReactNode {
  const say = useText();
  const span = useMemo(() => detailsOf(table, row), [table, row]);
  const { absolute } = useTimeText(span.startNs);
  const parentRow = span.parentSpanId === undefined ? -1 : rowOfSpan(table, span.parentSpanId);
  return (
    <aside className="span-details" aria-label={say('details.title')}>
      <header>
        <div className="span-details-title">
          <ServiceChip service={span.service} />
          <h2>
            <LongText text={span.name || say('span.noName')} />
          </h2>
        </div>
        <button type="button" className="icon-button small" onClick={onClose} aria-label={say('action.close')}>
          <X size={16} aria-hidden />
        </button>
      </header>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be scrolled by keys, too */}
      <section className="span-details-scroll" tabIndex={0} aria-label={say('details.title')}>
        <FaultList faults={faults} />
        <Ancestors table={table} row={row} onSelect={onSelect} />
        {span.statusCode === 2 && (
          <p className="span-error">
            <CircleAlert size={15} aria-hidden />
            <span>
              {span.statusMessage === '' ? say('span.failed') : <LongText text={span.statusMessage} keep={'\n\t'} />}
            </span>
          </p>
        )}
        <dl className="span-times">
          <Item name={say('span.duration')}>{formatDuration(span.durationNs)}</Item>
          <Item name={say('span.self')}>{formatDuration(span.selfNs)}</Item>
          <Item name={say('span.offset')}>{formatDuration(table.spanStartNs[row]!)}</Item>
        </dl>

        <Section title={say('details.attributes')} count={span.attributes.length} dropped={span.droppedAttributesCount}>
          <AttributeTable attributes={span.attributes} />
        </Section>
        <Section title={say('details.events')} count={span.events.length} dropped={span.droppedEventsCount}>
          {span.events.map((event, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: events have no identity but their place
            <EventItem key={index} event={event} />
          ))}
        </Section>
        <Section title={say('details.links')} count={span.links.length} dropped={span.droppedLinksCount}>
          {span.links.map((link, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: links have no identity but their place
            <LinkItem key={index} link={link} />
          ))}
        </Section>
        <Section
          title={say('details.resource')}
          count={span.resource.length}
          dropped={span.resourceDroppedAttributesCount}
        >
          <AttributeTable attributes={span.resource} />
          <SchemaUrl url={span.resourceSchemaUrl} />
        </Section>
        <Section title={say('details.span')}>
          <dl className="span-facts">
            <Item name={say('details.spanId')}>
              <code>{span.spanId}</code> <CopyButton text={span.spanId} label={say('details.copySpanId')} />
            </Item>
            <Item name={say('details.parent')}>
              {span.parentSpanId === undefined ? (
                say('details.noParent')
              ) : parentRow === -1 ? (
                <>
                  <code>{span.parentSpanId}</code> <small>{say('details.parentMissing')}</small>
                </>
              ) : (
                <button type="button" className="link" onClick={() => onSelect(parentRow)}>
                  <code>{span.parentSpanId}</code>
                </button>
              )}
            </Item>
            <Item name={say('details.kind')}>{say(kinds[span.kind] ?? 'kind.unspecified')}</Item>
            <Item name={say('details.status')}>{say(statuses[span.statusCode] ?? 'status.unset')}</Item>
            <Item name={say('details.start')}>{absolute}</Item>
            {span.scope.name !== '' && (
              <Item name={say('details.scope')}>
                <LongText text={span.scope.name} />{' '}
                <small>
                  <LongText text={span.scope.version} />
                </small>
              </Item>
            )}
            {span.scope.schemaUrl !== '' && (
              <Item name={say('details.schemaUrl')}>
                <LongText text={span.scope.schemaUrl} />
              </Item>
            )}
            {span.traceState !== '' && (
              <Item name={say('details.traceState')}>
                <code>
                  <LongText text={span.traceState} />
                </code>
              </Item>
            )}
          </dl>
          {span.scope.attributes.length > 0 && <AttributeTable attributes={span.scope.attributes} />}
          <Dropped count={span.scope.droppedAttributesCount} />
        </Section>
      </section>
    </aside>
  );
}

interface SectionProps {
  readonly title: string;
  /** A section with none is not shown, unless something of it was dropped. */
  readonly count?: number;
  readonly dropped?: number;
  readonly children: ReactNode;
}

function Section({ title, count, dropped = 0, children }: SectionProps): ReactNode {
  if (count === 0 && dropped === 0) return null;
  return (
    <details open>
      <summary>
        {title} {count !== undefined && <span className="section-count">{count}</span>}
      </summary>
      {children}
      <Dropped count={dropped} />
    </details>
  );
}

/** How many attributes, events or links did not come, as their sender left them out. */
function Dropped({ count }: { readonly count: number }): ReactNode {
  const say = useText();
  return count > 0 && <p className="dropped">{say('details.dropped', { count })}</p>;
}

/** Where the schema URL of the resource is shown, which has no list of facts. */
function SchemaUrl({ url }: { readonly url: string }): ReactNode {
  const say = useText();
  if (url === '') return null;
  return (
    <dl className="span-facts">
      <Item name={say('details.schemaUrl')}>{url}</Item>
    </dl>
  );
}

function Item({ name, children }: { readonly name: string; readonly children: ReactNode }): ReactNode {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function EventItem({ event }: { readonly event: SpanEvent }): ReactNode {
  const say = useText();
  const { offsetNs } = event;
  return (
    <div className={event.name === 'exception' ? 'span-event exception' : 'span-event'}>
      <p className="span-event-title">
        <span>
          <LongText text={event.name} />
        </span>
        <span className="span-event-time">
          {offsetNs === undefined ? say('details.noTime') : `${offsetNs < 0 ? '' : '+'}${formatDuration(offsetNs)}`}
        </span>
      </p>
      <AttributeTable attributes={event.attributes} />
      <Dropped count={event.droppedAttributesCount} />
    </div>
  );
}

function LinkItem({ link }: { readonly link: SpanLink }): ReactNode {
  const say = useText();
  return (
    <div className="span-link">
      <Link to="/trace/$traceId" params={{ traceId: link.traceId }} search={{ span: link.spanId }}>
        {say('details.linkTo', { traceId: link.traceId.slice(0, 8), spanId: link.spanId })}
      </Link>
      <AttributeTable attributes={link.attributes} />
      <Dropped count={link.droppedAttributesCount} />
    </div>
  );
}

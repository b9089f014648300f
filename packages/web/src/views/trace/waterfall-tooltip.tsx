import { formatDuration, type TraceTable } from '@clew/model';
import { type ReactNode, type Ref, useSyncExternalStore } from 'react';
import { ForeignText } from '../foreign-text.tsx';
import { ServiceChip } from '../service-chip.tsx';
import { useText } from '../text.ts';
import { FaultList } from './fault-list.tsx';
import type { ViewportStore } from './viewport.ts';

export interface WaterfallTooltipProps {
  readonly ref: Ref<HTMLDivElement>;
  readonly table: TraceTable;
  readonly store: ViewportStore;
  /** By row, see findFaults. */
  readonly faults: Uint8Array;
}

/** The span under the pointer in short; the pointer's handler places it. Always there, so that it can be measured. */
export function WaterfallTooltip({ ref, table, store, faults }: WaterfallTooltipProps): ReactNode {
  const say = useText();
  const row = useSyncExternalStore(store.subscribe, () => store.get().hoveredRow);
  return (
    <div className="waterfall-tooltip" ref={ref} hidden={row === -1} aria-hidden>
      {row !== -1 && (
        <>
          <div className="tooltip-title">
            <ServiceChip service={table.services[table.service[row]!]!} />
            <ForeignText text={table.names[table.name[row]!]!.slice(0, 300) || say('span.noName')} />
          </div>
          <dl>
            <dt>{say('span.duration')}</dt>
            <dd>{formatDuration(table.spanDurationNs[row]!)}</dd>
            <dt>{say('span.self')}</dt>
            <dd>{formatDuration(table.selfNs[row]!)}</dd>
            <dt>{say('span.offset')}</dt>
            <dd>{formatDuration(table.spanStartNs[row]!)}</dd>
            {table.tree.childCount[row]! > 0 && (
              <>
                <dt>{say('span.below')}</dt>
                <dd>{table.tree.subtreeSize[row]! - 1}</dd>
              </>
            )}
          </dl>
          <FaultList faults={faults[row]!} />
          {table.status[row] === 2 && <p className="tooltip-error">{say('span.failed')}</p>}
        </>
      )}
    </div>
  );
}

import { RefreshCw } from 'lucide-react';
import { type ReactNode, useMemo } from 'react';
import { countFaults } from '../../table/trace-faults.ts';
import { useText } from '../text.ts';

export interface TraceFaultsProps {
  /** By row, see findFaults. */
  readonly faults: Uint8Array;
  readonly isRefreshing: boolean;
  onRefresh(): void;
}

/** Says above the picture what is wrong with it: a trace with missing spans looks like a smaller one otherwise. */
export function TraceFaults({ faults, isRefreshing, onRefresh }: TraceFaultsProps): ReactNode {
  const say = useText();
  const counts = useMemo(() => countFaults(faults), [faults]);
  if (counts.length === 0) return null;
  const isIncomplete = counts.some(([name]) => name === 'parentMissing');
  return (
    <div className="trace-warning">
      <span>{counts.map(([name, count]) => say(`faults.${name}`, { count })).join(' ')}</span>
      {isIncomplete && (
        <button type="button" className="button small" onClick={onRefresh} aria-busy={isRefreshing}>
          <RefreshCw size={13} aria-hidden /> {say('trace.refresh')}
        </button>
      )}
    </div>
  );
}

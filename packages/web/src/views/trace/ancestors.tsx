import type { TraceTable } from '@clew/model';
import type { ReactNode } from 'react';
import { ForeignText } from '../foreign-text.tsx';
import { useText } from '../text.ts';

/** So many ancestors are named: the root, and those next to the span. */
const nearest = 4;

export interface AncestorsProps {
  readonly table: TraceTable;
  readonly row: number;
  onSelect(row: number): void;
}

/** The way from the root to the span: deep in a tree the picture cannot show it. */
export function Ancestors({ table, row, onSelect }: AncestorsProps): ReactNode {
  const say = useText();
  const up: number[] = [];
  for (let at = table.tree.parent[row]!; at !== -1; at = table.tree.parent[at]!) up.push(at);
  if (up.length === 0) return null;
  const hidden = Math.max(up.length - nearest - 1, 0);
  const shown = (hidden === 0 ? up : [...up.slice(0, nearest), up.at(-1)!]).reverse();
  return (
    <nav className="ancestors" aria-label={say('details.ancestors')}>
      <ol>
        {shown.map((ancestor, index) => (
          <li key={ancestor}>
            {index === 1 && hidden > 0 && <span>{say('details.moreAncestors', { count: hidden })} › </span>}
            <button type="button" className="link" onClick={() => onSelect(ancestor)}>
              <ForeignText text={table.names[table.name[ancestor]!]!.slice(0, 80) || say('span.noName')} />
            </button>
          </li>
        ))}
      </ol>
    </nav>
  );
}

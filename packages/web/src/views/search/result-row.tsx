import { formatDuration, type TraceSummary } from '@clew/model';
import { Link } from '@tanstack/react-router';
import { CircleAlert } from 'lucide-react';
import type { ReactNode } from 'react';
import { ForeignText } from '../foreign-text.tsx';
import { ServiceChip } from '../service-chip.tsx';
import { useServiceColours } from '../service-colours.tsx';
import { useText } from '../text.ts';
import { useTimeText } from '../time-text.ts';

/** More services than this are counted. */
const maxChips = 6;

export interface ResultRowProps {
  readonly trace: TraceSummary;
  /** The bar of a trace this long is as wide as the row. */
  readonly longestNs: number;
  readonly topPx: number;
  readonly heightPx: number;
}

export function ResultRow({ trace, longestNs, topPx, heightPx }: ResultRowProps): ReactNode {
  const say = useText();
  const colours = useServiceColours();
  const { absolute, short, relative } = useTimeText(trace.startNs);
  const hidden = trace.services.length - maxChips;
  const share = Math.max(trace.durationNs / longestNs, 0.003);
  return (
    <li className="result" style={{ top: topPx, height: heightPx }}>
      <Link to="/trace/$traceId" params={{ traceId: trace.traceId }} search={{}}>
        <span className="result-title">
          <b>
            <ForeignText text={trace.firstService.slice(0, 300)} />
          </b>
          <span>
            <ForeignText text={trace.firstName.slice(0, 300) || say('span.noName')} />
          </span>
        </span>
        <span className="result-time" title={absolute}>
          <span>{short}</span> <span className="result-ago">{relative}</span>
        </span>
        <span className="result-duration">{formatDuration(trace.durationNs)}</span>
        <span className="result-services">
          {trace.services.slice(0, maxChips).map(({ service, spanCount }) => (
            <ServiceChip key={service} service={service} spanCount={spanCount} />
          ))}
          {hidden > 0 && <span className="result-more">{say('search.moreServices', { count: hidden })}</span>}
        </span>
        <span className="result-counts">
          {trace.rootCount === 0 && <span className="root-badge">{say('search.rootMissing')}</span>}
          {trace.errorCount > 0 && (
            <span className="error-badge">
              <CircleAlert size={12} aria-hidden /> {say('search.errors', { count: trace.errorCount })}
            </span>
          )}
          <span>{say('search.spans', { count: trace.spanCount })}</span>
        </span>
        <span className="result-bar" aria-hidden>
          <i style={{ width: `${share * 100}%`, background: colours.get(trace.firstService) }} />
        </span>
      </Link>
    </li>
  );
}

import type { StatsResponse } from '@clew/model';
import { useQuery } from '@tanstack/react-query';
import { Radio } from 'lucide-react';
import { type ReactNode, useState } from 'react';
import { receiversQuery, statsQuery } from '../../fetch/queries.ts';
import { CopyButton } from '../copy-button.tsx';
import { Notice } from '../notice.tsx';
import { useText } from '../text.ts';
import { addressOf, listFirstCommands } from './first-commands.ts';

/** How often to look whether spans came that were refused. */
const statsPollMs = 5_000;

/** Nothing has been received yet: says how to send the first spans to this server, and waits for them. */
export function FirstSpans(): ReactNode {
  const say = useText();
  const receivers = useQuery(receiversQuery).data;
  const stats = useQuery({ ...statsQuery, refetchInterval: statsPollMs }).data;
  const [label, setLabel] = useState('Node.js');
  const host = window.location.hostname;
  const commands = receivers === undefined ? [] : listFirstCommands(receivers, host);
  const chosen = commands.find((one) => one.label === label);
  const refusals = stats === undefined ? [] : listRefusals(stats);
  return (
    <Notice icon={Radio} title={say('first.title')}>
      {receivers !== undefined && (
        <p>
          {say('first.endpoints', {
            http: addressOf(receivers, 'otlp-http', host) ?? '–',
            grpc: addressOf(receivers, 'otlp-grpc', host) ?? '–',
          })}{' '}
          {receivers.needsToken && say('first.token')}
        </p>
      )}
      <fieldset className="first-ways" aria-label={say('first.ways')}>
        {commands.map((one) => (
          <button
            key={one.label}
            type="button"
            className="button small"
            aria-pressed={one.label === label}
            onClick={() => setLabel(one.label)}
          >
            {one.label}
          </button>
        ))}
      </fieldset>
      {chosen !== undefined && (
        <div className="command-line">
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be scrolled by keys, too */}
          <pre className="command" tabIndex={0}>
            {chosen.text}
          </pre>
          <CopyButton text={chosen.text} label={say('first.copy')} />
        </div>
      )}
      {label === 'Node.js' && <p className="fine">{say('first.node')}</p>}
      {refusals.length > 0 && (
        <div role="alert" className="server-message">
          <p>{say('first.refused')}</p>
          <pre className="command">{refusals.join('\n')}</pre>
        </div>
      )}
      <p className="fine waiting">{say('first.waiting')}</p>
    </Notice>
  );
}

/** What came and was not taken, such as `otlp-http: 3 × unauthenticated`. */
function listRefusals({ receivers, rejectedSpans, droppedSpans }: StatsResponse): string[] {
  const list = (of: string, counts: Readonly<Record<string, number>>): string[] =>
    Object.entries(counts)
      .filter(([, count]) => count > 0)
      .map(([reason, count]) => `${of}: ${count} × ${reason}`);
  return [
    ...receivers.flatMap(({ receiver, refused }) => list(receiver, refused)),
    ...list('spans', rejectedSpans),
    ...list('spans', droppedSpans),
  ];
}

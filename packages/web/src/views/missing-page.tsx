import { parseTraceId } from '@clew/model';
import { Link } from '@tanstack/react-router';
import { Compass } from 'lucide-react';
import type { ReactNode } from 'react';
import type { MessageId } from '../messages/en.ts';
import { Notice } from './notice.tsx';
import { useText } from './text.ts';

/** Stands at the address of a page that Jaeger's UI has and this one does not. */
export function MissingPage({ about, command }: { readonly about: MessageId; readonly command: string }): ReactNode {
  const say = useText();
  return (
    <Notice icon={Compass} title={say('missing.title')}>
      <p>{say(about)}</p>
      <pre className="command">{command}</pre>
      <Link to="/search" search={{}} className="button primary">
        {say('notFound.toSearch')}
      </Link>
    </Notice>
  );
}

/** Jaeger compares two traces at `/trace/<id>...<id>`: what can be done here is to open each. */
export function ComparePage({ traceIds }: { readonly traceIds: readonly string[] }): ReactNode {
  const say = useText();
  const links = traceIds.flatMap((text) => parseTraceId(text) ?? []);
  return (
    <Notice icon={Compass} title={say('missing.title')}>
      <p>{say('missing.compare')}</p>
      {links.map((traceId) => (
        <Link key={traceId} to="/trace/$traceId" params={{ traceId }} search={{}} className="trace-id">
          {traceId}
        </Link>
      ))}
      <Link to="/search" search={{}} className="button primary">
        {say('notFound.toSearch')}
      </Link>
    </Notice>
  );
}

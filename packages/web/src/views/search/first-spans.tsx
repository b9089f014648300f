import { Radio } from 'lucide-react';
import type { ReactNode } from 'react';
import { CopyButton } from '../copy-button.tsx';
import { Notice } from '../notice.tsx';
import { useText } from '../text.ts';

const command = 'node --import @clew/sdk/register app.js';

/** Nothing has been received yet: says how to send the first spans, and waits for them. */
export function FirstSpans(): ReactNode {
  const say = useText();
  return (
    <Notice icon={Radio} title={say('first.title')}>
      <p>{say('first.how')}</p>
      <div className="command-line">
        <pre className="command">{command}</pre>
        <CopyButton text={command} label={say('first.copy')} />
      </div>
      <p className="fine">{say('first.otlp', { endpoint: `http://${window.location.hostname}:4318` })}</p>
      <p className="fine waiting">{say('first.waiting')}</p>
    </Notice>
  );
}

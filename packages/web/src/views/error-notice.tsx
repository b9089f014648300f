import { formatBytes } from '@clew/model';
import { CircleAlert, Unplug } from 'lucide-react';
import type { ReactNode } from 'react';
import { CutOffError, RefusedError, UnreachableError } from '../fetch/http.ts';
import { Notice } from './notice.tsx';
import { useText } from './text.ts';

/** An error with what can be done about it. */
export function ErrorNotice({ error, onRetry }: { readonly error: Error; readonly onRetry: () => void }): ReactNode {
  const say = useText();
  const retry = (
    <button type="button" className="button primary" onClick={onRetry}>
      {say('error.retry')}
    </button>
  );
  if (error instanceof UnreachableError) {
    return (
      <Notice icon={Unplug} tone="danger" title={say('error.unreachable')}>
        <p>{say('error.unreachableHint', { origin: window.location.origin })}</p>
        <pre className="command">clew serve</pre>
        {retry}
      </Notice>
    );
  }
  if (error instanceof CutOffError) {
    return (
      <Notice icon={Unplug} tone="danger" title={say('error.cutOff')}>
        <p>{say('error.cutOffHint', { size: formatBytes(error.receivedBytes) })}</p>
        {retry}
      </Notice>
    );
  }
  return (
    <Notice icon={CircleAlert} tone="danger" title={say('error.refused')}>
      <p className="server-message">{error.message}</p>
      {error instanceof RefusedError && error.code !== '' && <p className="error-code">{error.code}</p>}
      {retry}
    </Notice>
  );
}

import { parseTraceId } from '@clew/model';
import { useNavigate } from '@tanstack/react-router';
import { type ReactNode, useState } from 'react';
import { useText } from './text.ts';

/** Takes a trace id, with or without the dashes and quotes it was copied with, and opens the trace. */
export function OpenTrace(): ReactNode {
  const say = useText();
  const navigate = useNavigate();
  const [text, setText] = useState('');
  const [isWrong, setWrong] = useState(false);
  return (
    <form
      className="open-trace"
      onSubmit={(event) => {
        event.preventDefault();
        const traceId = parseTraceId(text);
        setWrong(traceId === undefined);
        if (traceId === undefined) return;
        setText('');
        void navigate({ to: '/trace/$traceId', params: { traceId }, search: {} });
      }}
    >
      <input
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          setWrong(false);
        }}
        placeholder={say('openTrace.placeholder')}
        aria-label={say('openTrace.label')}
        aria-invalid={isWrong}
        spellCheck={false}
        autoComplete="off"
      />
      {isWrong && (
        <p className="field-error" role="alert">
          {say('openTrace.wrong')}
        </p>
      )}
    </form>
  );
}

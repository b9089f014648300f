import { useQueryClient } from '@tanstack/react-query';
import { KeyRound } from 'lucide-react';
import { type ReactNode, useEffect, useRef, useState, useSyncExternalStore } from 'react';
import { dismissTokenNeed, keepToken, onTokenNeed, type TokenNeed, tokenNeed } from '../fetch/access-token.ts';
import { useText } from './text.ts';
import './token-dialog.css';

/** Asks for a token when the server does, and then asks the server again. */
export function TokenDialog(): ReactNode {
  const need = useSyncExternalStore(onTokenNeed, tokenNeed);
  return need === 'none' ? null : <TokenForm need={need} />;
}

function TokenForm({ need }: { readonly need: Exclude<TokenNeed, 'none'> }): ReactNode {
  const say = useText();
  const queries = useQueryClient();
  const dialog = useRef<HTMLDialogElement>(null);
  const [text, setText] = useState('');
  useEffect(() => {
    dialog.current!.showModal();
  }, []);
  return (
    <dialog className="token-dialog" ref={dialog} onClose={dismissTokenNeed} aria-labelledby="token-title">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (text.trim() === '') return;
          keepToken(text.trim());
          void queries.resetQueries();
        }}
      >
        <h2 id="token-title">
          <KeyRound size={17} aria-hidden />
          {say('token.title')}
        </h2>
        <p>{say('token.hint')}</p>
        <label>
          {say('token.label')}
          <input
            type="password"
            value={text}
            onChange={(event) => setText(event.target.value)}
            aria-invalid={need === 'refused'}
            autoComplete="off"
            spellCheck={false}
          />
        </label>
        {need === 'refused' && (
          <p className="field-error" role="alert">
            {say('token.refused')}
          </p>
        )}
        <div className="token-actions">
          <button type="button" className="button" onClick={() => dialog.current!.close()}>
            {say('action.close')}
          </button>
          <button type="submit" className="button primary">
            {say('token.submit')}
          </button>
        </div>
      </form>
    </dialog>
  );
}

import { X } from 'lucide-react';
import { type ReactNode, useEffect, useRef } from 'react';
import type { MessageId } from '../../messages/en.ts';
import { useText } from '../text.ts';

const keys: readonly (readonly [readonly string[], MessageId])[] = [
  [['↑', '↓', 'K', 'J'], 'keys.select'],
  [['←', '→'], 'keys.fold'],
  [['Enter'], 'keys.details'],
  [['Esc'], 'keys.close'],
  [['W', 'S'], 'keys.zoom'],
  [['A', 'D'], 'keys.pan'],
  [['0'], 'keys.reset'],
  [['F', '/'], 'keys.filter'],
  [['Ctrl + ⇅'], 'keys.wheelZoom'],
  [['Shift + ⇅'], 'keys.wheelPan'],
  [['?'], 'keys.help'],
];

export function KeyboardHelp({ onClose }: { readonly onClose: () => void }): ReactNode {
  const say = useText();
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    dialog.current!.showModal();
  }, []);
  return (
    <dialog className="keyboard-help" ref={dialog} onClose={onClose} aria-label={say('keys.title')}>
      <header>
        <h2>{say('keys.title')}</h2>
        <button
          type="button"
          className="icon-button small"
          onClick={() => dialog.current!.close()}
          aria-label={say('action.close')}
        >
          <X size={15} aria-hidden />
        </button>
      </header>
      <dl>
        {keys.map(([names, meaning]) => (
          <div key={meaning}>
            <dt>
              {names.map((name) => (
                <kbd key={name}>{name}</kbd>
              ))}
            </dt>
            <dd>{say(meaning)}</dd>
          </div>
        ))}
      </dl>
    </dialog>
  );
}

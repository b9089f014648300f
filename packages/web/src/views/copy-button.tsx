import { Check, Copy } from 'lucide-react';
import { type ReactNode, useEffect, useState } from 'react';
import { useText } from './text.ts';

/** How long the tick shows that it was copied. */
const confirmationMs = 1_500;

export function CopyButton({ text, label }: { readonly text: string; readonly label: string }): ReactNode {
  const say = useText();
  const [isCopied, setCopied] = useState(false);
  useEffect(() => {
    if (!isCopied) return;
    const timer = setTimeout(() => setCopied(false), confirmationMs);
    return () => clearTimeout(timer);
  }, [isCopied]);
  const title = isCopied ? say('copy.done') : label;
  return (
    <button
      type="button"
      className="icon-button small"
      onClick={() => {
        copyText(text);
        setCopied(true);
      }}
      aria-label={title}
      title={title}
    >
      {isCopied ? <Check size={14} aria-hidden /> : <Copy size={14} aria-hidden />}
    </button>
  );
}

/** `navigator.clipboard` is for secure origins; on `http://host:16686` only the older way works. */
function copyText(text: string): void {
  if (navigator.clipboard !== undefined) {
    void navigator.clipboard.writeText(text);
    return;
  }
  const area = document.createElement('textarea');
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand('copy');
  area.remove();
}

import type { ReactNode } from 'react';
import { showControls } from '../draw/visible-text.ts';

/** Text of others, such as a span name: isolated from the text around it, its controls visible. */
export function ForeignText({ text, keep }: { readonly text: string; readonly keep?: string }): ReactNode {
  return <bdi>{showControls(text, keep)}</bdi>;
}

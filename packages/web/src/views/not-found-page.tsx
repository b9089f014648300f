import { Link } from '@tanstack/react-router';
import { Compass } from 'lucide-react';
import type { ReactNode } from 'react';
import { Notice } from './notice.tsx';
import { useText } from './text.ts';

export function NotFoundPage(): ReactNode {
  const say = useText();
  return (
    <Notice icon={Compass} title={say('notFound.title')}>
      <p>{say('notFound.what', { address: window.location.pathname })}</p>
      <Link to="/search" className="button primary">
        {say('notFound.toSearch')}
      </Link>
    </Notice>
  );
}

import type { LucideIcon } from 'lucide-react';
import type { ReactNode } from 'react';
import './notice.css';

export interface NoticeProps {
  readonly icon: LucideIcon;
  readonly title: string;
  readonly tone?: 'plain' | 'danger';
  readonly children?: ReactNode;
}

/** What a page shows instead of its content: nothing there, an error, a wait. */
export function Notice({ icon: Icon, title, tone = 'plain', children }: NoticeProps): ReactNode {
  return (
    <section className={`notice ${tone}`} role={tone === 'danger' ? 'alert' : 'status'}>
      <Icon className="notice-icon" aria-hidden size={28} strokeWidth={1.6} />
      <h1>{title}</h1>
      {children}
    </section>
  );
}

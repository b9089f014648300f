import type { ReactNode } from 'react';
import { FormattedNumber } from 'react-intl';
import { showControls } from '../draw/visible-text.ts';
import { ForeignText } from './foreign-text.tsx';
import { useServiceColours } from './service-colours.tsx';
import './service-chip.css';

export interface ServiceChipProps {
  readonly service: string;
  /** Shown behind the name. */
  readonly spanCount?: number;
}

/** A service in its colour. */
export function ServiceChip({ service, spanCount }: ServiceChipProps): ReactNode {
  const colours = useServiceColours();
  return (
    <span className="service-chip">
      <i style={{ background: colours.get(service) }} aria-hidden />
      <span className="service-chip-name" title={showControls(service)}>
        <ForeignText text={service} />
      </span>
      {spanCount !== undefined && (
        <span className="service-chip-count">
          <FormattedNumber value={spanCount} />
        </span>
      )}
    </span>
  );
}

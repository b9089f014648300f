import type { ReactNode } from 'react';
import { FormattedNumber } from 'react-intl';
import { serviceColour } from '../draw/service-colour.ts';
import { usePreferences } from './preferences.tsx';
import './service-chip.css';

export interface ServiceChipProps {
  readonly service: string;
  /** Shown behind the name. */
  readonly spanCount?: number;
}

/** A service in its colour. */
export function ServiceChip({ service, spanCount }: ServiceChipProps): ReactNode {
  const { theme } = usePreferences();
  return (
    <span className="service-chip">
      <i style={{ background: serviceColour(service, theme) }} aria-hidden />
      <span className="service-chip-name">{service}</span>
      {spanCount !== undefined && (
        <span className="service-chip-count">
          <FormattedNumber value={spanCount} />
        </span>
      )}
    </span>
  );
}

import { createContext, type ReactNode, useContext, useMemo } from 'react';
import { assignColours } from '../draw/service-colour.ts';
import { usePreferences } from './preferences.tsx';

const ServiceColours = createContext<ReadonlyMap<string, string>>(new Map());

export interface ServiceColoursProviderProps {
  /** All services that the page shows; a new array gives them new colours. */
  readonly services: readonly string[];
  readonly children: ReactNode;
}

/** Gives each service of a page a colour of its own. */
export function ServiceColoursProvider({ services, children }: ServiceColoursProviderProps): ReactNode {
  const { theme } = usePreferences();
  const colours = useMemo(() => assignColours(services, theme), [services, theme]);
  return <ServiceColours value={colours}>{children}</ServiceColours>;
}

/** By service. */
export function useServiceColours(): ReadonlyMap<string, string> {
  return useContext(ServiceColours);
}

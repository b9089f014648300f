import type { ReactNode } from 'react';
import { spanFault, spanFaultNames } from '../../table/trace-faults.ts';
import { useText } from '../text.ts';

/** What is wrong with a span, in words. `faults` are the bits of `findFaults`. */
export function FaultList({ faults }: { readonly faults: number }): ReactNode {
  const say = useText();
  return spanFaultNames
    .filter((name) => (faults & spanFault[name]) !== 0)
    .map((name) => (
      <p key={name} className="span-fault">
        {say(`fault.${name}`)}
      </p>
    ));
}

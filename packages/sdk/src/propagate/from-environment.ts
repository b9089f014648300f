import type { TextMapPropagator } from '@opentelemetry/api';
import { readList } from '../environment.ts';
import { writeNotice } from '../notice.ts';
import { W3CBaggagePropagator } from './baggage-propagator.ts';
import { CompositePropagator } from './composite-propagator.ts';
import { W3CTraceContextPropagator } from './trace-context-propagator.ts';

/** The propagator that `OTEL_PROPAGATORS` names: `tracecontext`, `baggage` (both by default) or `none`. */
export function propagatorFromEnvironment(): TextMapPropagator {
  const names = new Set(readList('OTEL_PROPAGATORS') ?? ['tracecontext', 'baggage']);
  const propagators: TextMapPropagator[] = [];
  if (names.has('none')) return new CompositePropagator(propagators);
  for (const name of names) {
    if (name === 'tracecontext') propagators.push(new W3CTraceContextPropagator());
    else if (name === 'baggage') propagators.push(new W3CBaggagePropagator());
    else
      writeNotice(
        'warn',
        `OTEL_PROPAGATORS names "${name}", which is unknown and ignored: tracecontext, baggage, none`,
      );
  }
  return new CompositePropagator(propagators);
}

import type { TextMapPropagator } from '@opentelemetry/api';
import { readList } from '../environment.ts';
import { writeNotice } from '../notice.ts';
import { B3Propagator } from './b3-propagator.ts';
import { W3CBaggagePropagator } from './baggage-propagator.ts';
import { CompositePropagator } from './composite-propagator.ts';
import { JaegerPropagator } from './jaeger-propagator.ts';
import { W3CTraceContextPropagator } from './trace-context-propagator.ts';
import { XRayPropagator } from './xray-propagator.ts';

const makers: Readonly<Record<string, () => TextMapPropagator>> = {
  tracecontext: () => new W3CTraceContextPropagator(),
  baggage: () => new W3CBaggagePropagator(),
  b3: () => new B3Propagator(),
  b3multi: () => new B3Propagator({ injectEncoding: 'multi' }),
  jaeger: () => new JaegerPropagator(),
  xray: () => new XRayPropagator(),
};

const defaultNames: readonly string[] = ['tracecontext', 'baggage'];

/**
 * The propagators that `OTEL_PROPAGATORS` names, in that order; by default `tracecontext` and `baggage`. A name that is
 * unknown is ignored with a warning, one that comes twice counts once, `none` leaves none of them.
 */
export function propagatorFromEnvironment(): TextMapPropagator {
  const propagators: TextMapPropagator[] = [];
  for (const name of readNames()) {
    if (Object.hasOwn(makers, name)) propagators.push(makers[name]!());
    else {
      const known = Object.keys(makers).join(', ');
      writeNotice('warn', `OTEL_PROPAGATORS names "${name}", which is unknown and ignored: ${known}, none`);
    }
  }
  return new CompositePropagator(propagators);
}

/** Whether `OTEL_PROPAGATORS` asks for W3C trace context and baggage and nothing else. */
export function namesDefaultPropagators(): boolean {
  const names = readNames();
  return names.length === defaultNames.length && defaultNames.every((name) => names.includes(name));
}

function readNames(): readonly string[] {
  const names = [...new Set((readList('OTEL_PROPAGATORS') ?? defaultNames).map((name) => name.toLowerCase()))];
  return names.includes('none') ? [] : names;
}

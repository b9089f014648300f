import { formatXRay, parseXRay } from '@clew/wire';
import type { Context, TextMapGetter, TextMapPropagator, TextMapSetter } from '@opentelemetry/api';
import { callerIn, contextOfCaller, firstOf } from './remote-caller.ts';

const header = 'x-amzn-trace-id';

/** AWS X-Ray's header. A trace that starts here has no time in its id; X-Ray has taken such ids since 2023. */
export class XRayPropagator implements TextMapPropagator {
  inject(context: Context, carrier: unknown, setter: TextMapSetter): void {
    const caller = callerIn(context);
    if (caller === undefined) return;
    const { decision, spanContext } = caller;
    setter.set(
      carrier,
      header,
      formatXRay(spanContext.traceId, spanContext.spanId, decision === 'debug' ? 'keep' : decision),
    );
  }

  extract(context: Context, carrier: unknown, getter: TextMapGetter): Context {
    // The events of AWS keep the case of a header's name.
    const name = getter.keys(carrier).find((key) => key.toLowerCase() === header);
    const text = name === undefined ? undefined : firstOf(getter.get(carrier, name));
    const caller = text === undefined ? undefined : parseXRay(text);
    return caller === undefined ? context : contextOfCaller(context, caller);
  }

  fields(): string[] {
    return [header];
  }
}

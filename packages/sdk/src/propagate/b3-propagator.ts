import { formatB3, parseB3, parseB3Headers } from '@clew/wire';
import type { Context, TextMapGetter, TextMapPropagator, TextMapSetter } from '@opentelemetry/api';
import { callerIn, contextOfCaller, firstOf } from './remote-caller.ts';

export interface B3Options {
  /** `single` sends the header `b3` (the default), `multi` the headers `x-b3-*`. Both are read, whatever is sent. */
  readonly injectEncoding?: 'single' | 'multi';
}

const multiHeader = {
  traceId: 'x-b3-traceid',
  spanId: 'x-b3-spanid',
  sampled: 'x-b3-sampled',
  flags: 'x-b3-flags',
} as const;

/**
 * Zipkin's headers, as OpenTelemetry's "B3 Requirements" say: the single header comes before the others, debug is kept
 * and implies sampled, a parent's id is not passed on. A caller that has not decided leaves it to our sampler.
 */
export class B3Propagator implements TextMapPropagator {
  private readonly isMulti: boolean;

  constructor(options: B3Options = {}) {
    this.isMulti = options.injectEncoding === 'multi';
  }

  inject(context: Context, carrier: unknown, setter: TextMapSetter): void {
    const caller = callerIn(context);
    if (caller === undefined) return;
    const { decision, spanContext } = caller;
    if (!this.isMulti) {
      setter.set(carrier, 'b3', formatB3(spanContext.traceId, spanContext.spanId, decision));
      return;
    }
    setter.set(carrier, multiHeader.traceId, spanContext.traceId);
    setter.set(carrier, multiHeader.spanId, spanContext.spanId);
    if (decision === 'debug') setter.set(carrier, multiHeader.flags, '1');
    else if (decision !== 'defer') setter.set(carrier, multiHeader.sampled, decision === 'keep' ? '1' : '0');
  }

  extract(context: Context, carrier: unknown, getter: TextMapGetter): Context {
    const single = firstOf(getter.get(carrier, 'b3'));
    const caller =
      (single === undefined ? undefined : parseB3(single)) ??
      parseB3Headers({
        traceId: firstOf(getter.get(carrier, multiHeader.traceId)),
        spanId: firstOf(getter.get(carrier, multiHeader.spanId)),
        sampled: firstOf(getter.get(carrier, multiHeader.sampled)),
        flags: firstOf(getter.get(carrier, multiHeader.flags)),
      });
    return caller === undefined ? context : contextOfCaller(context, caller);
  }

  fields(): string[] {
    return this.isMulti ? Object.values(multiHeader) : ['b3'];
  }
}

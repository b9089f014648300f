import type { Context, TextMapGetter, TextMapPropagator, TextMapSetter } from '@opentelemetry/api';
import { reportFailure } from '../notice.ts';

/** Several propagators, asked in order. One that throws is passed over. */
export class CompositePropagator implements TextMapPropagator {
  private readonly propagators: readonly TextMapPropagator[];

  constructor(propagators: readonly TextMapPropagator[]) {
    this.propagators = propagators;
  }

  inject(context: Context, carrier: unknown, setter: TextMapSetter): void {
    for (const propagator of this.propagators) {
      try {
        propagator.inject(context, carrier, setter);
      } catch (error) {
        reportFailure(`${propagator.constructor.name}.inject`, error);
      }
    }
  }

  extract(context: Context, carrier: unknown, getter: TextMapGetter): Context {
    let extracted = context;
    for (const propagator of this.propagators) {
      try {
        extracted = propagator.extract(extracted, carrier, getter);
      } catch (error) {
        reportFailure(`${propagator.constructor.name}.extract`, error);
      }
    }
    return extracted;
  }

  fields(): string[] {
    return [...new Set(this.propagators.flatMap((propagator) => propagator.fields()))];
  }
}

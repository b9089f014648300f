import { type ComposableSampler, type Intend, refusal, type SamplingIntent } from './composable-sampler.ts';

/** Keeps every span, and says so: `th:0`. */
export class ComposableAlwaysOn implements ComposableSampler {
  readonly intend: Intend = () => always;

  getSamplingIntent(): SamplingIntent {
    return always;
  }

  toString(): string {
    return 'ComposableAlwaysOn';
  }
}

const always: SamplingIntent = { threshold: 0n, adjustedCountReliable: true };

/** Keeps no span. */
export class ComposableAlwaysOff implements ComposableSampler {
  readonly intend: Intend = () => refusal;

  getSamplingIntent(): SamplingIntent {
    return refusal;
  }

  toString(): string {
    return 'ComposableAlwaysOff';
  }
}

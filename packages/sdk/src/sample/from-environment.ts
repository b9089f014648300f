import { readNumber, readText } from '../environment.ts';
import { writeNotice } from '../notice.ts';
import { AlwaysOffSampler, AlwaysOnSampler } from './always-samplers.ts';
import { ParentBasedSampler } from './parent-based-sampler.ts';
import type { Sampler } from './sampler.ts';
import { TraceIdRatioBasedSampler } from './trace-id-ratio-sampler.ts';

const makers: Readonly<Record<string, () => Sampler>> = {
  always_on: () => new AlwaysOnSampler(),
  always_off: () => new AlwaysOffSampler(),
  traceidratio: () => new TraceIdRatioBasedSampler(readRatio()),
  parentbased_always_on: () => new ParentBasedSampler({ root: new AlwaysOnSampler() }),
  parentbased_always_off: () => new ParentBasedSampler({ root: new AlwaysOffSampler() }),
  parentbased_traceidratio: () => new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(readRatio()) }),
};

const defaultName = 'parentbased_always_on';

/** The sampler that `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG` ask for; by default `parentbased_always_on`. */
export function samplerFromEnvironment(): Sampler {
  const name = readText('OTEL_TRACES_SAMPLER') ?? defaultName;
  const make = Object.hasOwn(makers, name) ? makers[name] : undefined;
  if (make === undefined) {
    writeNotice(
      'warn',
      `OTEL_TRACES_SAMPLER=${name} is unknown, ${defaultName} is used: ${Object.keys(makers).join(', ')}`,
    );
  }
  return (make ?? makers[defaultName]!)();
}

function readRatio(): number {
  const ratio = readNumber('OTEL_TRACES_SAMPLER_ARG');
  if (ratio === undefined || ratio <= 1) return ratio ?? 1;
  writeNotice(
    'warn',
    `OTEL_TRACES_SAMPLER_ARG=${ratio} is ignored and everything sampled: a ratio from 0 to 1 is needed`,
  );
  return 1;
}

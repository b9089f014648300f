import { readNumber, readPairs, readText } from '../environment.ts';
import { writeNotice } from '../notice.ts';
import { AlwaysOffSampler, AlwaysOnSampler } from './always-samplers.ts';
import { type JaegerRemoteOptions, JaegerRemoteSampler } from './jaeger-remote-sampler.ts';
import { ParentBasedSampler } from './parent-based-sampler.ts';
import { ProbabilitySampler } from './probability-sampler.ts';
import { RateLimitingSampler } from './rate-limiting-sampler.ts';
import { RuleBasedSampler } from './rule-based-sampler.ts';
import type { Sampler } from './sampler.ts';
import type { SamplingRule } from './sampling-rule.ts';
import { TraceIdRatioBasedSampler } from './trace-id-ratio-sampler.ts';

/** Samplers that decide for themselves; each has a form that follows the parent, `parentbased_NAME`. */
const makers: Readonly<Record<string, (serviceName: string) => Sampler>> = {
  always_on: () => new AlwaysOnSampler(),
  always_off: () => new AlwaysOffSampler(),
  traceidratio: () => new TraceIdRatioBasedSampler(readRatio()),
  probability: () => new ProbabilitySampler(readRatio()),
  ratelimiting: () => new RateLimitingSampler(readRate()),
  jaeger_remote: (serviceName) => new JaegerRemoteSampler(readJaegerOptions(serviceName)),
};

const parentPrefix = 'parentbased_';
const defaultName = 'parentbased_always_on';

/**
 * The sampler that `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG` ask for; by default `parentbased_always_on`. The
 * rules of `CLEW_SAMPLING_RULES` come before it: for every span, or where a parent decides, for those without one.
 */
export function samplerFromEnvironment(serviceName: string): Sampler {
  const asked = readText('OTEL_TRACES_SAMPLER')?.toLowerCase() ?? defaultName;
  const isKnown = Object.hasOwn(makers, withoutPrefix(asked));
  if (!isKnown) {
    const names = Object.keys(makers).join(', ');
    writeNotice(
      'warn',
      `OTEL_TRACES_SAMPLER=${asked} is unknown, ${defaultName} is used. Known: ${names}, and ${parentPrefix} with each`,
    );
  }
  const name = isKnown ? asked : defaultName;
  const sampler = makers[withoutPrefix(name)]!(serviceName);
  const rules = readRules();
  const ruled = rules === undefined ? sampler : new RuleBasedSampler({ rules, otherwise: sampler, serviceName });
  return name.startsWith(parentPrefix) ? new ParentBasedSampler({ root: ruled }) : ruled;
}

function withoutPrefix(name: string): string {
  return name.startsWith(parentPrefix) ? name.slice(parentPrefix.length) : name;
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

const defaultRatePerSecond = 100;

function readRate(): number {
  const rate = readNumber('OTEL_TRACES_SAMPLER_ARG');
  if (rate !== undefined) return rate;
  writeNotice('warn', `OTEL_TRACES_SAMPLER_ARG gives no rate for ratelimiting: ${defaultRatePerSecond} a second it is`);
  return defaultRatePerSecond;
}

/** `endpoint=http://localhost:5778,pollingIntervalMs=5000,initialSamplingRate=0.25`; each may be left out. */
function readJaegerOptions(serviceName: string): JaegerRemoteOptions {
  const options: { serviceName: string; endpoint?: string; pollingIntervalMs?: number; initialSamplingRate?: number } =
    { serviceName };
  for (const [key, value] of readPairs('OTEL_TRACES_SAMPLER_ARG')) {
    const number = Number(value);
    if (key === 'endpoint') options.endpoint = value;
    else if (key === 'pollingIntervalMs' && number >= 1 && number < 2 ** 31) options.pollingIntervalMs = number;
    else if (key === 'initialSamplingRate' && number >= 0 && number <= 1) options.initialSamplingRate = number;
    else
      writeNotice(
        'warn',
        `"${key}=${value}" in OTEL_TRACES_SAMPLER_ARG is ignored: endpoint, pollingIntervalMs from 1 and ` +
          'initialSamplingRate from 0 to 1 are understood',
      );
  }
  return options;
}

/** Undefined when there are none. */
function readRules(): readonly SamplingRule[] | undefined {
  const text = readText('CLEW_SAMPLING_RULES');
  if (text === undefined) return undefined;
  try {
    const rules: unknown = JSON.parse(text);
    if (Array.isArray(rules)) return rules as SamplingRule[];
    throw new TypeError('an array is needed');
  } catch (error) {
    writeNotice('warn', `CLEW_SAMPLING_RULES is ignored: ${(error as Error).message}`);
    return undefined;
  }
}

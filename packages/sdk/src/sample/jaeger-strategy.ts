import { PerOperationSampler } from './per-operation-sampler.ts';
import { RateLimitingSampler } from './rate-limiting-sampler.ts';
import type { Sampler } from './sampler.ts';
import { TraceIdRatioBasedSampler } from './trace-id-ratio-sampler.ts';

/**
 * The sampler that a `SamplingStrategyResponse` of Jaeger (`sampling.proto`, as JSON) asks for. It is a union: the
 * strategy by operations counts before the other two. Protobuf's JSON leaves zeros out.
 *
 * @throws {Error} When the text is none.
 */
export function samplerOfStrategy(text: string): Sampler {
  const { operationSampling, probabilisticSampling, rateLimitingSampling } = asObject(JSON.parse(text), 'the answer');
  if (isGiven(operationSampling)) {
    const strategy = asObject(operationSampling, 'operationSampling');
    const operations = strategy.perOperationStrategies ?? [];
    if (!Array.isArray(operations)) throw new Error('perOperationStrategies is no array');
    return new PerOperationSampler({
      ratios: new Map(operations.map(readOperation)),
      defaultRatio: asNumber(strategy.defaultSamplingProbability, 'defaultSamplingProbability'),
      lowerBoundPerSecond: asNumber(strategy.defaultLowerBoundTracesPerSecond, 'defaultLowerBoundTracesPerSecond'),
    });
  }
  if (isGiven(rateLimitingSampling)) {
    const { maxTracesPerSecond } = asObject(rateLimitingSampling, 'rateLimitingSampling');
    return new RateLimitingSampler(asNumber(maxTracesPerSecond, 'maxTracesPerSecond'));
  }
  return new TraceIdRatioBasedSampler(readRatio(probabilisticSampling));
}

function readOperation(item: unknown): [operation: string, ratio: number] {
  const { operation, probabilisticSampling } = asObject(item, 'a member of perOperationStrategies');
  if (typeof operation !== 'string') throw new Error('a member of perOperationStrategies has no operation');
  return [operation, readRatio(probabilisticSampling)];
}

function readRatio(strategy: unknown): number {
  return asNumber(asObject(strategy, 'probabilisticSampling').samplingRate, 'samplingRate');
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function asObject(value: unknown, name: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  throw new Error(`${name} is no object`);
}

function asNumber(value: unknown, name: string): number {
  if (!isGiven(value)) return 0;
  if (typeof value === 'number' && value >= 0) return value;
  throw new Error(`${name} is ${String(value)}; a number from 0 is needed`);
}

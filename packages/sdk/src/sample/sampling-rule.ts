import type { Attributes, AttributeValue } from '@opentelemetry/api';
import { AlwaysOffSampler, AlwaysOnSampler } from './always-samplers.ts';
import { matchesPath } from './path-pattern.ts';
import { RateLimitingSampler } from './rate-limiting-sampler.ts';
import type { Sampler } from './sampler.ts';
import { TraceIdRatioBasedSampler } from './trace-id-ratio-sampler.ts';

/** Which spans, and what becomes of them. A rule without a condition is for all spans. */
export interface SamplingRule {
  /** `service.name`, so that several services can share one list. */
  readonly service?: string;
  /**
   * The path of a request: `/health`, `/users/:id`, `/api/*`. A route is not known when a server's span starts, so this
   * is matched with `url.path`, or with `http.route` where the span has it from its start.
   */
  readonly route?: string;
  /** `http.request.method`, as GET. */
  readonly method?: string;
  /** Attributes that the span has from its start, with these values. */
  readonly attributes?: Readonly<Record<string, string | number | boolean>>;
  /** A part of the traces, 0 to 1. One of `ratio`, `rate` and `decision` must be there. */
  readonly ratio?: number;
  /** So many a second. */
  readonly rate?: number;
  readonly decision?: 'keep' | 'drop';
}

/** A rule made ready. */
export interface CompiledRule {
  readonly sampler: Sampler;
  /** Undefined: for all spans. */
  readonly matches: ((attributes: Attributes) => boolean) | undefined;
}

/**
 * Makes a rule ready; undefined when it is for another service.
 *
 * @throws {Error} When the rule is none; the message says why.
 */
export function compileRule(rule: SamplingRule, serviceName: string | undefined): CompiledRule | undefined {
  checkRule(rule);
  const { service, route, method, attributes } = rule;
  const conditions: ((attributes: Attributes) => boolean)[] = [];
  if (method !== undefined) conditions.push((given) => given['http.request.method'] === method);
  if (route !== undefined) conditions.push((given) => matchesRoute(route, given));
  for (const [key, value] of Object.entries(attributes ?? {})) conditions.push((given) => given[key] === value);
  const sampler = samplerOf(rule);
  if (service !== undefined && service !== serviceName) return undefined;
  const matches = (given: Attributes): boolean => conditions.every((holds) => holds(given));
  return { sampler, matches: conditions.length === 0 ? undefined : matches };
}

function matchesRoute(route: string, attributes: Attributes): boolean {
  return matchesText(route, attributes['url.path']) || matchesText(route, attributes['http.route']);
}

function matchesText(route: string, value: AttributeValue | undefined): boolean {
  return typeof value === 'string' && (value === route || matchesPath(route, value));
}

function samplerOf({ ratio, rate, decision }: SamplingRule): Sampler {
  if (ratio !== undefined) return new TraceIdRatioBasedSampler(ratio);
  if (rate !== undefined) return new RateLimitingSampler(rate);
  return decision === 'keep' ? new AlwaysOnSampler() : new AlwaysOffSampler();
}

const texts = ['service', 'route', 'method'] as const;
const members = new Set([...texts, 'attributes', 'ratio', 'rate', 'decision']);

/** Rules come from JSON as well, so their types are no proof. */
function checkRule(rule: SamplingRule): void {
  if (typeof rule !== 'object' || rule === null || Array.isArray(rule)) throw new Error('it is no object');
  const unknown = Object.keys(rule).find((name) => !members.has(name as never));
  if (unknown !== undefined) throw new Error(`"${unknown}" is unknown; ${[...members].join(', ')} are known`);
  for (const name of texts) {
    if (rule[name] !== undefined && typeof rule[name] !== 'string') throw new Error(`${name} is no text`);
  }
  const { attributes, ratio, rate, decision } = rule;
  if (attributes !== undefined && (typeof attributes !== 'object' || attributes === null)) {
    throw new Error('attributes is no object');
  }
  if ([ratio, rate, decision].filter((given) => given !== undefined).length !== 1) {
    throw new Error('exactly one of ratio, rate and decision is needed');
  }
  if (ratio !== undefined && !isWithin(ratio, 1)) throw new Error(`ratio is ${ratio}; 0 to 1 is needed`);
  if (rate !== undefined && !isWithin(rate, Number.MAX_VALUE)) {
    throw new Error(`rate is ${rate}; a number from 0 is needed`);
  }
  if (decision !== undefined && decision !== 'keep' && decision !== 'drop') {
    throw new Error(`decision is "${String(decision)}"; keep or drop is needed`);
  }
}

function isWithin(value: unknown, max: number): boolean {
  return typeof value === 'number' && value >= 0 && value <= max;
}

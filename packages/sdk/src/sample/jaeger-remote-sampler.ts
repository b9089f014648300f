import type { Attributes, Context, Link, SpanKind } from '@opentelemetry/api';
import { contextStorage, suppressedContext } from '../context/context-manager.ts';
import { writeNotice } from '../notice.ts';
import { getText } from './get-text.ts';
import { samplerOfStrategy } from './jaeger-strategy.ts';
import type { DecideSampling, Sampler, SamplingResult } from './sampler.ts';
import { TraceIdRatioBasedSampler } from './trace-id-ratio-sampler.ts';

export interface JaegerRemoteOptions {
  /** Default: `http://localhost:5778`, where Jaeger serves its strategies over HTTP. */
  readonly endpoint?: string;
  /** Whose strategy is asked for. */
  readonly serviceName: string;
  /** Default: 60,000. */
  readonly pollingIntervalMs?: number;
  /** The ratio until the first answer. Default: 0.001. */
  readonly initialSamplingRate?: number;
}

/**
 * Samples as a Jaeger server says, which is asked for `/sampling?service=NAME` in the background. While it is away its
 * last strategy stays; that is said once, and once when it is back.
 */
export class JaegerRemoteSampler implements Sampler {
  readonly decide: DecideSampling;
  private readonly url: URL | undefined;
  private readonly pollingIntervalMs: number;
  private current: Sampler;
  private strategy: string | undefined;
  private isAway = false;
  private hasStopped = false;
  private timer: NodeJS.Timeout | undefined;

  constructor(options: JaegerRemoteOptions) {
    this.pollingIntervalMs = options.pollingIntervalMs ?? 60_000;
    this.current = new TraceIdRatioBasedSampler(options.initialSamplingRate ?? 0.001);
    this.url = urlOf(options.endpoint ?? 'http://localhost:5778', options.serviceName);
    this.decide = (parent, traceId0, traceId1, traceId2, traceId3, name, kind) =>
      this.current.decide?.(parent, traceId0, traceId1, traceId2, traceId3, name, kind);
    if (this.url !== undefined) void contextStorage.run(suppressedContext, () => this.poll(this.url!));
  }

  shouldSample(
    context: Context,
    traceId: string,
    name: string,
    kind: SpanKind,
    attributes: Attributes,
    links: Link[],
  ): SamplingResult {
    return this.current.shouldSample(context, traceId, name, kind, attributes, links);
  }

  shutdown(): void {
    this.hasStopped = true;
    clearTimeout(this.timer);
  }

  toString(): string {
    return `JaegerRemoteSampler{${this.current}}`;
  }

  private async poll(url: URL): Promise<void> {
    try {
      const strategy = await getText(url);
      // The same strategy keeps its sampler: a new one would let another burst through.
      if (strategy !== this.strategy) this.current = samplerOfStrategy(strategy);
      this.strategy = strategy;
      if (this.isAway) writeNotice('info', `sampling strategies come from ${url.host} again`);
      this.isAway = false;
    } catch (error) {
      if (!this.isAway && !this.hasStopped) {
        writeNotice(
          'warn',
          `no sampling strategy from ${url.host}: ${describe(error)}; ${this.current} stays in force`,
        );
      }
      this.isAway = true;
    }
    if (this.hasStopped) return;
    this.timer = setTimeout(() => void this.poll(url), this.pollingIntervalMs).unref();
  }
}

function urlOf(endpoint: string, serviceName: string): URL | undefined {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
    writeNotice('warn', `the endpoint "${endpoint}" of jaeger_remote is ignored: a URL with http or https is needed`);
    return undefined;
  }
  if (!url.pathname.endsWith('/sampling')) url.pathname = `${url.pathname.replace(/\/$/, '')}/sampling`;
  url.searchParams.set('service', serviceName);
  return url;
}

/** ECONNREFUSED of a name with several addresses comes as an AggregateError without a message. */
function describe(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return message === '' || message === undefined ? String(code) : message;
}

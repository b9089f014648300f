import { context as contextApi, propagation, type TextMapPropagator, trace } from '@opentelemetry/api';
import { AsyncContextManager } from './context/context-manager.ts';
import { readBoolean, readList, readText } from './environment.ts';
import { flushAtExit } from './flush-at-exit.ts';
import { traceFetch } from './instrument/fetch.ts';
import { traceHttpClient } from './instrument/http-client.ts';
import { traceHttpServer } from './instrument/http-server.ts';
import type { InstrumentOptions } from './instrument/instrument-options.ts';
import { writeNotice } from './notice.ts';
import { propagatorFromEnvironment } from './propagate/from-environment.ts';
import { ClewTracerProvider, type ClewTracerProviderOptions } from './tracer-provider.ts';
import { sdkVersion } from './version.ts';

/** All optional: what is not given comes from the `OTEL_*` variables, and then from the defaults. */
export interface TracingOptions extends ClewTracerProviderOptions {
  /** Default: what `OTEL_PROPAGATORS` names, else W3C trace context and baggage. */
  readonly propagator?: TextMapPropagator;
  /**
   * Keys of baggage entries that become attributes of HTTP server and client spans. Default: `CLEW_BAGGAGE_ATTRIBUTES`,
   * a list separated by commas, else none: baggage may hold what must not be stored.
   */
  readonly baggageAttributes?: readonly string[];
  /** Whether HTTP responses tell their trace in `Server-Timing` and `traceresponse`. Default: true. */
  readonly responseHeaders?: boolean;
}

/** A running SDK. */
export interface Tracing {
  /** Resolves when all spans that ended were sent, or the collector did not take them in time. Never rejects. */
  forceFlush(): Promise<void>;
  /** Stops tracing: takes the instrumentation off and flushes. Never rejects. */
  shutdown(): Promise<void>;
}

// Shared by all copies of this module in a process: a bundle and node_modules, say.
const runningKey = Symbol.for('clew.sdk.running');
const processWide = globalThis as { [runningKey]?: Tracing };

const notTracing: Tracing = {
  forceFlush: () => Promise.resolve(),
  shutdown: () => Promise.resolve(),
};

/**
 * Traces this process: registers with `@opentelemetry/api`, traces the HTTP server, the HTTP client and fetch, exports
 * in the background and flushes when the process ends. A second call returns what the first one started.
 */
export function startTracing(options: TracingOptions = {}): Tracing {
  const running = processWide[runningKey];
  if (running !== undefined) return running;
  const propagator = options.propagator ?? propagatorFromEnvironment();
  if (readBoolean('OTEL_SDK_DISABLED')) {
    // As the specification says: without an SDK, what arrives is still passed on by code that uses the api.
    contextApi.setGlobalContextManager(new AsyncContextManager());
    propagation.setGlobalPropagator(propagator);
    return notTracing;
  }
  const provider = new ClewTracerProvider(options);
  if (!provider.register(propagator)) {
    writeNotice(
      'warn',
      'something else has registered with @opentelemetry/api before: spans made through the api may go there. ' +
        'Start only one SDK, before everything else',
    );
  }
  const stops = instrument(provider, options, propagator);
  const stopFlushing = flushAtExit(provider);
  const tracing: Tracing = {
    forceFlush: () => provider.forceFlush(),
    shutdown: async () => {
      for (const stop of stops) stop();
      delete processWide[runningKey];
      trace.disable();
      propagation.disable();
      contextApi.disable();
      await provider.shutdown();
      stopFlushing();
    },
  };
  processWide[runningKey] = tracing;
  sayStarted(provider);
  return tracing;
}

function instrument(
  provider: ClewTracerProvider,
  options: TracingOptions,
  propagator: TextMapPropagator,
): (() => void)[] {
  const isDefaultPropagator = options.propagator === undefined && readText('OTEL_PROPAGATORS') === undefined;
  const instrumentOptions: InstrumentOptions = {
    tracer: provider.getTracer('@clew/sdk', sdkVersion),
    propagator: isDefaultPropagator ? undefined : propagator,
    baggageAttributes: options.baggageAttributes ?? readList('CLEW_BAGGAGE_ATTRIBUTES') ?? [],
  };
  return [
    traceHttpServer({ ...instrumentOptions, responseHeaders: options.responseHeaders ?? true }),
    traceHttpClient(instrumentOptions),
    traceFetch(instrumentOptions),
  ];
}

function sayStarted({ resource, exportUrl, sampler }: ClewTracerProvider): void {
  const target = exportUrl === undefined ? 'nowhere' : `${exportUrl.origin}${exportUrl.pathname}`;
  writeNotice(
    'info',
    `tracing ${String(resource['service.name'])} to ${target}; sampler ${sampler}; HTTP server, HTTP client and fetch`,
  );
}

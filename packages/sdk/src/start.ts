import { context as contextApi, propagation, type TextMapPropagator, trace } from '@opentelemetry/api';
import { sayRegisteredBefore, watchApiCopies } from './api-copies.ts';
import { listenToApi } from './api-log.ts';
import { AsyncContextManager } from './context/context-manager.ts';
import { readBoolean, readList, readText } from './environment.ts';
import { flushAtExit } from './flush-at-exit.ts';
import { traceLibraries } from './instrument/community.ts';
import { isInstrumentationWanted } from './instrument/community-libraries.ts';
import { instrumentationReport } from './instrument/community-registry.ts';
import { traceFetch } from './instrument/fetch.ts';
import { traceHttpClient } from './instrument/http-client.ts';
import type { FetchHooks, HttpHooks } from './instrument/http-hooks.ts';
import { traceHttpServer } from './instrument/http-server.ts';
import { traceHttp2Client } from './instrument/http2-client.ts';
import { traceHttp2Server } from './instrument/http2-server.ts';
import type { InstrumentOptions } from './instrument/instrument-options.ts';
import { type LoggerName, loggersFromEnvironment } from './instrument/logs.ts';
import { OwnInstrumentations } from './instrument/own-instrumentations.ts';
import { traceRoutes } from './instrument/route-discovery.ts';
import { checkNoticeLevel, reportFailure, writeNotice } from './notice.ts';
import { matchHosts } from './propagate/baggage-hosts.ts';
import { namesDefaultPropagators, propagatorFromEnvironment } from './propagate/from-environment.ts';
import { otherRuntime, tracedOnOther } from './runtime.ts';
import { ClewTracerProvider, type ClewTracerProviderOptions } from './tracer-provider.ts';
import { sdkVersion } from './version.ts';

/** All optional: what is not given comes from the `OTEL_*` variables, and then from the defaults. */
export interface TracingOptions extends ClewTracerProviderOptions {
  /** Default: what `OTEL_PROPAGATORS` names, else W3C trace context and baggage. */
  readonly propagator?: TextMapPropagator;
  /**
   * Hosts that requests of the HTTP client and fetch take the baggage to: names, `*.example.com` for all below a domain,
   * `*` for all. Default: `CLEW_BAGGAGE_HOSTS`, a list separated by commas, else all.
   */
  readonly baggageHosts?: readonly string[];
  /**
   * The loggers whose lines inside a span carry `trace_id`, `span_id` and `trace_flags`. Default:
   * `CLEW_LOG_CORRELATION`, a list separated by commas or `none`, else pino and winston; `console` only when asked.
   */
  readonly logCorrelation?: readonly LoggerName[];
  /**
   * Whether HTTP responses tell their trace in `Server-Timing` and `traceresponse`. Default: `CLEW_RESPONSE_HEADERS`, else
   * true.
   */
  readonly responseHeaders?: boolean;
  /** What the app adds to the spans of `node:http`, `node:https` and `node:http2`, and which requests get none. */
  readonly http?: HttpHooks;
  /** The same for fetch and the package undici. */
  readonly fetch?: FetchHooks;
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
  if (running !== undefined) {
    if (Object.keys(options).length > 0) {
      writeNotice(
        'warn',
        'startTracing was called a second time: tracing runs already, and the new options are ignored. ' +
          'Leave out --import @clew/sdk/register, or the call',
      );
    }
    return running;
  }
  checkNoticeLevel();
  const propagator = options.propagator ?? propagatorFromEnvironment();
  if (readBoolean('OTEL_SDK_DISABLED')) {
    // As the specification says: without an SDK, what arrives is still passed on by code that uses the api.
    contextApi.setGlobalContextManager(new AsyncContextManager());
    propagation.setGlobalPropagator(propagator);
    return notTracing;
  }
  sayConfigurationFile();
  const provider = new ClewTracerProvider(options);
  if (!provider.register(propagator)) {
    sayRegisteredBefore();
  }
  const stopListening = listenToApi();
  const stops = [...instrument(provider, options, propagator), watchApiCopies(), stopListening];
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
  sayRuntime();
  return tracing;
}

/**
 * Sends what has ended, for places where a process may be frozen before it is due: at the end of a serverless handler.
 * It does so for the SDK that runs in this process, whichever copy of this package has started it.
 *
 * Resolves as `forceFlush` of {@link Tracing} does, and at once when none runs. Never rejects.
 */
export async function flush(): Promise<void> {
  try {
    await processWide[runningKey]?.forceFlush();
  } catch (error) {
    reportFailure('flush', error);
  }
}

function instrument(
  provider: ClewTracerProvider,
  options: TracingOptions,
  propagator: TextMapPropagator,
): (() => void)[] {
  const isDefaultPropagator = options.propagator === undefined && namesDefaultPropagators();
  const instrumentOptions: InstrumentOptions = {
    tracer: provider.getTracer('@clew/sdk', sdkVersion),
    propagator: isDefaultPropagator ? undefined : propagator,
    mayHaveBaggage: matchHosts(options.baggageHosts ?? readList('CLEW_BAGGAGE_HOSTS') ?? ['*']),
    http: options.http ?? {},
    fetch: options.fetch ?? {},
  };
  const responseHeaders = options.responseHeaders ?? readBoolean('CLEW_RESPONSE_HEADERS', true);
  const serverOptions = { ...instrumentOptions, responseHeaders };
  const own = new OwnInstrumentations();
  if (isInstrumentationWanted('http')) {
    own.start('http', () => [traceHttpServer(serverOptions), traceHttpClient(instrumentOptions)]);
    own.start('http2', () => [traceHttp2Server(serverOptions), traceHttp2Client(instrumentOptions)]);
    own.start('routes', () => [traceRoutes()]);
  }
  if (isInstrumentationWanted('undici')) own.start('undici', () => [traceFetch(instrumentOptions)]);
  const loggers = options.logCorrelation ?? loggersFromEnvironment();
  return [traceLibraries({ tracerProvider: provider, loggers, own }), () => own.stop()];
}

/** With it, OpenTelemetry's SDKs ignore all other variables: whoever sets it must learn that this one does not read it. */
function sayConfigurationFile(): void {
  for (const name of ['OTEL_CONFIG_FILE', 'OTEL_EXPERIMENTAL_CONFIG_FILE']) {
    const file = readText(name);
    if (file === undefined) continue;
    writeNotice(
      'warn',
      `${name}=${file} is ignored: this SDK reads no configuration file, only the OTEL_* variables and the options of startTracing`,
    );
  }
}

/** What another runtime than Node does not publish cannot be traced; without a line nothing else would show it. */
function sayRuntime(): void {
  if (otherRuntime === undefined) return;
  writeNotice(
    'warn',
    `this is ${otherRuntime}, not Node: ${tracedOnOther[otherRuntime].missing} not traced, and no trace goes out with a ` +
      'fetch. Spans of your own are; run the app on Node to trace the rest',
  );
}

function sayStarted({ resource, exportTargets, sampler }: ClewTracerProvider): void {
  const target = exportTargets.length === 0 ? 'nowhere' : exportTargets.join(' and ');
  writeNotice(
    'info',
    `tracing ${String(resource['service.name'])} to ${target}; sampler ${sampler}; ${describeInstrumented()}`,
  );
}

/** What is traced without further code: our own, then what the app has installed, by the libraries' names. */
function describeInstrumented(): string {
  const installed = instrumentationReport().filter(({ state }) => state === 'waiting' || state === 'enabled');
  const http = isInstrumentationWanted('http');
  const here = otherRuntime === undefined ? undefined : tracedOnOther[otherRuntime];
  const names = [
    ...(http && here?.server !== false ? ['HTTP server'] : []),
    ...(http ? ['HTTP client'] : []),
    ...(isInstrumentationWanted('undici') && here === undefined ? ['fetch'] : []),
    ...(here === undefined ? installed.map(({ name }) => name) : []),
  ];
  return names.length === 0 ? 'nothing is instrumented' : names.join(', ');
}

import { encodeResource, encodeScope, type FlatAttributes } from '@clew/wire';
import {
  context as contextApi,
  propagation,
  type TextMapPropagator,
  type TracerOptions,
  type TracerProvider,
  trace,
} from '@opentelemetry/api';
import { AsyncContextManager } from './context/context-manager.ts';
import { readList } from './environment.ts';
import { AttachedProcessors, readableResource } from './export/attached-processors.ts';
import { BatchingProcessor } from './export/batching-processor.ts';
import {
  batchingFromEnvironment,
  defaultFlushTimeoutMs,
  type ExportChoice,
  resolveExporters,
} from './export/export-options.ts';
import { ObservedTracer } from './export/observed-tracer.ts';
import type { SpanExporter as OfficialSpanExporter, SpanProcessor } from './export/official-interfaces.ts';
import { reportRunningAfterFromEnvironment } from './export/running-reports.ts';
import { SpanExporter } from './export/span-exporter.ts';
import { nameOf } from './export/target.ts';
import { reportFailure } from './notice.ts';
import { propagatorFromEnvironment } from './propagate/from-environment.ts';
import type { SpanSink } from './record/recording-span.ts';
import { type SpanLimits, spanLimitsFromEnvironment } from './record/span-limits.ts';
import { ClewTracer, type TracerSettings } from './record/tracer.ts';
import { detectResource } from './resource/detect-resource.ts';
import type { ResourceAttributes } from './resource/resource-attributes.ts';
import { stopSampler } from './sample/ask-sampler.ts';
import { samplerFromEnvironment } from './sample/from-environment.ts';
import type { Sampler } from './sample/sampler.ts';

/** All optional: what is not given comes from the `OTEL_*` variables, and then from OpenTelemetry's defaults. */
export interface ClewTracerProviderOptions {
  /** Over what is detected: `service.name`, `host.name`, … */
  readonly resource?: ResourceAttributes;
  /** Default: `OTEL_TRACES_SAMPLER`, else `parentbased_always_on`. */
  readonly sampler?: Sampler;
  readonly limits?: Partial<SpanLimits>;
  /**
   * Keys of baggage entries that become attributes of every span. Default: `CLEW_BAGGAGE_ATTRIBUTES`, a list separated
   * by commas, else none: baggage may hold what must not be stored.
   */
  readonly baggageAttributes?: readonly string[];
  /** One exporter, or several; `none` records spans and sends them nowhere. Default: `OTEL_TRACES_EXPORTER`. */
  readonly export?: ExportChoice;
  /** An exporter of OpenTelemetry's own kind: it gets the spans in batches, instead of what `export` would default to. */
  readonly exporter?: OfficialSpanExporter;
  /**
   * A span that is open for longer is reported once by a child of no length, `still running: NAME`. 0: never. Default:
   * `CLEW_REPORT_RUNNING_AFTER`, else 30,000.
   */
  readonly reportRunningAfterMs?: number;
  /** Processors of OpenTelemetry's own kind: they see every recorded span, besides being exported. */
  readonly spanProcessors?: readonly SpanProcessor[];
}

/**
 * OpenTelemetry's TracerProvider. Spans that end are encoded at once and sent in the background as OTLP/HTTP protobuf;
 * `register` makes it the one that `@opentelemetry/api` hands out.
 */
export class ClewTracerProvider implements TracerProvider {
  readonly resource: ResourceAttributes;
  readonly sampler: Sampler;
  /** How long `forceFlush`, `shutdown` and the end of the process wait for the collector. */
  readonly flushTimeoutMs: number;
  /** Where spans are sent, without credentials; empty when they are not. */
  readonly exportTargets: readonly string[];
  private readonly exporter: SpanExporter | undefined;
  private readonly processors: AttachedProcessors | undefined;
  private readonly settings: TracerSettings;
  private readonly tracers = new Map<string, ClewTracer>();

  constructor(options: ClewTracerProviderOptions = {}) {
    const { attributes, complete } = detectResource(options.resource);
    this.resource = attributes;
    this.sampler = options.sampler ?? samplerFromEnvironment(String(this.resource['service.name']));
    const baggageAttributes = options.baggageAttributes ?? readList('CLEW_BAGGAGE_ATTRIBUTES') ?? [];
    this.settings = {
      sampler: this.sampler,
      limits: { ...spanLimitsFromEnvironment(), ...options.limits },
      baggageAttributes: baggageAttributes.length === 0 ? undefined : baggageAttributes,
    };
    const processors = [
      ...(options.spanProcessors ?? []),
      ...(options.exporter === undefined ? [] : [new BatchingProcessor(options.exporter, batchingFromEnvironment())]),
    ];
    if (processors.length > 0) {
      this.processors = new AttachedProcessors(processors, readableResource(attributes, complete));
    }
    const choice = options.export ?? (options.exporter === undefined ? undefined : 'none');
    const [first, ...others] = resolveExporters(choice);
    this.exportTargets = first === undefined ? [] : [first, ...others].map(({ target }) => nameOf(target));
    this.flushTimeoutMs = first?.flushTimeoutMs ?? defaultFlushTimeoutMs;
    if (first === undefined) return;
    this.exporter = new SpanExporter(encodeResource(flatten(attributes)), [first, ...others]);
    const reportAfterMs = options.reportRunningAfterMs ?? reportRunningAfterFromEnvironment();
    if (reportAfterMs > 0) this.exporter.reportRunning(reportAfterMs);
    if (complete !== undefined) this.exporter.awaitResource(complete.then((found) => encodeResource(flatten(found))));
  }

  /** The same tracer for the same name, version and schema. */
  getTracer(givenName: string, givenVersion?: string, options?: TracerOptions): ClewTracer {
    const name = textOf(givenName);
    const version = textOf(givenVersion);
    const schemaUrl = schemaUrlOf(options);
    const key = `${name}\0${version}\0${schemaUrl}`;
    let tracer = this.tracers.get(key);
    if (tracer === undefined) {
      const sink = this.exporter?.addScope(encodeScope(name, version, [], schemaUrl)) ?? noSink;
      tracer =
        this.processors === undefined
          ? new ClewTracer(this.settings, sink)
          : new ObservedTracer(this.settings, sink, this.processors, {
              name,
              version,
              ...(schemaUrl !== '' && { schemaUrl }),
            });
      this.tracers.set(key, tracer);
    }
    return tracer;
  }

  /**
   * Makes this the provider of `@opentelemetry/api`, with a context manager and a propagator (default: what
   * `OTEL_PROPAGATORS` names, else W3C trace context and baggage).
   *
   * @returns whether all three were taken; the api keeps what was registered before.
   */
  register(propagator: TextMapPropagator = propagatorFromEnvironment()): boolean {
    const hasContext = contextApi.setGlobalContextManager(new AsyncContextManager());
    const hasPropagator = propagation.setGlobalPropagator(propagator);
    return trace.setGlobalTracerProvider(this) && hasContext && hasPropagator;
  }

  /** Whether no span waits to be sent. */
  get isIdle(): boolean {
    return (this.exporter?.isEmpty ?? true) && (this.processors?.isIdle ?? true);
  }

  /** Resolves when all spans that ended were sent, or the collector did not take them in time. Never rejects. */
  async forceFlush(): Promise<void> {
    await this.flush();
  }

  /** As {@link forceFlush}; false when something of what there was at the call is left. */
  async flush(): Promise<boolean> {
    const [isSent = true] = await Promise.all([
      this.exporter?.flush(),
      this.processors?.forceFlush(this.flushTimeoutMs),
    ]);
    return isSent && (this.processors?.isIdle ?? true);
  }

  /** Flushes and stops. Spans that end later are dropped. Never rejects. */
  async shutdown(): Promise<void> {
    void stopSampler(this.sampler);
    await Promise.all([this.exporter?.shutdown(), this.processors?.shutdown(this.flushTimeoutMs)]);
  }

  /** Ends all spans that are open, as failed: the process dies of `error`. */
  failOpenSpans(error: unknown): void {
    this.exporter?.failOpenSpans(error);
  }

  /**
   * Stops at once, for the moment when a process exits: waits for `waitMs` at most, synchronously, until the collector
   * has what is left; what it does not take is kept on disk, or said to be lost.
   */
  close(waitMs: number): void {
    this.exporter?.close(waitMs);
  }
}

const noSink: SpanSink = { open: () => undefined, record: () => undefined, write: () => undefined };

/** Callers without types may pass anything; the specification asks for a working tracer nevertheless. */
function textOf(given: unknown): string {
  return typeof given === 'string' ? given : '';
}

function schemaUrlOf(options: TracerOptions | undefined): string {
  try {
    return textOf(options?.schemaUrl);
  } catch (error) {
    reportFailure('TracerProvider.getTracer', error);
    return '';
  }
}

function flatten(attributes: ResourceAttributes): FlatAttributes {
  return Object.entries(attributes).flat(1) as FlatAttributes;
}

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
import { readText } from './environment.ts';
import { type ExportOptions, resolveExportOptions } from './export/export-options.ts';
import { SpanExporter } from './export/span-exporter.ts';
import { propagatorFromEnvironment } from './propagate/from-environment.ts';
import type { SpanSink } from './record/recording-span.ts';
import { type SpanLimits, spanLimitsFromEnvironment } from './record/span-limits.ts';
import { ClewTracer, type TracerSettings } from './record/tracer.ts';
import { detectResource, type ResourceAttributes } from './resource.ts';
import { samplerFromEnvironment } from './sample/from-environment.ts';
import type { Sampler } from './sample/sampler.ts';

/** All optional: what is not given comes from the `OTEL_*` variables, and then from OpenTelemetry's defaults. */
export interface ClewTracerProviderOptions {
  /** Over what is detected: `service.name`, `host.name`, … */
  readonly resource?: ResourceAttributes;
  /** Default: `OTEL_TRACES_SAMPLER`, else `parentbased_always_on`. */
  readonly sampler?: Sampler;
  readonly limits?: Partial<SpanLimits>;
  /** `none` records spans and sends them nowhere. */
  readonly export?: ExportOptions | 'none';
}

/**
 * OpenTelemetry's TracerProvider. Spans that end are encoded at once and sent in the background as OTLP/HTTP protobuf;
 * `register` makes it the one that `@opentelemetry/api` hands out.
 */
export class ClewTracerProvider implements TracerProvider {
  readonly resource: ResourceAttributes;
  readonly sampler: Sampler;
  /** Where spans are sent; undefined when they are not. */
  readonly exportUrl: URL | undefined;
  private readonly exporter: SpanExporter | undefined;
  private readonly settings: TracerSettings;
  private readonly tracers = new Map<string, ClewTracer>();

  constructor(options: ClewTracerProviderOptions = {}) {
    this.resource = detectResource(options.resource);
    this.sampler = options.sampler ?? samplerFromEnvironment();
    this.settings = { sampler: this.sampler, limits: { ...spanLimitsFromEnvironment(), ...options.limits } };
    const exportOptions = options.export ?? (readText('OTEL_TRACES_EXPORTER') === 'none' ? 'none' : {});
    if (exportOptions === 'none') return;
    const resolved = resolveExportOptions(exportOptions);
    this.exportUrl = resolved.url;
    this.exporter = new SpanExporter(encodeResource(flatten(this.resource)), resolved);
  }

  /** The same tracer for the same name, version and schema. */
  getTracer(name: string, version = '', options: TracerOptions = {}): ClewTracer {
    const schemaUrl = options.schemaUrl ?? '';
    const key = `${name}\0${version}\0${schemaUrl}`;
    let tracer = this.tracers.get(key);
    if (tracer === undefined) {
      const sink = this.exporter?.addScope(encodeScope(String(name), version, [], schemaUrl)) ?? noSink;
      tracer = new ClewTracer(this.settings, sink);
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
    return this.exporter?.isEmpty ?? true;
  }

  /** Resolves when all spans that ended were sent, or the collector did not take them in time. Never rejects. */
  async forceFlush(): Promise<void> {
    await this.exporter?.flush();
  }

  /** Flushes and stops. Spans that end later are dropped. Never rejects. */
  async shutdown(): Promise<void> {
    await this.exporter?.shutdown();
  }

  /** Stops without a flush; says on stderr how many spans that costs. For the moment when a process exits. */
  close(): void {
    this.exporter?.close();
  }
}

const noSink: SpanSink = { record: () => undefined };

function flatten(attributes: ResourceAttributes): FlatAttributes {
  return Object.entries(attributes).flat(1) as FlatAttributes;
}

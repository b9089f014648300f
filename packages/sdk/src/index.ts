export { baggage, withBaggage } from './everyday/active-baggage.ts';
export { currentSpanId, currentTraceId, setAttributes } from './everyday/active-span.ts';
export { span } from './everyday/span.ts';
export { type TracedDecorator, type TracedOptions, traced } from './everyday/traced.ts';
export type { ExportChoice, ExportOptions } from './export/export-options.ts';
export type {
  ReadableResource,
  ReadableScope,
  ReadableSpan,
  SpanExporter,
  SpanProcessor,
  TimedEvent,
} from './export/official-interfaces.ts';
export type { OverflowOptions } from './export/overflow-folder.ts';
export type { ExportProtocol, TlsOptions } from './export/target.ts';
export { type InstrumentationEntry, instrumentationReport } from './instrument/community-registry.ts';
export type {
  FetchHooks,
  FetchRequest,
  FetchResponse,
  HttpHooks,
  IncomingRequest,
  OutgoingHttp2Request,
} from './instrument/http-hooks.ts';
export type { LoggerName } from './instrument/logs.ts';
export { type MessageEnd, onMessageWithContext, postWithContext } from './instrument/worker-messages.ts';
export { type B3Options, B3Propagator } from './propagate/b3-propagator.ts';
export { W3CBaggagePropagator } from './propagate/baggage-propagator.ts';
export { CompositePropagator } from './propagate/composite-propagator.ts';
export { JaegerPropagator } from './propagate/jaeger-propagator.ts';
export { W3CTraceContextPropagator } from './propagate/trace-context-propagator.ts';
export { XRayPropagator } from './propagate/xray-propagator.ts';
export type { SpanLimits } from './record/span-limits.ts';
export type { ClewTracer } from './record/tracer.ts';
export type { ResourceAttributes } from './resource/resource-attributes.ts';
export { AlwaysOffSampler, AlwaysOnSampler } from './sample/always-samplers.ts';
export { ComposableAlwaysOff, ComposableAlwaysOn } from './sample/composable-always.ts';
export { ComposableAnnotating } from './sample/composable-annotating.ts';
export { ComposableParentThreshold } from './sample/composable-parent-threshold.ts';
export { ComposableProbability } from './sample/composable-probability.ts';
export { ComposableRuleBased, type SamplingPredicate } from './sample/composable-rule-based.ts';
export type { ComposableSampler, Intend, SamplingIntent } from './sample/composable-sampler.ts';
export { CompositeSampler } from './sample/composite-sampler.ts';
export { type JaegerRemoteOptions, JaegerRemoteSampler } from './sample/jaeger-remote-sampler.ts';
export { type ParentBasedOptions, ParentBasedSampler } from './sample/parent-based-sampler.ts';
export { ProbabilitySampler } from './sample/probability-sampler.ts';
export { RateLimitingSampler } from './sample/rate-limiting-sampler.ts';
export { type RuleBasedOptions, RuleBasedSampler } from './sample/rule-based-sampler.ts';
export type { DecideSampling, Sampler, SamplingResult } from './sample/sampler.ts';
export type { SamplingRule } from './sample/sampling-rule.ts';
export { TraceIdRatioBasedSampler } from './sample/trace-id-ratio-sampler.ts';
export { flush, startTracing, type Tracing, type TracingOptions } from './start.ts';
export { ClewTracerProvider, type ClewTracerProviderOptions } from './tracer-provider.ts';

import { type AttributeValue, type FlatAttributes, randomFlag } from '@clew/wire';
import {
  type Attributes,
  type Context,
  context as contextApi,
  type Link,
  ROOT_CONTEXT,
  SamplingDecision,
  type Span,
  SpanKind,
  type SpanOptions,
  type TimeInput,
  TraceFlags,
  type Tracer,
  type TraceState,
  trace,
} from '@opentelemetry/api';
import { currentAnchor } from '../api/clock.ts';
import { PassiveSpan } from '../api/passive-span.ts';
import { hexOfFour, randomWord } from '../api/random-ids.ts';
import { isUsable, SpanIdentity } from '../api/span-identity.ts';
import { contextWithSpan, spanOf } from '../context/clew-context.ts';
import { isTracingSuppressed } from '../context/context-manager.ts';
import { reportFailure } from '../notice.ts';
import { askSampler, decideByDefault } from '../sample/ask-sampler.ts';
import type { Sampler, SamplingResult } from '../sample/sampler.ts';
import { withBaggage } from './baggage-attributes.ts';
import { RecordingSpan, type SpanSink } from './recording-span.ts';
import type { SpanLimits } from './span-limits.ts';

/** What all tracers of a provider share. */
export interface TracerSettings {
  readonly sampler: Sampler;
  readonly limits: SpanLimits;
  /** Keys of baggage entries that become attributes of every span; undefined when there are none. */
  readonly baggageAttributes?: readonly string[] | undefined;
}

/**
 * Attributes that a span starts with, made only when somebody wants them: a sampler, or the span. With `span`, it may
 * give some of them to the span as shared attributes and return the rest.
 */
export type DescribeSpan<Subject> = (subject: Subject, span?: RecordingSpan) => FlatAttributes;

export class ClewTracer implements Tracer {
  private readonly settings: TracerSettings;
  private readonly sink: SpanSink;

  constructor(settings: TracerSettings, sink: SpanSink) {
    this.settings = settings;
    this.sink = sink;
  }

  startSpan(name: string, options: SpanOptions = {}, context: Context = contextApi.active()): Span {
    try {
      if (isTracingSuppressed(context)) return invalidSpan;
      const { kind = SpanKind.INTERNAL, attributes, links, startTime, root } = options ?? {};
      const base = root === true ? trace.deleteSpan(context) : context;
      const describe = attributes === undefined ? undefined : flatten;
      return this.begin(String(name), kind, base, describe, attributes, links, startTime);
    } catch (error) {
      reportFailure('Tracer.startSpan', error);
      return invalidSpan;
    }
  }

  startActiveSpan<F extends (span: Span) => unknown>(name: string, fn: F): ReturnType<F>;
  startActiveSpan<F extends (span: Span) => unknown>(name: string, options: SpanOptions, fn: F): ReturnType<F>;
  startActiveSpan<F extends (span: Span) => unknown>(
    name: string,
    options: SpanOptions,
    context: Context,
    fn: F,
  ): ReturnType<F>;
  startActiveSpan<F extends (span: Span) => unknown>(
    name: string,
    ...rest: [F] | [SpanOptions, F] | [SpanOptions, Context, F]
  ): ReturnType<F> {
    const fn = rest.at(-1) as F;
    const options = rest.length > 1 ? (rest[0] as SpanOptions) : {};
    const context = rest.length > 2 ? (rest[1] as Context) : contextApi.active();
    const span = this.startSpan(name, options, context);
    return contextApi.with(contextWithSpan(context, span), fn as (span: Span) => ReturnType<F>, undefined, span);
  }

  /**
   * Starts a span in `context`, whose span is the parent. The sampler is asked first; a span that it refuses costs its
   * ids and nothing else.
   *
   * @param kind as the api counts. @param describe called with `subject` when attributes are needed. @param startTime
   * default: now.
   */
  begin<Subject>(
    name: string,
    kind: SpanKind,
    context: Context,
    describe?: DescribeSpan<Subject> | undefined,
    subject?: Subject,
    links?: Link[],
    startTime?: TimeInput,
  ): RecordingSpan | PassiveSpan {
    const { sampler } = this.settings;
    const parent = parentIn(context);
    const traceId0 = parent === undefined ? randomWord() : parent.traceId0;
    const traceId1 = parent === undefined ? randomWord() : parent.traceId1;
    const traceId2 = parent === undefined ? randomWord() : parent.traceId2;
    const traceId3 = parent === undefined ? randomWord() || 1 : parent.traceId3;
    let decided: SamplingDecision | SamplingResult | undefined;
    try {
      decided = sampler.decide?.(parent, traceId0, traceId1, traceId2, traceId3, name, kind);
    } catch (error) {
      decided = decideByDefault(sampler, parent, error);
    }
    if (typeof decided === 'number') {
      const span = this.create(decided, name, kind, parent, traceId0, traceId1, traceId2, traceId3);
      if (span instanceof RecordingSpan)
        this.fill(span, this.describe(context, describe, subject as Subject, span), links, startTime);
      return span;
    }
    let attributes: FlatAttributes | undefined;
    if (decided === undefined) {
      attributes = this.describe(context, describe, subject as Subject);
      const traceId = hexOfFour(traceId0, traceId1, traceId2, traceId3);
      decided = askSampler(sampler, parent, context, traceId, name, kind, toObject(attributes), links ?? []);
    }
    const span = this.create(decided.decision, name, kind, parent, traceId0, traceId1, traceId2, traceId3);
    if (decided.traceState !== undefined) span.traceState = emptyToUndefined(decided.traceState);
    if (span instanceof RecordingSpan) {
      this.fill(span, attributes ?? this.describe(context, describe, subject as Subject, span), links, startTime);
      if (decided.attributes !== undefined) span.setAttributes(decided.attributes);
    }
    return span;
  }

  /** What a span starts with: those entries of the baggage that were asked for, then what describes it. */
  private describe<Subject>(
    context: Context,
    describe: DescribeSpan<Subject> | undefined,
    subject: Subject,
    span?: RecordingSpan,
  ): FlatAttributes | undefined {
    const described = describe?.(subject, span);
    const { baggageAttributes } = this.settings;
    return baggageAttributes === undefined ? described : withBaggage(described, context, baggageAttributes);
  }

  private create(
    decision: SamplingDecision,
    name: string,
    kind: SpanKind,
    parent: SpanIdentity | undefined,
    traceId0: number,
    traceId1: number,
    traceId2: number,
    traceId3: number,
  ): RecordingSpan | PassiveSpan {
    const span =
      decision === SamplingDecision.NOT_RECORD ? new PassiveSpan() : this.createRecording(name, kind, parent);
    if (parent === undefined) {
      span.traceId0 = traceId0;
      span.traceId1 = traceId1;
      span.traceId2 = traceId2;
      span.traceId3 = traceId3;
      span.traceFlags = randomFlag;
    } else {
      span.continueTrace(parent);
    }
    span.spanId0 = randomWord();
    span.spanId1 = randomWord() || 1;
    if (decision === SamplingDecision.RECORD_AND_SAMPLED) span.traceFlags |= TraceFlags.SAMPLED;
    else span.traceFlags &= ~TraceFlags.SAMPLED;
    return span;
  }

  private createRecording(name: string, kind: SpanKind, parent: SpanIdentity | undefined): RecordingSpan {
    const nowMs = performance.now();
    const anchor = parent?.anchor ?? currentAnchor(nowMs);
    const span = new RecordingSpan(name, kind + 1, anchor, nowMs, this.sink, this.settings.limits);
    this.sink.open(span);
    if (parent !== undefined) {
      span.parentSpanId0 = parent.spanId0;
      span.parentSpanId1 = parent.spanId1;
      span.hasRemoteParent = parent.isRemote;
    }
    return span;
  }

  private fill(
    span: RecordingSpan,
    attributes: FlatAttributes | undefined,
    links: Link[] | undefined,
    startTime: TimeInput | undefined,
  ): void {
    if (attributes !== undefined) {
      for (let index = 0; index < attributes.length; index += 2) {
        span.put(attributes[index] as string, attributes[index + 1]);
      }
    }
    if (links !== undefined) span.addLinks(links);
    if (startTime !== undefined) span.startAt(startTime);
  }
}

const invalidSpan = trace.wrapSpanContext({
  traceId: '00000000000000000000000000000000',
  spanId: '0000000000000000',
  traceFlags: TraceFlags.NONE,
});

/** The parent in a context as one of ours; a foreign span is taken by its ids, an invalid one is no parent. */
function parentIn(context: Context): SpanIdentity | undefined {
  if (context === ROOT_CONTEXT) return undefined;
  const span = spanOf(context);
  if (span === undefined || span instanceof SpanIdentity) return span as SpanIdentity | undefined;
  const spanContext = span.spanContext();
  return isUsable(spanContext) ? PassiveSpan.fromContext(spanContext) : undefined;
}

function flatten(attributes: Attributes | undefined): FlatAttributes {
  const flat: AttributeValue[] = [];
  if (attributes !== undefined && attributes !== null) {
    for (const key of Object.keys(attributes)) flat.push(key, attributes[key] as AttributeValue);
  }
  return flat;
}

function toObject(attributes: FlatAttributes = []): Attributes {
  const object: Attributes = {};
  for (let index = 0; index < attributes.length; index += 2) {
    object[attributes[index] as string] = attributes[index + 1] as string;
  }
  return object;
}

function emptyToUndefined(traceState: TraceState): TraceState | undefined {
  return traceState.serialize() === '' ? undefined : traceState;
}

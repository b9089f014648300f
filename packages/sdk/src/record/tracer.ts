import { type FlatAttributes, randomFlag } from '@clew/wire';
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
import type { Sampler } from '../sample/sampler.ts';
import { putAttribute } from './flat-attributes.ts';
import { RecordingSpan, type SpanSink } from './recording-span.ts';
import type { SpanLimits } from './span-limits.ts';

/** What all tracers of a provider share. */
export interface TracerSettings {
  readonly sampler: Sampler;
  readonly limits: SpanLimits;
}

/** Attributes that a span starts with, made only when somebody wants them: a sampler, or the span. */
export type DescribeSpan<Subject> = (subject: Subject) => FlatAttributes;

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
      const span = this.begin(String(name), kind, base, describe, attributes, links);
      if (span instanceof RecordingSpan && startTime !== undefined) span.startAt(startTime);
      return span;
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
   * @param kind as the api counts. @param describe called with `subject` when attributes are needed.
   */
  begin<Subject>(
    name: string,
    kind: SpanKind,
    context: Context,
    describe?: DescribeSpan<Subject> | undefined,
    subject?: Subject,
    links?: Link[],
  ): RecordingSpan | PassiveSpan {
    const { sampler } = this.settings;
    const parent = parentIn(context);
    const traceId2 = parent === undefined ? randomWord() : parent.traceId2;
    const traceId3 = parent === undefined ? randomWord() || 1 : parent.traceId3;
    if (sampler.decide !== undefined) {
      const decision = sampler.decide(parent, traceId2, traceId3);
      const span = this.create(decision, name, kind, parent, traceId2, traceId3);
      if (span instanceof RecordingSpan) this.fill(span, describe?.(subject as Subject), links);
      return span;
    }
    return this.beginAsking(name, kind, context, parent, traceId2, traceId3, describe?.(subject as Subject), links);
  }

  /** The way through the specification's sampler interface, for samplers that look at more than the trace id. */
  private beginAsking(
    name: string,
    kind: SpanKind,
    context: Context,
    parent: SpanIdentity | undefined,
    traceId2: number,
    traceId3: number,
    attributes: FlatAttributes = [],
    links: Link[] = [],
  ): RecordingSpan | PassiveSpan {
    const [word0, word1] = parent === undefined ? [randomWord(), randomWord()] : [parent.traceId0, parent.traceId1];
    const traceId = hexOfFour(word0, word1, traceId2, traceId3);
    const result = this.settings.sampler.shouldSample(context, traceId, name, kind, toObject(attributes), links);
    const span = this.create(result.decision, name, kind, parent, traceId2, traceId3, word0, word1);
    if (result.traceState !== undefined) span.traceState = emptyToUndefined(result.traceState);
    if (span instanceof RecordingSpan) {
      this.fill(span, attributes, links);
      if (result.attributes !== undefined) span.setAttributes(result.attributes);
    }
    return span;
  }

  private create(
    decision: SamplingDecision,
    name: string,
    kind: SpanKind,
    parent: SpanIdentity | undefined,
    traceId2: number,
    traceId3: number,
    traceId0?: number,
    traceId1?: number,
  ): RecordingSpan | PassiveSpan {
    const span =
      decision === SamplingDecision.NOT_RECORD ? new PassiveSpan() : this.createRecording(name, kind, parent);
    if (parent === undefined) {
      span.traceId0 = traceId0 ?? randomWord();
      span.traceId1 = traceId1 ?? randomWord();
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
    if (parent !== undefined) {
      span.parentSpanId0 = parent.spanId0;
      span.parentSpanId1 = parent.spanId1;
      span.hasRemoteParent = parent.isRemote;
    }
    return span;
  }

  private fill(span: RecordingSpan, attributes: FlatAttributes | undefined, links: Link[] | undefined): void {
    if (attributes !== undefined) {
      const { attributes: maxCount, attributeValueChars } = this.settings.limits;
      for (let index = 0; index < attributes.length; index += 2) {
        const key = attributes[index] as string;
        span.droppedAttributes += putAttribute(
          span.attributes,
          key,
          attributes[index + 1],
          maxCount,
          attributeValueChars,
        );
      }
    }
    if (links !== undefined) span.addLinks(links);
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
  return Object.entries(attributes ?? {}).flat(1) as FlatAttributes;
}

function toObject(attributes: FlatAttributes): Attributes {
  const object: Attributes = {};
  for (let index = 0; index < attributes.length; index += 2) {
    object[attributes[index] as string] = attributes[index + 1] as string;
  }
  return object;
}

function emptyToUndefined(traceState: TraceState): TraceState | undefined {
  return traceState.serialize() === '' ? undefined : traceState;
}

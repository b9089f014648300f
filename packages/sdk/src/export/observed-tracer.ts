import type { SpanSource } from '@clew/wire';
import type { Context, Link, SpanKind, TimeInput } from '@opentelemetry/api';
import type { PassiveSpan } from '../api/passive-span.ts';
import { RecordingSpan, type SpanSink } from '../record/recording-span.ts';
import { ClewTracer, type DescribeSpan, type TracerSettings } from '../record/tracer.ts';
import type { AttachedProcessors } from './attached-processors.ts';
import type { ReadableScope } from './official-interfaces.ts';

/** A tracer whose spans processors see. Without processors there is none of these, and spans pay nothing for them. */
export class ObservedTracer extends ClewTracer {
  private readonly processors: AttachedProcessors;
  private readonly scope: ReadableScope;

  constructor(settings: TracerSettings, sink: SpanSink, processors: AttachedProcessors, scope: ReadableScope) {
    super(settings, new ObservedSink(sink, processors));
    this.processors = processors;
    this.scope = scope;
  }

  override begin<Subject>(
    name: string,
    kind: SpanKind,
    context: Context,
    describe?: DescribeSpan<Subject> | undefined,
    subject?: Subject,
    links?: Link[],
    startTime?: TimeInput,
  ): RecordingSpan | PassiveSpan {
    const span = super.begin(name, kind, context, describe, subject, links, startTime);
    if (span instanceof RecordingSpan) this.processors.start(span, this.scope, context);
    return span;
  }
}

class ObservedSink implements SpanSink {
  private readonly sink: SpanSink;
  private readonly processors: AttachedProcessors;

  constructor(sink: SpanSink, processors: AttachedProcessors) {
    this.sink = sink;
    this.processors = processors;
  }

  open(span: RecordingSpan): void {
    this.sink.open(span);
  }

  record(span: RecordingSpan): void {
    this.sink.record(span);
    this.processors.end(span);
  }

  write(span: SpanSource): void {
    this.sink.write(span);
  }
}

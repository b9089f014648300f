import type { AttributeValue, FlatAttributes } from '@clew/wire';
import type {
  Attributes,
  Exception,
  HrTime,
  Link,
  Span,
  SpanContext,
  SpanKind,
  SpanStatus,
  TimeInput,
} from '@opentelemetry/api';
import type { RecordingSpan } from '../record/recording-span.ts';
import type { ReadableResource, ReadableScope, ReadableSpan, TimedEvent } from './official-interfaces.ts';

/**
 * A span as OpenTelemetry's own processors and exporters see it: made only when one is attached, one for each span, so
 * that they find in `onEnd` the object that they were given in `onStart`. Every field is read from the span when it is
 * asked for.
 */
export class SpanView implements Span, ReadableSpan {
  readonly resource: ReadableResource;
  readonly instrumentationScope: ReadableScope;
  readonly parentSpanContext?: SpanContext;
  private readonly span: RecordingSpan;

  constructor(span: RecordingSpan, parent: SpanContext | undefined, resource: ReadableResource, scope: ReadableScope) {
    this.span = span;
    if (parent !== undefined) this.parentSpanContext = parent;
    this.resource = resource;
    this.instrumentationScope = scope;
  }

  get name(): string {
    return this.span.name;
  }

  get kind(): SpanKind {
    return this.span.kind - 1;
  }

  get startTime(): HrTime {
    return [this.span.startSeconds, this.span.startNanos];
  }

  /** `[0, 0]` while the span runs. */
  get endTime(): HrTime {
    return [this.span.endSeconds, this.span.endNanos];
  }

  /** `[-1, -1]` while the span runs, as the official one has it. */
  get duration(): HrTime {
    if (!this.ended) return [-1, -1];
    const { startSeconds, startNanos, endSeconds, endNanos } = this.span;
    const borrows = endNanos < startNanos;
    return [endSeconds - startSeconds - (borrows ? 1 : 0), endNanos - startNanos + (borrows ? 1e9 : 0)];
  }

  get ended(): boolean {
    return !this.span.isRecording();
  }

  get status(): SpanStatus {
    const { statusCode, statusMessage } = this.span;
    return statusMessage === '' ? { code: statusCode } : { code: statusCode, message: statusMessage };
  }

  get attributes(): Attributes {
    return toObject(this.span.allAttributes());
  }

  get events(): TimedEvent[] {
    return (this.span.events ?? []).map(({ seconds, nanos, name, attributes, droppedAttributes }) => ({
      time: [seconds, nanos],
      name,
      attributes: toObject(attributes),
      droppedAttributesCount: droppedAttributes,
    }));
  }

  get links(): Link[] {
    return (this.span.links ?? []).map((link) => ({
      context: {
        traceId: link.traceId,
        spanId: link.spanId,
        traceFlags: link.traceFlags,
        isRemote: link.isRemote,
        ...(link.traceState !== undefined && { traceState: link.traceState as SpanContext['traceState'] & object }),
      },
      attributes: toObject(link.attributes),
      droppedAttributesCount: link.droppedAttributes,
    }));
  }

  get droppedAttributesCount(): number {
    return this.span.droppedAttributes;
  }

  get droppedEventsCount(): number {
    return this.span.droppedEvents;
  }

  get droppedLinksCount(): number {
    return this.span.droppedLinks;
  }

  spanContext(): SpanContext {
    return this.span.spanContext();
  }

  setAttribute(key: string, value: unknown): this {
    this.span.setAttribute(key, value);
    return this;
  }

  setAttributes(attributes: Attributes): this {
    this.span.setAttributes(attributes);
    return this;
  }

  addEvent(name: string, attributesOrTime?: Attributes | TimeInput, time?: TimeInput): this {
    this.span.addEvent(name, attributesOrTime, time);
    return this;
  }

  addLink(link: Link): this {
    this.span.addLink(link);
    return this;
  }

  addLinks(links: Link[]): this {
    this.span.addLinks(links);
    return this;
  }

  setStatus(status: SpanStatus): this {
    this.span.setStatus(status);
    return this;
  }

  updateName(name: string): this {
    this.span.updateName(name);
    return this;
  }

  recordException(exception: Exception, time?: TimeInput): void {
    this.span.recordException(exception, time);
  }

  isRecording(): boolean {
    return this.span.isRecording();
  }

  end(endTime?: TimeInput): void {
    this.span.end(endTime);
  }
}

function toObject(attributes: FlatAttributes): Attributes {
  const object: Record<string, AttributeValue> = {};
  for (let index = 0; index < attributes.length; index += 2)
    object[attributes[index] as string] = attributes[index + 1];
  return object as Attributes;
}
